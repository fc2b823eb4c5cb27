"""Tables fit the terminal, and what names a row is never cut."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.costs import burn_rate_report
from ansible_collections.probcomp.stack.plugins.module_utils.fleet import stack_table
from ansible_collections.probcomp.stack.plugins.module_utils.output.table import Column, fitted, text_width

from tests.support.callback_play import ANSIBLE_PLAYBOOK, environment

NAME = "a-name-of-thirty-two-characters0"
ROWS = [
    (
        NAME, "running", "2026-11-28", "c5.4xlarge", "Ada Lovelace of London", "Massachusetts Institute", "thesis",
        "sits by the door " * 4, "2026-12-01 overdue", "", "",
    ),
    ("ws-1", "stopped", "2026-11-28", "t3.medium", "李小龍李小龍李小龍", "", "", "", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_a_full_table_fits(width: int) -> None:
    lines = fitted(stack_table.COLUMNS, ROWS, width)
    assert max(text_width(line) for line in lines) <= width
    assert lines[1].startswith(NAME) and "running" in lines[1]
    assert ("2026-12-01 overdue" in lines[1]) == (width >= 110)


def test_at_80_columns_values_are_cut_and_never_the_name() -> None:
    rows = [(*row[:5], "", "", row[7], "", "", "") for row in ROWS]
    lines = fitted(stack_table.COLUMNS, rows, 80)
    assert max(text_width(line) for line in lines) <= 80
    assert lines[1].startswith(f"{NAME}  running  2026-11-28  c5.4xlarge  ") and "…" in lines[1]
    burn = fitted(
        burn_rate_report.COLUMNS,
        [(NAME, "t3.medium running, 30 GiB gp3, 1 address", "0.0499", "1.20", "35.92", "")],
        80,
    )
    assert (
        max(map(text_width, burn)) <= 80 and burn[1].startswith(NAME) and burn[1].endswith("0.0499   1.20      35.92")
    )


def test_without_a_width_nothing_is_cut() -> None:
    value = "x" * 3000
    assert fitted([Column("setting"), Column("value", 20)], [("a", value)], None)[1] == f"a        {value}"


PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: "{{ lookup('ansible.builtin.env', 'PROBCOMP_COLUMNS') }} columns"}
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 120, 0])
def test_modules_learn_the_width_of_the_terminal_and_none_of_a_pipe(width: int, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    # What another command left in the environment is no width of this one's.
    given = environment(PROBCOMP_COLUMNS="33", TERM="xterm")
    command = [ANSIBLE_PLAYBOOK, "-i", "/dev/null", "play.yml"]
    pipe = None if width else subprocess.PIPE
    done = subprocess.run(command, cwd=tmp_path, env=given, stdout=pipe or theirs, timeout=90, check=True)
    os.close(theirs)
    text = (done.stdout if pipe else os.read(ours, 65536)).decode()
    os.close(ours)
    assert (f"{width} columns" if width else "\n columns") in f"\n{text}"
