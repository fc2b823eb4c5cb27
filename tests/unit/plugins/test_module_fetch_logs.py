"""The module fetch_logs as Ansible runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.log_world import with_two_logs


@pytest.mark.slow
def test_the_module_names_the_failed_and_checks_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = with_two_logs(tmp_path, monkeypatch)
    machine = {"address": "whole", "admin_user": "ubuntu", "ssh_name": "x", "pin_file": str(world.folder / "pin")}
    source = {"name": "sessions", "folder": str(world.there)}
    arguments: dict[str, Any] = {
        "machines": [{**machine, "user": "alice"}, {**machine, "user": "bob", "address": "refused"}],
        "sources": [source],
        "directory": str(world.logs),
    }
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{world.folder / 'bin'}:{programs}:{os.environ['PATH']}",
        "HOME": str(world.folder),
        "ANSIBLE_LIBRARY": str(ROOT / "plugins/modules"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    }

    def run(*more: str) -> dict[str, Any]:
        command = [str(programs / "ansible"), "localhost", "-m", "fetch_logs", "-a", json.dumps(arguments), *more]
        done = subprocess.run(command, env=environment, cwd=world.folder, capture_output=True, text=True, check=False)
        answer = done.stdout[done.stdout.index("localhost | ") :]
        found: dict[str, Any] = json.JSONDecoder().raw_decode(answer[answer.index("{") :])[0]
        return found

    found = run("--check")
    assert found["changed"] and found["machines"]["alice"]["new_files"] == 2 and not world.logs.exists()
    found = run()
    assert found["changed"] and found["failed_users"] == ["bob"] and found["machines"]["alice"]["files"] == 2
    assert not run()["changed"]
    arguments["sources"] = [{**source, "folder": "/x; reboot"}]
    assert "give an absolute path" in str(run()["msg"])
    arguments["machines"] = [{**machine, "user": "../x"}]
    assert "user name" in str(run()["msg"])
