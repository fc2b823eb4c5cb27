"""The ansible-playbook of .venv beside another project's settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_playbook import obstacle

from tests.support import ROOT

OURS = str(ROOT / "stack_list.yml")
FOREIGN = [
    {"ANSIBLE_CONFIG": "/elsewhere/ansible.cfg"},
    {"ANSIBLE_CONFIG": "/elsewhere"},
    {"ANSIBLE_INVENTORY": "/elsewhere/hosts"},
    {"ANSIBLE_INVENTORY": "hosts,/elsewhere/inventory"},
    {"ANSIBLE_INVENTORY": "~nosuch/hosts"},
    {"ANSIBLE_INVENTORY": "localhost,"},
]


@pytest.mark.parametrize("environment", FOREIGN)
def test_settings_of_another_project_are_named(tmp_path: Path, environment: dict[str, str]) -> None:
    line = obstacle([OURS, "-v"], dict(environment))
    assert line and sorted(line.split("unset ")[1].split(";")[0].split()) == sorted(environment)
    assert "\n" not in line and "nothing was touched" in line
    (tmp_path / "other.yml").write_text("[]")
    assert obstacle([str(tmp_path / "other.yml")], dict(environment)) is None


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"ANSIBLE_CONFIG": str(ROOT)},
        {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "minimal", "ANSIBLE_FORKS": "5"},
        {"ANSIBLE_INVENTORY": f"/elsewhere,{ROOT}/inventory"},
        {"ANSIBLE_INVENTORY": str(ROOT / "inventory/probcomp_ec2.yml")},
        {"ANSIBLE_LIBRARY": f"/elsewhere:{ROOT}/plugins/modules"},
    ],
)
def test_settings_that_leave_ours_are_taken(environment: dict[str, str]) -> None:
    assert obstacle([OURS], environment) is None
    assert environment["ANSIBLE_CONFIG"].startswith(str(ROOT))


def test_a_copy_of_our_settings_is_taken(tmp_path: Path) -> None:
    copy = tmp_path / "mine.cfg"
    copy.write_text(f"[defaults]\nlibrary = {ROOT}/plugins/modules\nforks = 5%\n")
    assert obstacle([OURS], {"ANSIBLE_CONFIG": str(copy)}) is None
    copy.write_text("[defaults]\nlibrary = library\n")
    assert obstacle([OURS], {"ANSIBLE_CONFIG": str(copy)}) is not None


@pytest.mark.parametrize(
    ("name", "value", "folder"),
    [
        ("ANSIBLE_ROLES_PATH", "roles.d:/elsewhere/roles", "roles"),
        ("ANSIBLE_LIBRARY", "~nosuch/library", "plugins/modules"),
        ("ANSIBLE_CALLBACK_PLUGINS", "/elsewhere/ara", "plugins/callback"),
    ],
)
def test_folders_of_others_come_after_ours(name: str, value: str, folder: str) -> None:
    environment = {name: value}
    assert obstacle([OURS], environment) is None
    assert environment[name] == f"{ROOT / folder}:{value}"


def test_an_empty_list_of_folders_is_ours_alone() -> None:
    environment = {"ANSIBLE_LIBRARY": ""}
    assert obstacle([OURS], environment) is None and environment["ANSIBLE_LIBRARY"] == str(ROOT / "plugins/modules")


def test_a_relative_inventory_of_ours_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = {"ANSIBLE_INVENTORY": "inventory,/elsewhere"}
    assert obstacle([OURS], environment) is None
    assert environment["ANSIBLE_INVENTORY"] == f"{ROOT / 'inventory'},/elsewhere"


@pytest.mark.parametrize("words", [("-i", "x"), ("-Ci", "x"), ("--inventory=x",)])
def test_an_inventory_of_the_command_is_its_own_choice(words: tuple[str, ...]) -> None:
    assert obstacle([OURS, *words], {"ANSIBLE_INVENTORY": "/elsewhere"}) is None
