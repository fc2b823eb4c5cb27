"""Checks of command lines against their playbooks.

The rules are read from the playbooks themselves.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.commands import command_line as command

from tests.support import ROOT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "playbooks").mkdir()
    plays = {
        "stack_create.yml": "- import_playbook: playbooks/stack_create.yml\n",
        "set_password.yml": "- name: It\n  ansible.builtin.import_playbook: playbooks/set_password.yml\n",
        "endless.yml": "- import_playbook: endless.yml\n",
        "broken.yml": "- hosts: [\n",
        "empty.yml": "",
        "missing.yml": "- import_playbook: playbooks/none.yml\n",
        "several.yml": "- hosts: [users, others]\n",
        "playbooks/stack_create.yml": "- import_playbook: names.yml\n- hosts: fleet\n",
        "playbooks/names.yml": "- hosts: localhost\n  tasks: []\n",
        "all.yml": "- hosts: localhost\n  tasks:\n    - fleet_names:\n        names_required: false\n",
        "playbooks/set_password.yml": "- hosts: [users]\n  tasks: []\n- hosts: fleet\n",
    }
    for name, text in plays.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_finds_the_first_play(root: Path) -> None:
    assert command.first_hosts(root / "stack_create.yml") == "localhost"
    assert command.first_hosts(root / "set_password.yml") == "users"
    assert command.first_hosts(root / "playbooks/names.yml") == "localhost"


@pytest.mark.parametrize("name", ["endless.yml", "broken.yml", "empty.yml", "missing.yml", "several.yml", "none.yml"])
def test_leaves_to_ansible_what_it_cannot_read(root: Path, name: str) -> None:
    assert command.first_hosts(root / name) is None
    assert command.misuse([root / name], "alice") is None


def test_a_limit_where_names_are_wanted(root: Path) -> None:
    message = command.misuse([root / "stack_create.yml"], "alice") or ""
    assert message.startswith("stack_create.yml takes its names by -e")
    assert command.misuse([root / "stack_create.yml"], None) is None


def test_a_limit_where_nobody_in_particular_is_meant(root: Path) -> None:
    assert (command.misuse([root / "all.yml"], "alice") or "").startswith("all.yml takes no -l")
    assert command.misuse([root / "all.yml"], None) is None


def test_every_command_without_machines_says_why_and_what_else_may_be_meant() -> None:
    root = ROOT
    commands = [path for path in root.glob("*.yml") if command.first_hosts(path) == "localhost"]
    said = {path.name: command.misuse([path], "alice") or "" for path in commands if not command.takes_names(path)}
    assert "share_logs.yml" in said
    assert not [words for words in said.values() if "no machines in particular" in words]
    assert said["share_logs.yml"] == (
        "share_logs.yml takes no -l, for it copies all logs that were fetched: leave -l out; "
        "ansible-playbook -l alice fetch_logs.yml fetches hers alone"
    )
    for words in said.values():
        assert all((root / word).is_file() for word in words.split() if word.endswith(".yml")), words


def test_no_limit_where_one_is_wanted(root: Path) -> None:
    message = command.misuse([root / "set_password.yml"], None) or ""
    assert message.startswith("set_password.yml: say which machines with -l")
    assert command.misuse([root / "set_password.yml"], "ws") is None


def test_only_playbooks_of_ours_are_judged(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert command.our_playbooks(("set_password.yml",), root) == [root / "set_password.yml"]
    assert command.our_playbooks(("playbooks/names.yml",), root) == [root / "playbooks/names.yml"]
    other = tmp_path / "molecule"
    other.mkdir()
    (other / "converge.yml").write_text("- hosts: localhost\n", encoding="utf-8")
    assert command.our_playbooks((str(other / "converge.yml"), "none.yml"), root) == []
    assert command.our_playbooks("users", root) == []  # an ad-hoc command's pattern
    assert command.our_playbooks(None, root) == []  # ansible-inventory


def test_starts_on_localhost(root: Path) -> None:
    assert command.starts_on_localhost([root / "stack_create.yml"])
    assert not command.starts_on_localhost([root / "set_password.yml"])
    assert not command.starts_on_localhost([])


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["local.yml"], []),
        (["aws.yml", "local.yml", "zone.json"], ["aws.yml"]),
        (["00-mine.yaml", "DEFAULTS", "a.json", "defaults"], ["00-mine.yaml", "DEFAULTS", "a.json", "defaults"]),
        ([".aws.yml.swp", "README.md", "aws.yml.bak", "defaults2.yml"], []),
    ],
)
def test_settings_that_our_defaults_override(tmp_path: Path, names: list[str], found: list[str]) -> None:
    folder = tmp_path / "group_vars/all"
    folder.mkdir(parents=True)
    for name in [*names, "defaults.yml"]:
        (folder / name).write_text("zone: example.org\n")
    assert [file.name for file in command.overridden_settings(tmp_path / "probcomp_ec2.yml")] == found


def test_without_our_defaults_there_is_nothing_to_override(tmp_path: Path) -> None:
    assert command.overridden_settings(tmp_path / "probcomp_ec2.yml") == []


OURS = {"alice", "ws-1", "ws", "my_class"}
"""Names of machines and fleets; others that are known are groups."""


@pytest.mark.parametrize(
    ("limit", "meant"),
    [
        ("users", "payroll ws-1 ws-9 my-class-3"),
        ("all", "payroll ws-1 ws-9 my-class-3"),
        ("state_running", "payroll ws-1 ws-9 my-class-3"),
        ("organization_x", "payroll ws-1 ws-9 my-class-3"),
        ("alice", ""),
        ("ws-1", "ws-1"),
        ("ws", "ws-1 ws-9"),
        ("ws[0:3]", "ws-1 ws-9"),
        ("ws-*", "ws-1 ws-9"),
        ("my_class", "my-class-3"),
        ("alice,my_class", "my-class-3"),
        ("users,!ws", "payroll my-class-3"),
        ("users,!ws-9", "payroll ws-1 my-class-3"),
        ("users,&ws", "payroll ws-1 ws-9 my-class-3"),
        ("&ws", "payroll ws-1 ws-9 my-class-3"),
        ("!ws-9", "payroll ws-1 my-class-3"),
        ("@failed.txt", "payroll ws-1 ws-9 my-class-3"),
        ("~ws-[0-9]", "payroll ws-1 ws-9 my-class-3"),
        (None, ""),
    ],
)
def test_which_of_others_machines_a_limit_would_mean(limit: str | None, meant: str) -> None:
    others = ("payroll", "ws-1", "ws-9", "my-class-3")
    assert [name for name in others if command.meant(limit, f"{name}/instance", OURS)] == meant.split()
