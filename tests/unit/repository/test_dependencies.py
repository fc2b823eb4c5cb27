"""Groups of packages: each has a lock, and no code imports beyond its group.

There are three groups, by what one does.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

LOCKS = {"operate": "requirements.txt", "rehearse": "requirements-rehearse.txt", "test": "requirements-test.txt"}
# What machines get for content, by the names of the packages that they have.
FOR_MACHINES = ROOT / "rehearsal/inputs/modules"


def entries(text: str) -> dict[str, str]:
    """Return a lock's packages by name.

    Each is its version, marker and hashes in one line.
    """
    joined = re.sub(r" +\\\n +", " ", text)
    return {line.partition("==")[0]: line for line in joined.splitlines() if re.match(r"[a-z0-9]", line)}


def lock(group: str) -> dict[str, str]:
    return entries((ROOT / LOCKS[group]).read_text(encoding="utf-8"))


def groups() -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "dependency-groups"
    ]
    return found


def imported(folder: str) -> Iterator[tuple[Path, str]]:
    """Yield each file of `folder` with each foreign top-level module that it imports.

    A foreign module is not of the repository.
    """
    ours = {path.stem for path in (ROOT / folder).iterdir()} | {"rehearsal", "scripts"}
    for path in sorted((ROOT / folder).rglob("*.py")):
        if path.is_relative_to(FOR_MACHINES):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - ours:
                yield path, name


@functools.cache
def distributions() -> dict[str, set[str]]:
    """Return the packages that bring each top-level module, named as in locks."""
    return {
        module: {re.sub(r"[-_.]+", "-", name).lower() for name in names}
        for module, names in packages_distributions().items()
    }


@pytest.mark.parametrize(
    ("folder", "group"), [("plugins", "operate"), ("scripts", "operate"), ("rehearsal", "rehearse")]
)
def test_code_imports_what_its_group_installs(folder: str, group: str) -> None:
    found = list(imported(folder))
    assert len(found) > 3
    missing = [f"{path}: {name}" for path, name in found if not distributions().get(name, set()) & lock(group).keys()]
    assert missing == []


def test_a_lock_answers_its_group() -> None:
    declared: dict[str, set[str]] = {}
    for group, words in groups().items():
        named = [word for word in words if isinstance(word, str)]
        included = [word["include-group"] for word in words if isinstance(word, dict)]
        declared[group] = {re.split(r"[\[=]", word)[0] for word in named}.union(*(declared[each] for each in included))
        locked = lock(group)
        assert declared[group] <= locked.keys(), f"make lock, for {group}"
        for pin in (word for word in named if "==" in word):
            assert locked[re.split(r"[\[=]", pin)[0]].startswith(re.sub(r"\[.*?\]", "", pin) + " "), "make lock"
        assert all("--hash=sha256:" in line for line in locked.values())
    assert declared.keys() == LOCKS.keys()


def test_a_larger_group_only_adds() -> None:
    # More packages may want one of them on more systems, which is what stands between version and hashes.
    operate, rehearse, test = (
        {name: re.sub(r" ;.*?(?= --hash)", "", line) for name, line in lock(group).items()} for group in LOCKS
    )
    assert operate.items() < rehearse.items() < test.items()


def test_no_list_of_packages_names_an_index() -> None:
    lists = [*ROOT.glob("requirements*"), *ROOT.glob("uv.lock")]
    assert len(lists) > len(LOCKS)
    named = re.compile(r"://|^-i|-index", re.MULTILINE)
    assert [path.name for path in lists if named.search(path.read_text(encoding="utf-8"))] == []


def run(*words: str | Path) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_execution_environment_has_what_make_setup_installs(tmp_path: Path) -> None:
    described = yaml.safe_load((ROOT / "execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert lock("operate")["ansible-core"].startswith(described["ansible_core"]["package_pip"] + " ")
    run(Path(sys.executable).parent / "ansible-builder", "create", "-c", tmp_path / "context")
    steps = (tmp_path / "context/Dockerfile").read_text(encoding="utf-8")
    assert "galaxy collection install" not in steps, "a collection's own requirements have no hashes"
    # By this program the image's build makes pip's list of that file.
    parts, pips = tmp_path / "context/_build", tmp_path / "pip.txt"
    merge: list[str | Path] = [parts / "scripts/introspect.py", "introspect", tmp_path / "none"]
    run(sys.executable, *merge, f"--user-pip={parts / 'requirements.txt'}", f"--write-pip={pips}")
    assert entries(re.sub(r" \\\n", " ", pips.read_text(encoding="utf-8"))) == lock("operate")
