"""Which answers of machines are taken for a module's."""

import json

import pytest
from ansible_collections.probcomp.stack.plugins.plugin_utils import module_echo

DONE = {"changed": True, "invocation": {"module_args": {"url": "https://user:secret@example.org"}}}


@pytest.mark.parametrize(
    "answer",
    [
        '{"changed": true}',
        '\n{"changed": true, "msg": "\\"invocation\\""}',
        'Welcome!\n  {"changed": true}\nbye',
        "{}",
        '{"failed": false, "stdout": "{\\"invocation\\": 1}"}',
        '{"failed": null, "\\ud800": "x"}',
    ],
)
def test_a_claim(answer: str) -> None:
    assert module_echo.is_claim(answer.encode())


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(DONE),
        f"\n{json.dumps(DONE)}\n",
        f"Welcome to {{}}!\n{json.dumps(DONE)}",
        '{"failed": true, "msg": "no space", "exception": "..."}',
        "",
        "[1]",
        "sh: 1: /usr/bin/python3: not found",
        '{"changed": tru',
        '{"a":' * 100_000,
        "\udcff{".encode("utf-8", "surrogateescape").decode("latin-1"),
    ],
)
def test_no_claim(answer: str) -> None:
    assert not module_echo.is_claim(answer.encode())


def test_the_arguments_do_not_go_on() -> None:
    output = b"Welcome \xff\n" + json.dumps(DONE | {"text": "\udcfe\u2028"}).encode() + b"\n\xfe"
    kept = module_echo.without_arguments(output)
    assert b"secret" not in kept and kept.startswith(b"Welcome \xff\n") and kept.endswith(b"\n\xfe")
    assert json.loads(kept[len(b"Welcome \xff\n") : -2]) == {"changed": True, "text": "\udcfe\u2028"}


def test_only_a_module_is_asked() -> None:
    payload = b'params=\'{"ANSIBLE_MODULE_ARGS": {"_ansible_inject_invocation": false}}\','
    assert module_echo.asking(payload) == payload.replace(b"false", b"true")
    assert module_echo.is_asked(module_echo.asking(payload)) and not module_echo.is_asked(payload)
    # In an argument, the same words have other quotes.
    argument = json.dumps({"x": '"_ansible_inject_invocation": false, "_ansible_inject_invocation": true'}).encode()
    assert module_echo.asking(argument) == argument and not module_echo.is_asked(argument)
    assert not module_echo.is_asked(None)
