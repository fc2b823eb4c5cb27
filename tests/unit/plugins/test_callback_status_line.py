"""The status line of a running command.

It shows on a terminal, on a pipe, with -v, and with modules that report.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import termios
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

from tests.support import ROOT
from tests.support.callback_play import ANSIBLE_PLAYBOOK, environment

SECONDS = 90
LATE = re.compile(r"  Install: 2 of 5 done after \d+ s; late: ws-2, ws-10, ws-12")

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.add_host: {name: "ws-{{ item }}", groups: fleet, ansible_connection: local}
      loop: [1, 2, 3, 10, 12]
      changed_when: false
- name: Work
  hosts: fleet
  gather_facts: false
  tasks:
    - name: Install
      ansible.builtin.shell: "{{ 'sleep 4' if inventory_hostname in ['ws-2', 'ws-10', 'ws-12'] else 'true' }}"
    - name: Warn at last
      ansible.builtin.fail: {msg: "no luck"}
      when: inventory_hostname == 'ws-3'
"""

REPORTS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Make the stacks
      reports:
"""
# This module reports as ours do, and then takes its time.
MODULE = """
import os, time
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.progress.reporter import Progress

module = AnsibleModule({}, supports_check_mode=True)
progress = Progress("stacks", 40)
progress.report([f"ws-{number}" for number in range(1, 41)])
progress.report(["ws-22", "ws-3", "ws-17", "ws-9", "ws-40"], failed=1)
time.sleep(3)
module.warn("the file is " + os.environ.get("PROBCOMP_PROGRESS_FILE", "not there"))
module.exit_json(changed=False)
"""


def with_reports(**settings: str) -> dict[str, str]:
    return environment(**{"ANSIBLE_LIBRARY": f"library:{ROOT}/plugins/modules", "TERM": "xterm", **settings})


def command(folder: Path, text: str, *options: str) -> list[str]:
    (folder / "play.yml").write_text(text, encoding="utf-8")
    (folder / "library").mkdir()
    (folder / "library/reports.py").write_text(MODULE, encoding="utf-8")
    return [ANSIBLE_PLAYBOOK, "-i", "/dev/null", "play.yml", *options]


def on_a_pipe(folder: Path, text: str, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    given = with_reports(PROBCOMP_STATUS_INTERVAL="1", **settings)
    words = command(folder, text, *options)
    return subprocess.run(
        words, cwd=folder, env=given, capture_output=True, text=True, timeout=SECONDS, check=False
    )  # fmt: skip


def on_a_terminal(folder: Path, text: str, *options: str, columns: int = 0, **settings: str) -> str:
    """Return all standard output and errors, written to a terminal.

    Its width is unknown with `columns` 0.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    given = with_reports(PROBCOMP_STATUS_DELAY="1", PROBCOMP_STATUS_INTERVAL="1", **settings)
    words = command(folder, text, *options)
    with subprocess.Popen(words, cwd=folder, env=given, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and select.select([ours], [], [], SECONDS)[0]:
            try:
                written += os.read(ours, 65536)
            except OSError:  # EIO: the other side is closed.
                break
        process.wait(SECONDS)
    os.close(ours)
    return written.decode()


def seen(written: str) -> list[str]:
    """Return the lines that stay on the terminal.

    A line that is written over a longer one leaves the longer one's end.
    """
    lines = [""]
    column = 0
    for token in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[^\x1b]", written.replace("\r\n", "\n"), re.DOTALL):
        match token:
            case "\n":
                lines.append("")
                column = 0
            case "\r":
                column = 0
            case "\x1b[K":
                lines[-1] = lines[-1][:column]
            case _ if token.startswith("\x1b"):
                assert token.endswith("m"), token
            case _:
                lines[-1] = lines[-1][:column] + token + lines[-1][column + 1 :]
                column += 1
    return lines[:-1]


def status(text: str) -> list[str]:
    return re.findall(r"  (?:Install|stacks): \d[^\r\n\x1b]*", text)


def test_a_pipe_gets_a_line_now_and_then(tmp_path: Path) -> None:
    begin = time.monotonic()
    result = on_a_pipe(tmp_path, PLAY)
    lines = status(result.stdout)
    # The test asks for one line a second; a busy computer prints fewer.
    assert 2 <= len(lines) <= time.monotonic() - begin, result.stdout
    assert any(LATE.fullmatch(line) for line in lines), lines
    assert "\r" not in result.stdout and "\x1b" not in result.stdout
    assert result.stdout.splitlines()[-3:] == [
        "",
        "5 machines: 4 ok, 5 changed, 1 failed",
        "1 machine failed: ws-3",
    ]


def test_a_terminal_shows_one_line_that_is_gone_at_the_end(tmp_path: Path) -> None:
    written = on_a_terminal(tmp_path, PLAY)
    lines = status(written)
    assert len(lines) >= 3
    assert any(LATE.fullmatch(line) for line in lines), lines
    assert seen(written) == [
        "",
        "== localhost",
        "- ansible.builtin.add_host",
        "",
        "== Work",
        "- Install",
        "  changed: ws-1 to ws-3, ws-10, ws-12",
        "- Warn at last",
        "FAILED ws-3: no luck",
        "",
        "5 machines: 4 ok, 5 changed, 1 failed",
        "1 machine failed: ws-3",
    ]


def test_with_v_a_terminal_gets_plain_lines(tmp_path: Path) -> None:
    written = on_a_terminal(tmp_path, PLAY, "-v")
    assert len(status(written)) >= 2
    assert set(status(written)) <= set(seen(written))
    assert "\x1b[K" not in written
    assert "TASK [Install]" in written


@pytest.mark.parametrize("options", [(), ("--check", "--diff")])
def test_what_a_module_reports_is_shown_and_its_warning_stays(tmp_path: Path, options: tuple[str, ...]) -> None:
    written = on_a_terminal(tmp_path, REPORTS, *options)
    assert re.search(r"  stacks: 34 of 40 ready, 1 failed after \d+ s; late: ws-3, ws-9 and 3 more\r", written)
    lines = [line for line in seen(written) if line and not line.startswith("[WARNING]")]
    assert [line.partition(" (check")[0] for line in lines][:2] == ["== localhost", "- Make the stacks"]
    assert not status("\n".join(lines))
    (warning,) = (line for line in seen(written) if line.startswith("[WARNING]"))
    path = Path(warning.rpartition(" ")[2])
    # The file lay in Ansible's temporary folder of this run, which Ansible has removed.
    assert path.name == "probcomp-progress" and path.parent.name.startswith("ansible-local-")
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"ANSIBLE_STDOUT_CALLBACK": "default"},
        {"PROBCOMP_STATUS_INTERVAL": "0"},
    ],
    ids=["another callback", "no line"],
)
def test_nothing_is_reported_where_nobody_shows_it(tmp_path: Path, settings: dict[str, str]) -> None:
    words = command(tmp_path, REPORTS)
    done = subprocess.run(
        words, cwd=tmp_path, env=with_reports(**settings), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the file is not there" in done.stdout + done.stderr
    assert not status(done.stdout)


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path) -> None:
    written = on_a_terminal(tmp_path, REPORTS, TERM="dumb")
    assert status(written) and "\x1b[K" not in written


SENTENCE = ("a sentence of some words " * 5).strip()
ROW = f"who  state  {'x' * 90}"
COMMAND = "ansible-playbook -l 'ws,!ws-7,!ws-19' stack_start.yml"
LONG = f"""
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {{msg: ["{SENTENCE}", "{ROW}"]}}
    - ansible.builtin.fail: {{msg: "{SENTENCE}: {COMMAND}"}}
"""


def test_a_terminal_gets_long_lines_broken_at_blanks_and_a_pipe_gets_them_whole(tmp_path: Path) -> None:
    (tmp_path / "terminal").mkdir()
    (tmp_path / "pipe").mkdir()
    lines = on_a_terminal(tmp_path / "terminal", LONG, columns=80, ANSIBLE_NOCOLOR="1").replace("\r", "").splitlines()
    assert lines.count("    sentence of some words a sentence of some words") == 1
    # A row of a table is not broken, and a command can be copied.
    assert ROW in lines and f"    {COMMAND}" in lines
    piped = on_a_pipe(tmp_path / "pipe", LONG).stdout
    assert SENTENCE in piped.splitlines() and f"FAILED: {SENTENCE}: {COMMAND}" in piped.splitlines()
