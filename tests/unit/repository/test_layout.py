"""The shape of the repository.

A newcomer relies on it when she has seen one role, one command, one plugin.
"""

from __future__ import annotations

import ast
import importlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

from scripts import role_readmes
from tests.support import ROOT
from tests.support.content_world import load_module

ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
OTHERS = ("execution-environment.yml", "ansible-navigator.yml")
COMMANDS = sorted(path.name for path in ROOT.glob("*.yml") if path.name not in OTHERS)
PLUGIN_KINDS = {
    "modules": "module",
    "inventory": "inventory",
    "callback": "callback",
    "connection": "connection",
    "filter": "filter",
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_takes_what_its_specs_say(role: str) -> None:
    folder = ROOT / "roles" / role
    specs = load(folder / "meta/argument_specs.yml")["argument_specs"]
    defaults = load(folder / "defaults/main.yml") or {}
    options = specs["main"]["options"]
    assert {name: option.get("default") for name, option in options.items()} == defaults
    assert all(name.startswith(f"{role}_") for name in options)
    for entry, spec in specs.items():
        assert spec["short_description"], entry
        assert all(option["description"] for option in spec.get("options", {}).values()), entry


@pytest.mark.parametrize("role", ROLES)
def test_every_entry_of_a_role_is_described(role: str) -> None:
    """Every entry of a role is described.

    A task file is an entry when a playbook names it, and else a part that another of the role's files imports.
    """
    folder = ROOT / "roles" / role
    entries = set(load(folder / "meta/argument_specs.yml")["argument_specs"])
    files = {path.stem for path in (folder / "tasks").glob("*.yml")}
    parts = {
        Path(task[key]).stem
        for path in (folder / "tasks").glob("*.yml")
        for task in load(path) or []
        for key in ("ansible.builtin.import_tasks", "ansible.builtin.include_tasks")
        if key in task
    }
    assert entries <= files
    assert files - parts <= entries


def test_role_readmes_are_made_from_the_specs() -> None:
    text = role_readmes.readme(
        "thing",
        {
            "main": {
                "short_description": "A thing",
                "options": {"thing_mode": {"type": "list", "elements": "str", "default": [], "description": "C(a|b)."}},
            },
            "remove": {"short_description": "Remove it"},
        },
    )
    assert r"| `thing_mode` | list of str | `[]` | `a\|b`. |" in text
    assert "- `remove`: Remove it." in text


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_three_lines_and_in_the_manual(command: str) -> None:
    wrapper = (ROOT / command).read_text(encoding="utf-8").splitlines()
    assert len(wrapper) == 3
    (play,) = load(ROOT / command)
    assert play["ansible.builtin.import_playbook"] == f"playbooks/{command}"
    assert (ROOT / "playbooks" / command).is_file()
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def documented(kind: str, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return ansible-doc's answer for plugins of this kind, by name."""
    program = Path(sys.executable).parent / "ansible-doc"
    done = subprocess.run(
        [program, "--json", "-t", kind, *names], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    assert sorted(found) == names
    return found


def filters() -> list[str]:
    """Return the names of the filters of all files; a file may have several."""
    files = sorted((ROOT / "plugins/filter").glob("*.py"))
    modules = [importlib.import_module(f"plugins.filter.{path.stem}") for path in files]
    return sorted(name for module in modules for name in module.FilterModule().filters())


@pytest.mark.parametrize("folder", PLUGIN_KINDS)
def test_every_plugin_answers_ansible_doc(folder: str) -> None:
    kind = PLUGIN_KINDS[folder]
    names = filters() if kind == "filter" else sorted(path.stem for path in (ROOT / "plugins" / folder).glob("*.py"))
    found = documented(kind, names)
    for name, documents in found.items():
        document = documents["doc"]
        assert document["short_description"] and document["description"], name
        # ansible-doc shows one filter's documentation for all filters of a file.
        assert document.get("name", name) == name, f"{name} has no documentation of its own"


def test_an_action_is_documented_by_its_module() -> None:
    """An action is documented by its module.

    ansible-doc has no kind for action plugins, and shows the module of the same name.
    """
    actions = {path.stem for path in (ROOT / "plugins/action").glob("*.py")}
    assert actions <= {path.stem for path in (ROOT / "plugins/modules").glob("*.py")}


def test_a_module_without_an_action_is_held_to_what_machines_have() -> None:
    """Ansible runs it on the machine, so the contract of pyproject.toml names it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    [named] = [contract for contract in settings["contracts"] if contract["name"].startswith("On machines")]
    modules, actions = (
        {path.stem for path in (ROOT / "plugins" / kind).glob("*.py")} for kind in ("modules", "action")
    )
    assert modules - actions <= {name.rpartition(".")[2] for name in named["source_modules"]}


def facts_of(options: dict[str, Any], suboptions: str) -> dict[str, Any]:
    """Return the facts about options that documentation and code both state.

    An option's own options are under the key `suboptions`.
    """
    return {
        name: {
            "type": option.get("type", "str"),
            "required": option.get("required", False),
            "default": option.get("default"),
            "elements": option.get("elements"),
            "suboptions": facts_of(option.get(suboptions) or {}, suboptions),
        }
        for name, option in options.items()
    }


def test_modules_take_what_ansible_doc_shows() -> None:
    loaded = {path.stem: load_module(path.stem) for path in (ROOT / "plugins/modules").glob("*.py")}
    # The other modules stand for action plugins, or run on machines and parse their options themselves.
    modules = {name: module.ARGUMENTS for name, module in sorted(loaded.items()) if hasattr(module, "ARGUMENTS")}
    assert {"fetch_logs", "fleet_check", "stack_list"} <= modules.keys()
    for name, found in documented("module", list(modules)).items():
        from_aws = set(aws_argument_spec()) - set(modules[name])
        ours = {key: option for key, option in found["doc"]["options"].items() if key not in from_aws}
        assert facts_of(ours, "suboptions") == facts_of(modules[name], "options"), name
        # An unquoted comma in a description makes a key of what follows it.
        returned = [inner for value in found["return"].values() for inner in (value.get("contains") or {}).values()]
        assert not [key for inner in returned for key in inner if " " in key], name


@pytest.fixture
def windows_checkout(tmp_path: Path) -> Path:
    """Make a checkout of git's files as Windows' git writes them.

    It would end lines with CRLF, and make files of links.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git's")
    options = ["-c", "core.autocrlf=true", "-c", "core.symlinks=false"]
    command = ["git", *options, "checkout-index", "--all", f"--prefix={tmp_path}/"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    return tmp_path


def test_windows_git_leaves_the_line_ends(windows_checkout: Path) -> None:
    files = [path for path in windows_checkout.rglob("*") if path.is_file()]
    assert windows_checkout / "scripts/setup" in files
    # A picture may have the two bytes anywhere; git, too, knows it by its zeros.
    texts = {path: data for path in files if b"\0" not in (data := path.read_bytes())}
    assert [path.name for path, data in texts.items() if b"\r\n" in data] == []


def test_setup_says_what_to_do_where_git_made_no_links(windows_checkout: Path) -> None:
    setup = shutil.copy(ROOT / "scripts/setup", windows_checkout / "scripts/setup")
    done = subprocess.run([setup], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1 and "git clone -c core.symlinks=true" in done.stderr
    assert not (windows_checkout / ".venv").exists()


def python_files() -> list[Path]:
    """Return the repository's Python files."""
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [path for name in tracked.splitlines() if (path := ROOT / name).is_file()]
    assert len(files) > 300
    return files


def test_no_python_file_is_longer_than_300_lines() -> None:
    assert [str(path) for path in python_files() if len(path.read_text(encoding="utf-8").splitlines()) > 300] == []


def test_a_docstring_begins_with_one_line_of_80_characters() -> None:
    """Measure docstrings up to their first empty line, also those below attributes.

    Ruff has no rule for this: its W505 measures all lines of a docstring.
    """
    too_long = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and len(node.value.value.strip().partition("\n\n")[0]) > 80
    ]
    assert too_long == []
