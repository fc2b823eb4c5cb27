"""Promise 22: an error is one line of what, whose machine and what to do.

The tests also check the rest of a run's output.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.output.task_failures import failure_lines, unreachable_line
from ansible_collections.probcomp.stack.plugins.module_utils.output.text import one_line, printable_lines

pytestmark = pytest.mark.slow

from tests.support.callback_play import ANSIBLE_PLAYBOOK, environment, play


def test_text_of_machines_is_made_printable() -> None:
    hostile = "\x1b]0;title\x07\x1b[31mred\x1b[0m\x08\x00 a\u202eb\u200b\rc\td"
    assert one_line(hostile) == "red ab c d"
    assert printable_lines("a\n\n\x1b[2Jb  \n") == ["a", "", "b"]
    assert len(one_line("x" * 9999)) < 510


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        ({"msg": "no such file"}, ["no such file"]),
        ({"msg": "Task failed: Action failed: no such file"}, ["no such file"]),
        ({"msg": "a\nb"}, ["a b"]),
        (
            {"msg": "The command exited with a non-zero return code.", "rc": 3, "stderr": "x\nlast\n"},
            ["exit status 3: last"],
        ),
        ({"msg": "non-zero return code", "rc": 3, "stderr": "", "stdout": ""}, ["exit status 3"]),
        (
            {"msg": "Validation failed:", "argument_errors": ["a is wrong", "b too"]},
            ["Validation failed: a is wrong; b too"],
        ),
        ({"results": [{"msg": "fine"}, {"failed": True, "msg": "this one"}]}, ["this one"]),
        ({"censored": "hidden", "msg": "secret"}, ["T: failed; its output holds a secret and is not shown"]),
        ({}, ["T: failed without a message; -v shows more"]),
    ],
)
def test_failures_in_words(result: dict[str, object], lines: list[str]) -> None:
    assert failure_lines(result, "T") == lines


def test_problems_of_the_command_are_one_line_each() -> None:
    assert failure_lines({"msg": "a\nb\n"}, "T", keep_lines=True) == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "starts", "hint"),
    [
        (
            "'/usr/bin/apt-get -y -o \"Dpkg::Options::=--force-confdef\" install 'a=1'' failed: E: Could not get lock "
            "/var/lib/dpkg/lock-frontend. It is held by process 7 (apt-get)\n",
            "Could not get lock /var/lib/dpkg/lock-frontend",
            "apt_probcomp_lock_timeout",
        ),
        ("GPG error: http://x InRelease: invalid signatures: BADSIG 1", "GPG error: http://x", "apt_probcomp_key"),
        ("Failed to fetch http://x/Packages.gz  Hash Sum mismatch", "Failed to fetch", "upload its index anew"),
    ],
)
def test_troubles_with_packages_come_with_what_to_do(words: str, starts: str, hint: str) -> None:
    (line,) = failure_lines({"msg": words}, "T")
    assert line.startswith(starts) and line.partition("; ")[2].find(hint) > 0


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("Failed to connect to the host via ssh: Host key verification failed.", "known_hosts"),
        ("ubuntu@192.0.2.7: Permission denied (publickey).", "private_key_file"),
        ("ssh: connect to host 192.0.2.7 port 22: Connection timed out", "admin_cidr"),
        ("ssh: connect to host 192.0.2.7 port 22: Connection refused", "try again"),
    ],
)
def test_unreachable_machines_come_with_advice(message: str, says: str) -> None:
    line = unreachable_line({"msg": message})
    assert says in line
    assert not line.startswith("Failed to connect")


PLAY = r"""
- name: Plan
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Show the plan
      ansible.builtin.debug:
        msg: [first line, "second: line"]
    - name: Add machines
      ansible.builtin.add_host: {name: "ws-{{ item }}", groups: fleet, ansible_connection: local}
      loop: "{{ range(1, 13) | list }}"
      changed_when: false
- name: Nobody here
  hosts: fleet:&absent
  tasks:
    - ansible.builtin.debug: {msg: never}
- name: Work
  hosts: fleet
  gather_facts: false
  tasks:
    - name: Change something
      ansible.builtin.command: "true"
    - name: Fail on some
      ansible.builtin.fail:
        msg: "broken \e[31mdisk"
      when: inventory_hostname in ['ws-3', 'ws-10']
    - name: Fail and go on
      ansible.builtin.fail: {msg: unimportant}
      ignore_errors: true
      when: inventory_hostname == 'ws-1'
    - name: Skipped by all
      ansible.builtin.command: "false"
      when: false
    - name: Warn
      ansible.builtin.debug: {msg: "at {{ inventory_hostname }}"}
      when: inventory_hostname == 'ws-2'
