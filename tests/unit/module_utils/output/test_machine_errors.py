"""A machine's unexpected answer is its own failure; the others go on.

The modules that ask all machines at once are here together. Jupyter's answers are in jupyter/test_client.py.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.backup import home
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import pin_host_keys
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter import kernel_messages
from ansible_collections.probcomp.stack.plugins.module_utils.logs import fetch
from ansible_collections.probcomp.stack.plugins.module_utils.logs.folder import Bounds
from ansible_collections.probcomp.stack.plugins.module_utils.logs.rsync_command import Settings, Source
from ansible_collections.probcomp.stack.plugins.module_utils.output.machine_errors import UnexpectedAnswer, one_machine
from ansible_collections.probcomp.stack.plugins.module_utils.ssh import login_check
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.client import Machine

USERS = ("ws-1", "ws-2", "ws-3")
HOSTILE = "ws-2"
SECRET = "\x1b[31mtext of the machine\n40 machines: 40 ok"
ERRORS = [
    *(kind(SECRET) for kind in (RecursionError, ValueError, KeyError, TypeError, AttributeError, OverflowError)),
    *(kind(SECRET) for kind in (MemoryError, ZeroDivisionError, AssertionError, RuntimeError, IndexError)),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, SECRET),
    UnicodeEncodeError("utf-8", "\udc80", 0, 1, SECRET),
]


@pytest.fixture(params=ERRORS, ids=lambda error: type(error).__name__)
def failing(request: pytest.FixtureRequest) -> Callable[[str, Any], Any]:
    """Return a function that gives its value, or raises for the hostile machine."""

    def for_machine(user: str, value: Any) -> Any:
        if user == HOSTILE:
            raise request.param
        return value

    return for_machine


def machines(folder: Path) -> list[Machine]:
    (folder / "pin").write_text("a key")
    return [Machine(user, "192.0.2.1", 22, "ubuntu", f"ssh.{user}", str(folder / "pin")) for user in USERS]


def assert_clean(reason: str) -> None:
    assert reason.startswith("what it answered could not be handled: ") and len(reason) < 200
    assert reason.isprintable() and "40 ok" not in reason and "text of the machine" not in reason


def test_logins(failing: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_check, "login_to", lambda machine, key: failing(machine.user, login_check.Login()))
    found = login_check.log_in(machines(tmp_path), "", 2)
    assert [user for user, login in found.items() if login.refusal] == [HOSTILE]
    assert_clean(found[HOSTILE].refusal)


def test_logs(failing: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_fetch_source", lambda machine, *_: failing(machine.user, []))
    settings = Settings(tmp_path / "logs", "", "rsync", Bounds(1, 1, 1), 9)
    results = {item.user: item.reason for item in fetch.fetch_all(machines(tmp_path), [Source("a", "/a")], settings, 2)}
    assert_clean(results.pop(HOSTILE))
    assert results == {"ws-1": "", "ws-3": ""}


def test_homes(failing: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "_save", lambda machine, *_: failing(machine.user, None))
    limits = home.Limits(1, 9)
    saved = {item.user: item for item in home.save_all(machines(tmp_path), "", home.Home("/h"), tmp_path, limits, 2)}
    assert_clean(saved[HOSTILE].reason)
    assert [saved[user].status for user in USERS] == ["nothing_to_save", "failed", "nothing_to_save"]


def test_host_keys(failing: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = pin_host_keys.HostKey(0, "ssh-ed25519", "AAAA")
    monkeypatch.setattr(pin_host_keys, "host_keys", lambda user: failing(user, [key]))
    clock = Clock(now=lambda: 0, sleep=lambda _: None)
    pinner = pin_host_keys.Pinner(SimpleNamespace(read=lambda user, _: user), clock, 9, 1)  # type: ignore[arg-type]
    pinner.pin(
        [
            {"user": user, "instance_id": user, "instance_type": "", "ssh_name": "a", "pin_file": tmp_path / user}
            | {"is_new": True}
            for user in USERS
        ]
    )
    assert [pinner.results[user]["status"] for user in USERS] == ["pinned", "failed", "pinned"]
    reason, _, advice = pinner.results[HOSTILE]["reason"].rpartition(": nothing was pinned")
    assert_clean(reason)
    assert "nothing has to be deleted" in advice and not (tmp_path / HOSTILE).exists()


def test_a_mistake_of_our_own_can_be_found() -> None:
    with (
        pytest.raises(UnexpectedAnswer, match=r"RecursionError in kernel_messages\.py, line \d+$") as caught,
        one_machine(),
    ):
        kernel_messages.kernel_id(b"[" * 500_000)
    assert isinstance(caught.value.__cause__, RecursionError)
    with pytest.raises(UnexpectedAnswer, match=r"OSError \(No space left on device\)$"), one_machine():
        raise OSError(errno.ENOSPC, "No space left on device")


def test_what_the_caller_expects_and_an_interrupt_pass() -> None:
    with pytest.raises(KeyError), one_machine(KeyError):
        raise KeyError
    with pytest.raises(KeyboardInterrupt), one_machine():
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 0", ""),
        ("exit 7", ""),
        ("exec cat /dev/urandom >&2", "was cut off: the machine says too much"),
        ("printf 'Permission\\n40 machines: 40 ok' >&2; exit 255", "(Permission 40 machines: 40 ok)"),
    ],
)
def test_a_login_holds_no_more_than_some_text(
    script: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ssh").write_text(f"#!/bin/bash\n{script}\n")
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    reason = login_check.login_to(machines(tmp_path)[0], "").refusal
    assert words in reason and bool(reason) == bool(words) and "\n" not in reason
