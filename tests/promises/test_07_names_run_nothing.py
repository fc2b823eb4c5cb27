"""Test promise 7: a name can neither run code nor leave its directory."""

from __future__ import annotations

import shlex

import pytest

from tests.support.refused import extra, refuses
from tests.support.workshop import Workshop

# Each row has a name as typed and text that the answer must contain. No name may be evaluated or become a path.
NAMES = {
    "capital": ("Alice", "did you mean alice"),
    "newline": ("bob\n", r"bob\n"),
    "blank": ("al ice", "'al ice'"),
    "empty": ("", "user name '' is not valid"),
    "parent folder": ("../x", "../x"),
    "slash": ("a/b", "a/b"),
    "dot": ("a.b", "a.b"),
    "semicolon": ("x;touch PWNED", "x;touch PWNED"),
    "substitution": ("$(touch PWNED)", "$(touch PWNED)"),
    "backquotes": ("`touch PWNED`", "`touch PWNED`"),
    "template": ("{{ 7*7 }}", "{{ 7*7 }}"),
    "statement": ("{% for x in [1] %}a{% endfor %}", "{% for x"),
    "lookup": ("{{ lookup('pipe', 'touch PWNED') }}", "lookup"),
    "escape": ("a\x1b]0;owned\x07", r"\x1b"),
    "option": ("-oProxyCommand=touch", "-oProxyCommand"),
    "too long": ("a" * 35, "too long by 3"),
    "reserved": ("localhost", "reserved"),
    "international": ("xn--bcher-kva", "xn--"),
    "yaml no": (False, "quote it"),
}
COMMANDS = ("stack_create.yml", "stack_delete.yml -e confirm=yes -e backup=false", "create_passwords.yml")


@pytest.mark.parametrize("row", NAMES)
def test_a_name(workshop: Workshop, row: str) -> None:
    name, word = NAMES[row]
    command = COMMANDS[list(NAMES).index(row) % len(COMMANDS)]
    refuses(workshop, f"{command} {extra(user=name)}", [word])


@pytest.mark.parametrize("row", ["substitution", "template", "lookup", "parent folder"])
def test_a_base(workshop: Workshop, row: str) -> None:
    name, word = NAMES[row]
    refuses(workshop, f"fleet_create.yml {extra(base=name, low=1, high=2)}", [word])


@pytest.mark.parametrize("row", ["substitution", "template", "lookup", "parent folder", "semicolon"])
def test_a_limit(workshop: Workshop, row: str) -> None:
    name, _ = NAMES[row]
    refuses(workshop, f"-l {shlex.quote(str(name))} set_password.yml", ["no such machine"])
