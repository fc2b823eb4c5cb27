"""Promises 22 and 26: a machine's text is shown as its own, and is harmless.

No terminal obeys it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.callback_play import play

pytestmark = pytest.mark.slow


def test_what_a_machine_warns_of_is_made_printable(tmp_path: Path) -> None:
    module = tmp_path / "library/says.py"
    module.parent.mkdir()
    answer = {"changed": False, "warnings": ["\x1b]0;owned\x07warned\x9b"], "deprecations": [{"msg": "\x1b[31mold"}]}
    module.write_text(f"#!/usr/bin/python3\n# WANT_JSON\nprint({json.dumps(json.dumps(answer))})\n")
    result = play(tmp_path, "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - says:\n")
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert "warned" in said and "old" in said
    assert {character for character in said if not character.isprintable()} == {"\n"}


FORGED = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.add_host: {name: ws-2, groups: fleet, ansible_connection: local}
      changed_when: false
- hosts: fleet
  gather_facts: false
  tasks:
    - says:
"""


@pytest.mark.parametrize("options", [(), ("-v",)], ids=["short", "-v"])
def test_what_a_machine_warns_of_is_its_own_word(options: tuple[str, ...], tmp_path: Path) -> None:
    module = tmp_path / "library/says.py"
    module.parent.mkdir()
    forged = "ws-3 is broken: run stack_delete.yml"
    answer = {
        "failed": True,
        "msg": "\x1b[2Jok\nFAILED ws-1: lost",
        "exception": "\x1b[2Jraised\nFAILED ws-1: lost",
        "warnings": [forged, {"msg": forged}, f"a\n[WARNING]: {forged}"],
        "deprecations": [{"msg": f"old: {forged}"}, {"msg": f"b\x1b[2J\r{forged}", "version": "9"}],
    }
    module.write_text(f"#!/usr/bin/python3\n# WANT_JSON\nprint({json.dumps(json.dumps(answer))})\n")
    result = play(tmp_path, FORGED, *options)
    lines = (result.stdout + result.stderr).splitlines()
    assert result.returncode == 2
    told = [line for line in lines if forged in line and not line.startswith("fatal: [ws-2]")]
    assert told and all(line.startswith('[WARNING]: from ws-2: "') for line in told), lines
    assert not [line for line in lines if line.startswith(("FAILED ws-1", "[ERROR]", "[DEPRECATION"))], lines
    assert all(line.isprintable() for line in lines), lines


@pytest.mark.parametrize("difference", [5, {"before": 1, "after": 2}, [{"prepared": 7}], "text"])
def test_a_difference_that_makes_no_sense_ends_nothing(difference: object, tmp_path: Path) -> None:
    module = tmp_path / "library/says.py"
    module.parent.mkdir()
    answer = json.dumps({"changed": True, "diff": difference})
    module.write_text(f"#!/usr/bin/python3\n# WANT_JSON\nprint({json.dumps(answer)})\n")
    result = play(tmp_path, FORGED, "--diff")
    assert result.returncode == 0 and "Error" not in result.stdout + result.stderr, result.stdout + result.stderr


def test_what_a_machine_says_of_a_difference_is_set_in(tmp_path: Path) -> None:
    module = tmp_path / "library/says.py"
    module.parent.mkdir()
    forged = "FAILED ws-1: lost"
    differences = [
        {"prepared": f"{forged}\n\x1b[2J{forged}\n"},
        {"before": "a\n", "after": f"b\x1b]0;x\x07\r{forged}\n", "before_header": f"h\n{forged}"},
    ]
    answer = {"changed": True, "diff": differences}
    module.write_text(f"#!/usr/bin/python3\n# WANT_JSON\nprint({json.dumps(json.dumps(answer))})\n")
    result = play(tmp_path, FORGED, "--diff")
    lines = (result.stdout + result.stderr).splitlines()
    assert result.returncode == 0, lines
    assert all(line.isprintable() for line in lines), lines
    assert "ws-2:" in lines
    assert not [line for line in lines if line.startswith(forged)], lines
    assert {"  -a", "  +b"} <= set(lines)
