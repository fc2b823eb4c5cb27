"""Modules that run in Ansible's worker, compared with a separate Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT

ACTIONS = sorted(
    path.stem
    for path in (ROOT / "plugins/action").glob("*.py")
    if "ControllerAction" in path.read_text(encoding="utf-8")
)
pytestmark = pytest.mark.slow


def play(folder: Path, tasks: list[dict[str, Any]], *arguments: str) -> dict[str, Any]:
    """Run `tasks` on localhost, and return the output of ansible's callback json."""
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    here = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", *here, *arguments, str(playbook)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def results(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [task["hosts"]["localhost"] for task in answer["plays"][0]["tasks"]]


def twice(task: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """Return the task for Ansible's worker and for a process of its own.

    A variable in the task's environment requests the separate process.
    """
    return [{**task, **settings}, {**task, **settings, "environment": {"SOME": "thing"}}]


def bare(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result without its time and origin."""
    return {name: value for name, value in result.items() if not name.startswith("_") and name != "exception"}


def test_every_module_of_the_controller_has_its_action() -> None:
    assert {"cloudformation_stacks", "fleet_check", "create_passwords", "burn_rate"} <= set(ACTIONS)
    for name in ACTIONS:
        assert (ROOT / f"plugins/modules/{name}.py").exists()
    alone = {path.stem for path in (ROOT / "plugins/modules").glob("*.py") if "AwsModule(" in path.read_text()}
    assert alone <= set(ACTIONS)


def test_the_same_answers(tmp_path: Path) -> None:
    missing = {"users": ["ann", "bob"], "directory": str(tmp_path / "passwords"), "minimum_length": 12}
    wrong_option = {"create_passwords": {**missing, "minimum_lenth": 12}}
    wrong_type = {"create_passwords": {**missing, "minimum_length": "many"}}
    no_aws = {"machine_power": {"state": "started", "machines": [{"user": "ann", "instance_id": "i-1"}], "timeout": 1}}
    tasks = [
        part
        for task in ({"create_passwords": missing}, wrong_option, wrong_type, no_aws)
        for part in twice(task, ignore_errors=True, check_mode=True)
    ]
    found = results(play(tmp_path, tasks))
    for number in range(0, len(tasks), 2):
        assert bare(found[number]) == bare(found[number + 1]), tasks[number]
    assert [bool(result.get("failed")) for result in found[::2]] == [False, True, True, True]
    assert not (tmp_path / "passwords").exists(), "check mode"


def test_a_loop_runs_each_item_anew(tmp_path: Path) -> None:
    directory = str(tmp_path / "passwords")
    task = {"create_passwords": {"users": ["{{ item }}"], "directory": directory}, "loop": ["ann", "bob"]}
    [result] = results(play(tmp_path, [task]))
    assert [item["created"] for item in result["results"]] == [["ann"], ["bob"]]
    assert {path.name for path in (tmp_path / "passwords").iterdir()} == {"ann.passwd", "bob.passwd"}
