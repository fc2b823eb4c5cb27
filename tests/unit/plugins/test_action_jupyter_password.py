"""What --diff shows of a new pass phrase: that it changes, and nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.action import jupyter_password

from tests.support.callback_play import play

PHRASE = "canary sings at noon"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Set the password
      jupyter_password:
        password_file: "{{ playbook_dir }}/alice.passwd"
        owner: nobody-of-this-name
"""


def test_what_it_was_is_told_from_none() -> None:
    old = "argon2:$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43
    shown = jupyter_password.difference(old, "jupyter-passwords/alice.passwd")
    assert shown["before"] == "hash of another pass phrase\n"
    assert shown["after"] == "hash of the pass phrase in jupyter-passwords/alice.passwd\n"
    assert "argon2" not in str(shown)
    assert jupyter_password.difference("", "x")["before"] == "no pass phrase\n"


@pytest.mark.slow
def test_the_phrase_is_not_in_the_difference(tmp_path: Path) -> None:
    file = tmp_path / "alice.passwd"
    file.write_text(f"{PHRASE}\n")
    file.chmod(0o600)
    done = play(tmp_path, PLAY, "--check", "--diff", "-vvvvv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "-no pass phrase" in done.stdout and f"+hash of the pass phrase in {file}" in done.stdout
    assert "canary" not in done.stdout + done.stderr and "argon2" not in done.stdout + done.stderr
