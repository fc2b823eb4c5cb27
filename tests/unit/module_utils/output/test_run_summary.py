"""The last lines of a command: each failure once, and nothing untrue."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.output.run_summary import DO_WHAT_IS_MISSING, RunSummary

from tests.support import ROOT
from tests.support.callback_play import play

pytestmark = pytest.mark.slow

FAILS_LAST = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.add_host: {name: "ws-{{ item }}", groups: fleet, ansible_connection: local}
      loop: [10, 9, 11, 2, 1]
      changed_when: false
- hosts: fleet
  gather_facts: false
  tasks:
    - name: Change {{ what | default('the names') }}
      ansible.builtin.command: "true"
      run_once: true
    - name: Make the stacks
      ansible.builtin.command: "true"
      run_once: true
    - name: Fail
      ansible.builtin.fail: {msg: "{{ inventory_hostname }}: no disk"}
      when: inventory_hostname != 'ws-2'
"""


def test_a_failure_is_told_once_and_names_its_machine_once(tmp_path: Path) -> None:
    lines = play(tmp_path, FAILS_LAST).stdout.splitlines()
    assert {line for line in lines if "no disk" in line} == {
        f"FAILED ws-{number}: no disk" for number in (1, 9, 10, 11)
    }
    assert sum("no disk" in line for line in lines) == 4
    assert lines[-3:] == [
        "5 machines: 1 ok, 0 changed, 4 failed",
        "changed for all at once by: Change the names; Make the stacks",
        "4 machines failed: ws-1, ws-9 to ws-11",
    ]


FAILS_AT_ONCE = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.add_host: {name: ws-1, groups: fleet, ansible_connection: local}
- hosts: fleet
  gather_facts: false
  tasks:
    - ansible.builtin.fail: {msg: no disk}
"""


@pytest.mark.parametrize(
    ("command", "options", "is_said"),
    [
        ("fleet_create.yml", [], True),
        ("stack_start.yml", [], True),
        ("fleet_create.yml", ["--check"], False),
        ("fleet_check.yml", [], False),
        ("restart_jupyter.yml", [], False),
        ("marco_install.yml", [], False),
        # These refuse what only another setting, or a person, changes.
        ("set_password.yml", [], False),
        ("stack_update.yml", [], False),
        ("stack_delete.yml", [], False),
    ],
)
def test_only_where_it_is_true_a_rerun_is_said_to_do_what_is_missing(
    command: str, options: list[str], is_said: bool, tmp_path: Path
) -> None:
    result = play(tmp_path, FAILS_AT_ONCE, *options, name=command)
    assert result.returncode == 2 and "1 machine failed" in result.stdout
    assert ("The same command again does only what is missing." in result.stdout) == is_said


def test_the_commands_that_do_what_is_missing_exist() -> None:
    assert {path.name for path in ROOT.glob("*.yml")} >= DO_WHAT_IS_MISSING


def test_machines_that_are_left_alone_are_not_ok() -> None:
    summary = RunSummary(seen_machines={"ws-1", "ws-2", "ws-3"}, skipped_machines={"ws-2", "ws-3"})
    assert summary.recap(["ws-1", "ws-2", "ws-3"], ["ws-3"], False) == (
        "3 machines: 1 ok, 0 changed, 1 failed, 1 skipped"
    )


def test_machines_for_which_there_was_no_task_are_counted_if_they_were_skipped() -> None:
    summary = RunSummary(seen_machines={"ws-1"}, skipped_machines={"ws-2"})
    assert summary.recap(["ws-1"], [], False) == "2 machines: 1 ok, 0 changed, 0 failed, 1 skipped"
    assert RunSummary(skipped_machines={"ws-2"}).recap(["ws-2"], [], False) == (
        "1 machine: 0 ok, 0 changed, 0 failed, 1 skipped"
    )


STOPPED = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.add_host:
        {name: "ws-{{ item }}", groups: users, ansible_connection: local, probcomp_state: "{{ state }}"}
      vars: {state: "{{ 'running' if item < 3 and some_run | default(true) | bool else 'stopped' }}"}
      loop: [1, 2, 3, 4]
      changed_when: false
- hosts: users
  gather_facts: false
  tasks:
    - group_machines: {group: fleet, count_skipped: true}
      run_once: true
- hosts: fleet
  gather_facts: false
  tasks:
    - ansible.builtin.command: "true"
      changed_when: false
"""


def test_a_check_of_stopped_machines_says_that_it_skipped_them(tmp_path: Path) -> None:
    for options, line in (
        ([], "4 machines: 2 ok, 0 changed, 0 failed, 2 skipped"),
        (["-e", "some_run=no"], "4 machines: 0 ok, 0 changed, 0 failed, 4 skipped"),
    ):
        result = play(tmp_path, STOPPED, *options, name="fleet_check.yml")
        assert result.returncode == 0 and result.stdout.splitlines()[-1] == line, result.stdout


def test_a_reason_above_is_told_again_beside_another_one() -> None:
    summary = RunSummary(first_reasons={"ws-1": "disk full", "ws-3": "no route"}, shown_just_now={"ws-1"})
    assert summary.failures(["ws-3", "ws-1"]) == "2 machines failed: ws-1 (disk full), ws-3 (no route)"
    summary.shown_just_now.add("ws-3")
    assert summary.failures(["ws-3", "ws-1"]) == "2 machines failed: ws-1, ws-3"
