"""Files that other programs read.

They are for versions, GitHub's workflows, pre-commit, Renovate, ansible-navigator and a citation. None of these
programs runs here. Their files were checked once against the schemas that they publish.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTION = re.compile(r"uses: (\S+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")
HOOKS = {
    hook["id"]: hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]
}


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_one_version_everywhere() -> None:
    """Compare with pyproject.toml, which has the version of the last release."""
    version = PROJECT["version"]
    released = re.findall(
        r"^## (\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert released[0][0] == version
    assert load("collections/ansible_collections/probcomp/stack/galaxy.yml")["version"] == version
    assert [load("CITATION.cff")[key] for key in ("version", "date-released")] == list(released[0])
    # What an upgrade from it must still read.
    assert (ROOT / "tests/support" / f"version_{version.replace('.', '_')}/state").is_dir()


def test_the_citation_says_what_the_project_says() -> None:
    citation = load("CITATION.cff")
    assert [citation[key] for key in ("cff-version", "type")] == ["1.2.0", "software"]
    assert [citation[key] for key in ("title", "abstract", "license")] == [
        PROJECT[key] for key in ("name", "description", "license")
    ]
    assert citation["message"] and all(author["name"] for author in citation["authors"])


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_is_bounded_and_may_only_read(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 180 and "permissions" not in job
        ran = [step["run"] for step in job["steps"] if "run" in step]
        named = [name for line in ran for name in re.findall(r"\bmake ([a-z-]+)", line)]
        named += job.get("strategy", {}).get("matrix", {}).get("target", [])
        assert named and set(named) <= targets
        # A value of GitHub's in a command could be a command: it comes by the environment.
        assert not [line for line in ran if "${{" in line]


def test_actions_are_pinned_by_their_commit() -> None:
    assert [file.stem for file in WORKFLOWS] == ["lint", "nightly"]
    text = "".join(file.read_text() for file in WORKFLOWS)
    found = ACTION.findall(text)
    assert len(found) == text.count("uses:")
    assert len({name for name, _, _ in found}) == len(set(found)), "one version of each"
    checkouts = [
        step
        for file in WORKFLOWS
        for job in yaml.safe_load(file.read_text())["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/checkout@")
    ]
    assert checkouts and all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_hooks_have_no_versions_of_their_own() -> None:
    assert [repository["repo"] for repository in load(".pre-commit-config.yaml")["repos"]] == ["local"]
    lint = (ROOT / "scripts/lint").read_text()
    for name, hook in HOOKS.items():
        program = hook["entry"].split()[0]
        assert hook["language"] == "system" and "additional_dependencies" not in hook, name
        assert program == "make" or ((ROOT / program).is_file() and f"{Path(program).name} " in lint), name


@pytest.mark.parametrize(
    ("name", "suffix", "right", "wrong"),
    [
        ("ruff-check", ".py", "import os\n\nprint(os)\n", "import os\n"),
        ("ruff-format", ".py", "print(1)\n", "print( 1 )\n"),
        ("yamllint", ".yml", "a: 1\n", "a:   1\n"),
        ("shellcheck", ".sh", '#!/bin/sh\necho "$1"\n', "#!/bin/sh\necho $1\n"),
    ],
)
def test_a_hook_finds_what_lint_finds(tmp_path: Path, name: str, suffix: str, right: str, wrong: str) -> None:
    """Run the hook's own command.

    A formatter writes and passes: git sees that the file changed, and refuses.
    """
    for text, is_right in ((right, True), (wrong, False)):
        file = tmp_path / f"file{suffix}"
        file.write_text(text)
        command = [*HOOKS[name]["entry"].split(), str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        passed = done.returncode == 0 and file.read_text() == text
        assert passed is is_right, done.stdout + done.stderr


def test_renovate_groups_packages_that_there_are() -> None:
    settings = json.loads((ROOT / "renovate.json").read_text())
    locks = [file.read_text() for file in ROOT.glob("requirements*.txt")]
    locked = {name for text in locks for name in re.findall(r"^([a-z0-9-]+)==", text.replace("_", "-"), re.MULTILINE)}
    for rule in settings["packageRules"]:
        assert rule["description"] and set(rule.get("matchPackageNames", ())) <= locked, rule["description"]
    (moto,) = [rule for rule in settings["packageRules"] if rule.get("matchPackageNames") == ["moto"]]
    assert moto["rangeStrategy"] == "pin" and moto["automerge"] is False
    asked = "".join(file.read_text() for file in [ROOT / "pyproject.toml", *ROOT.glob("requirements*.in")])
    assert re.search(r"moto\[server\]==\d+\.\d+\.\d+", asked)
    assert "make lock" in settings["prBodyNotes"][0]


def test_ansible_navigator_takes_the_image_that_the_manual_builds() -> None:
    settings = load("ansible-navigator.yml")["ansible-navigator"]
    manual = (ROOT / "docs/execution-environment.md").read_text()
    image = settings["execution-environment"]["image"]
    assert f"ansible-builder build --tag {image}\n" in manual
    assert all(f"`{name}`" in manual for name in settings["execution-environment"]["environment-variables"]["pass"])
    assert settings["playbook-artifact"] == {"enable": False}