"""


def test_a_run_as_people_see_it(tmp_path: Path) -> None:
    result = play(tmp_path, PLAY)
    assert result.returncode == 2
    assert result.stdout.splitlines() == [
        "first line",
        "second: line",
        "",
        "== Plan",
        "- Add machines",
        "",
        "== Work",
        "- Change something",
        "  changed: ws-1 to ws-12",
        "- Fail on some",
        *(line for line in result.stdout.splitlines() if line.startswith("FAILED")),  # in the order in which they end
        "- Fail and go on",
        "ignored ws-1: unimportant",
        "ws-2: at ws-2",
        "",
        "12 machines: 10 ok, 12 changed, 2 failed",
        "2 machines failed: ws-3, ws-10 (broken disk)",
    ]
    assert "FAILED ws-3: broken disk" in result.stdout
    assert "FAILED ws-10: broken disk" in result.stdout


def test_more_is_said_when_asked_for(tmp_path: Path) -> None:
    result = play(tmp_path, PLAY, "-v")
    assert "PLAY RECAP" in result.stdout
    assert "TASK [Change something]" in result.stdout
    assert "2 machines failed: ws-3, ws-10 (broken disk)" in result.stdout


ONCE = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.add_host: {name: "ws-{{ item }}", groups: fleet, ansible_connection: local}
      loop: [1, 2]
- hosts: fleet
  gather_facts: false
  tasks:
    - name: Look at everything first
      ansible.builtin.fail:
        msg: |
          no key pair
          no zone
      run_once: true
    - name: Change it
      ansible.builtin.command: touch changed
"""


def test_a_failure_of_the_command_is_nobodys(tmp_path: Path) -> None:
    result = play(tmp_path, ONCE)
    assert result.returncode == 2
    assert "FAILED: no key pair\nFAILED: no zone\n" in result.stdout
    assert "machine failed" not in result.stdout
    assert not (tmp_path / "changed").exists()


def test_an_interrupted_run_prints_nothing_strange(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n"
        "    - name: Wait\n      ansible.builtin.shell: touch started; sleep 20\n",
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [ANSIBLE_PLAYBOOK, "-i", "/dev/null", "play.yml"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 30
    while not (tmp_path / "started").exists() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=40)
    assert process.returncode == 99
    assert output.splitlines()[-1] == "[ERROR]: User interrupted execution"
    assert "Traceback" not in output


NAMED = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.add_host: {{name: "ws-{{{{ item }}}}", groups: fleet, ansible_connection: local}}
      loop: [1, 2, 3]
      changed_when: false
- hosts: fleet
  gather_facts: false
  tasks:
    - name: Act for all
      ansible.builtin.command: "true"
      changed_when: {changed}
      run_once: true
    - name: Speak
      ansible.builtin.debug: {{msg: done}}
"""
FOR_SOME = """
    - name: Act on some
      ansible.builtin.command: "true"
      changed_when: false
      when: inventory_hostname in ["ws-1", "ws-3"]
"""


def last_lines(folder: Path, changed: str, more: str, *options: str) -> list[str]:
    result = play(folder, NAMED.format(changed=changed) + more, *options)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    # The machines' lines come in any order.
    return lines[max(lines.index(f"ws-{number}: done") for number in (1, 2, 3)) + 1 :]


def test_machines_that_had_nothing_to_do_are_counted_too(tmp_path: Path) -> None:
    assert last_lines(tmp_path, "false", FOR_SOME) == ["", "3 machines: 3 ok, 0 changed, 0 failed"]


def test_a_command_that_acts_once_for_all_counts_no_machine(tmp_path: Path) -> None:
    assert last_lines(tmp_path, "false", "") == ["", "nothing was changed"]
    assert last_lines(tmp_path, "true", "") == []
    assert last_lines(tmp_path, "false", "", "--check") == ["check mode: nothing was changed"]


def test_a_command_on_no_machine_counts_none(tmp_path: Path) -> None:
    result = play(
        tmp_path, "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ansible.builtin.debug: {msg: a}\n"
    )
    assert result.stdout.splitlines() == ["a"]
