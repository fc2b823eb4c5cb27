"""Names and settings given by -e: their meaning and their refusals.

Nothing in them is ever run.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.callback_play import play


def load_action() -> ModuleType:
    path = ROOT / "plugins/action/fleet_names.py"
    spec = importlib.util.spec_from_file_location("fleet_names_action", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Names = load_action().Names


def users(variables: dict[str, Any]) -> list[str]:
    found = Names(variables, True)
    assert not found.problems
    return [machine["user"] for machine in found.machines]


def problems(variables: dict[str, Any], settings: dict[str, Any] | None = None) -> list[str]:
    found = Names(variables, True)
    found.check_settings(settings or {})
    assert found.problems
    assert all(problem.isprintable() for problem in found.problems)
    return list(found.problems)


def test_every_way_of_naming() -> None:
    assert users({"user": "alice"}) == ["alice"]
    assert users({"users": "ws-3, ws-17"}) == ["ws-3", "ws-17"]
    assert users({"users": ["ws-3", "ws-17"]}) == ["ws-3", "ws-17"]
    assert users({"base": "ws", "low": "1", "high": "3"}) == ["ws-1", "ws-2", "ws-3"]


def test_labels_and_fleets() -> None:
    fleet = Names({"base": "ws", "low": "1", "high": "2"}, True)
    assert fleet.label == "ws"
    assert {machine["fleet"] for machine in fleet.machines} == {"ws"}
    assert Names({"user": "alice"}, True).label == "alice"
    assert Names({"users": "ws-3,ws-17"}, True).label == "ws-3-and-1-more"
    assert Names({"user": "alice"}, True).machines == [{"user": "alice", "fleet": "", "settings": {}}]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({}, "no machine is named"),
        ({"user": "a", "base": "ws", "low": "1", "high": "2"}, "in 2 ways, user and base"),
        ({"base": "ws"}, "base='ws' without low and high"),
        ({"base": "ws", "low": "1"}, "without high"),
        ({"low": "1", "high": "2"}, "without base"),
        ({"user": "a,b"}, "give users=a,b"),
        ({"user": "Alice"}, "did you mean alice?"),
        ({"user": False}, "quote it"),
        ({"users": "a,a"}, "a is named twice"),
        ({"users": ""}, "'' is not valid"),
        ({"users": "a,,b"}, "'' is not valid"),
        ({"users": 7}, "quote it"),
        ({"users": ",".join(f"u{n}" for n in range(101))}, "101 machines are named"),
        ({"base": "WS", "low": "1", "high": "2"}, "did you mean ws?"),
        ({"base": "fleet", "low": "1", "high": "2"}, "reserved"),
        ({"roster": ""}, "give the name of a CSV file"),
        ({"roster": "missing.csv"}, "cannot be read: No such file or directory"),
        ({"roster": "{{ x }}.csv"}, "give the name of a CSV file"),
        ({"roster": "a\0b.csv"}, "is no CSV"),
    ],
)
def test_bad_names(variables: dict[str, Any], says: str) -> None:
    assert any(says in problem for problem in problems(variables))


def test_names_may_be_left_out_where_they_are_not_needed() -> None:
    found = Names({}, False)
    assert (found.machines, found.label, found.problems) == ([], "", [])


def test_all_problems_at_once() -> None:
    found = problems({"users": "Alice,b b"}, {"instance": "t3", "volume_size": "7", "owner": "x\ny", "expires": "soon"})
    assert len(found) == 6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("instance", "t3"),
        ("instance", "T3.medium"),
        ("instance", "t3.medium\n"),
        ("instance", 3),
        ("ami", "ubuntu"),
        ("ami", "ami-XYZ"),
        ("network", "My Network"),
        ("network", False),
        ("volume_size", "7"),
        ("volume_size", "08"),
        ("volume_size", "16385"),
        ("volume_size", "9" * 30),
        ("volume_size", True),
        ("expires", "2030-13-01"),
        ("expires", "20300101"),
        ("expires", 20300101),
        ("owner", "x" * 257),
        ("owner", "a\x1b[31m"),
        ("organization", "{{ lookup('pipe', 'id') }}"),
        ("purpose", "{% if 1 %}"),
        ("note", "{# hm #}"),
        ("note", 5),
    ],
)
def test_bad_settings(name: str, value: object) -> None:
    (problem,) = problems({"user": "alice"}, {name: value})
    assert problem.startswith(f"{name}=")


def test_good_settings() -> None:
    found = Names({"user": "alice"}, True)
    found.check_settings(
        {
            "instance": "u-6tb1.56xlarge",
            "ami": "ami-0123456789abcdef0",
            "network": "shared",
            "volume_size": "30",
            "expires": "2030-12-31",
            "owner": "Zoë Müller / 7:00 +1",
            "note": "",
            "zone": "Example.org.",
            "a_role_s": "{{ theirs }}",
        }
    )
    assert found.problems == []


def write(path: Path, text: str, encoding: str = "utf-8") -> dict[str, Any]:
    path.write_bytes(text.encode(encoding))
    return {"roster": str(path)}


def test_roster(tmp_path: Path) -> None:
    text = 'user,owner,instance,purpose\r\nanna,"Anna the first",c5.large,\r\n\r\nben,,,thesis\r\n'
    found = Names(write(tmp_path / "class.csv", text, "utf-8-sig"), True)
    assert found.problems == []
    assert found.label == "class"
    assert found.machines == [
        {"user": "anna", "fleet": "class", "settings": {"owner": "Anna the first", "instance": "c5.large"}},
        {"user": "ben", "fleet": "class", "settings": {"purpose": "thesis"}},
    ]


@pytest.mark.parametrize("answer", ["ture", "", "maybe", 2])
def test_an_answer_is_yes_or_no(answer: object) -> None:
    found = Names({"user": "alice"}, True)
    found.check_settings({"backup": answer, "confirm": "yes"})
    assert [problem.split(":")[-1] for problem in found.problems] == [" yes or no"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "header with the column user"),
        ("anna\nben\n", "line 1: the first line must be a header"),
        ("user,email\nanna,x\n", "no such column: 'email'"),
        ("user,user\nanna,x\n", "stands twice"),
        ("user,owner\nanna,Anna,x\n", "line 2: too many values, 'x'"),
        ("user\nanna\nBen\n", "line 3: user name 'Ben' is not valid"),
        ("user\nanna\nben\nanna\n", "line 4: anna stands already on line 2"),
        ("user,instance\nanna,big\n", "line 2: instance='big'"),
        ("user,owner\nanna,Paddy O'Neil\n", '"\'" is not allowed in a tag'),
        ("user,owner\nanna,{{ 7*7 }}\n", "line 2: owner='{{ 7*7 }}': templates are not allowed"),
        ("user\n", "names nobody"),
        ('user,owner\nanna,"x\n', "is no CSV"),
        ("user\n" + "".join(f"u{n}\n" for n in range(101)), "101 machines are named"),
        ("user\nclass\n", "a user and also the fleet"),
    ],
)
def test_bad_rosters(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in problem for problem in problems(write(tmp_path / "class.csv", text)))


def test_a_roster_must_be_utf8_and_have_a_usable_name(tmp_path: Path) -> None:
    assert "not UTF-8" in problems(write(tmp_path / "class.csv", "user,owner\nanna,Zoë\n", "latin-1"))[0]
    assert "did you mean my-class?" in problems(write(tmp_path / "My Class.csv", "user\nanna\n"))[0]
    huge = write(tmp_path / "class.csv", "user\n" + "#" * 1_100_000)
    assert "larger than" in problems(huge)[0]


def test_settings_that_change_machines_that_exist() -> None:
    def check(given: dict[str, Any]) -> list[str]:
        found = Names({}, False)
        found.check_taken(given, ["instance", "note"])
        return list(found.problems)

    assert check({"instance": "c5.large"}) == check({"note": "", "zone": "example.org"}) == []
    assert check({}) == ["say what to change: -e with one or more of instance=, note="]
    assert "chosen by -l" in check({"user": "alice", "note": "x"})[0]
    for name in ("ami", "network", "volume_size"):
        (problem,) = check({name: "x", "note": "x"})
        assert problem.startswith(f"{name}= is for a machine's life") and "stack_create.yml" in problem


PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Check the names
      fleet_names:
      register: named
    - name: Add them
      ansible.builtin.add_host:
        name: "{{ item.user }}"
        groups: fleet
        owner: "{{ item.settings.owner | default('') }}"
      loop: "{{ named.machines }}"
- hosts: fleet
  gather_facts: false
  tasks:
    - name: Use them
      ansible.builtin.debug:
        msg: "made {{ inventory_hostname }} {{ owner }}"
"""


@pytest.mark.parametrize("variable", ["user", "users", "base", "low", "roster", "owner", "archive", "force"])
def test_nothing_given_is_run(tmp_path: Path, variable: str) -> None:
    mark = tmp_path / "ran"
    hostile = f"{{{{ lookup('pipe', 'touch {mark}') }}}}"
    given = {"base": "ws", "low": "1", "high": "2"} if variable not in ("user", "users", "roster") else {}
    result = play(tmp_path, PLAY, "-e", json.dumps({**given, variable: hostile}))
    assert result.returncode == 2
    assert not mark.exists()
    failures = [line for line in result.stdout.splitlines() if "FAILED" in line]
    assert "lookup" in failures[0]
    # A list of users is split at the comma within the braces; each part is refused.
    assert len(failures) == (2 if variable == "users" else 1)
    assert "Traceback" not in result.stdout + result.stderr


def test_what_a_roster_holds_stays_text(tmp_path: Path) -> None:
    (tmp_path / "class.csv").write_text("user,owner\nanna,a}} {\n", encoding="utf-8")
    result = play(tmp_path, PLAY, "-e", "roster=class.csv", "--check")
    assert result.returncode != 0
    assert "'}', '{' are not allowed in a tag" in result.stdout
