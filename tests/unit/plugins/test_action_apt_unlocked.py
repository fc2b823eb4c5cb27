"""Locks for which apt does not wait, with a test program in apt's place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.callback_play import play

pytestmark = pytest.mark.slow

LOCKED = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - apt_unlocked:
        module: ansible.builtin.command
        arguments: {{_uses_shell: true, _raw_params: "{script}"}}
        timeout: {timeout}
"""


def attempts(folder: Path, words: str, succeeds_at: int, timeout: int) -> tuple[int, int]:
    """Return a play's exit status, and how often it called the program.

    Each call adds a line to a file.
    """
    calls = folder / "attempts"
    script = f"echo >> {calls}; [ $(wc -l < {calls}) -ge {succeeds_at} ] || {{ echo '{words}' >&2; exit 100; }}"
    done = play(folder, PLAY.format(script=script, timeout=timeout))
    return done.returncode, len(calls.read_text())


def test_it_is_tried_again_while_another_holds_the_lock(tmp_path: Path) -> None:
    assert attempts(tmp_path, LOCKED, 2, 60) == (0, 2)


def test_the_time_has_an_end(tmp_path: Path) -> None:
    begun = time.monotonic()
    assert attempts(tmp_path, LOCKED.replace("lib/apt/lists", "cache/apt/archives"), 9, 4) == (2, 1)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    "words", ["E: Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)", "E: no route", ""]
)
def test_other_failures_are_not_tried_again(tmp_path: Path, words: str) -> None:
    assert attempts(tmp_path, words, 9, 60) == (2, 1)
