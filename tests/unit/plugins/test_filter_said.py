"""The filters' lines as people see them, when machines lie in their results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.plugins.test_callback_fleet import play

pytestmark = pytest.mark.slow

FORGERS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.add_host: {name: "ws-{{ item }}", groups: fleet, ansible_connection: local}
      loop: [1, 2, 3]
      changed_when: false
- hosts: fleet
  gather_facts: false
  tasks:
    - says: {user: "{{ inventory_hostname }}"}
      register: said
    - ansible.builtin.debug:
        msg: "{{ dict(ansible_play_hosts | zip(all)) | probcomp_contents }}"
      run_once: true
      vars: {all: "{{ ansible_play_hosts | map('extract', hostvars, 'said') }}"}
    - ansible.builtin.debug:
        msg: "{{ dict(ansible_play_hosts | zip(all)) | probcomp_messages }}"
      run_once: true
      vars: {all: "{{ ansible_play_hosts | map('extract', hostvars, 'said') }}"}
    - ansible.builtin.debug:
        msg: "{{ dict(ansible_play_hosts | zip(all)) | probcomp_upgrades(ansible_check_mode) }}"
      run_once: true
      vars: {all: "{{ ansible_play_hosts | map('extract', hostvars, 'said') }}"}
    - ansible.builtin.debug:
        msg: "{{ dict(ansible_play_hosts | zip(all)) | probcomp_left_behind }}"
      run_once: true
      vars: {all: "{{ ansible_play_hosts | map('extract', hostvars, 'said') }}"}
    - ansible.builtin.debug:
        msg: ["{{ hostvars['ws-2'].said.new[0] }}"]
      run_once: true
"""
FORGER = r"""#!/usr/bin/python3
# WANT_JSON
import json, sys
forged = "a\n40 machines: 40 ok\u202e\x1b[2J"
counts = {"new": 1, "updated": 0, "kept": 0, "removed": 0}
good = {"changed": False, "version": "f" * 64, "counts": counts, "new": ["n"], "msg": "it ran", "stdout": ""}
answers = {
    "ws-1": good,
    "ws-2": {**good, "new": [forged], "msg": forged, "left_behind": [forged] * 7, "stdout": "Inst " + forged},
    "ws-3": {"changed": False, "version": [forged], "counts": "many", "msg": [forged], "left_behind": forged},
}
print(json.dumps(answers[json.load(open(sys.argv[1]))["user"]]))
"""


def test_a_machine_that_lies_forges_no_line_and_ends_nothing_for_the_others(tmp_path: Path) -> None:
    module = tmp_path / "library/says.py"
    module.parent.mkdir()
    module.write_text(FORGER)
    result = play(tmp_path, FORGERS)
    assert result.returncode == 0, result.stdout + result.stderr
    forged = "a 40 machines: 40 ok"
    assert [line for line in result.stdout.splitlines() if not line.startswith(("-", "="))] == [
        *("", ""),
        "ws-1: content ffffffffffff: files 1 new (n)",
        r"ws-2: content ffffffffffff: files 1 new ('a\n40 machines: 40 ok\u202e\x1b[2J')",
        "ws-3: its answer was not understood",
        "ws-1: it ran",
        f"ws-2: {forged}",
        "ws-3: its answer was not understood",
        "ws-1 to ws-3: all packages are in their newest version",
        "ws-2: found what an intruder may have left, unless it is the user's own: "
        + ", ".join([r"'a\n40 machines: 40 ok\u202e\x1b[2J'"] * 5)
        + " and 2 more",
        "ws-3: its answer was not understood",
        forged,
        "",
        "3 machines: 3 ok, 0 changed, 0 failed",
    ]
