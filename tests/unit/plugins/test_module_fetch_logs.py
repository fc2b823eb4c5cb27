"""The module fetch_logs as Ansible runs it."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support import ad_hoc
from tests.support.log_world import with_two_logs


@pytest.mark.slow
def test_the_module_names_the_failed_and_checks_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = with_two_logs(tmp_path, monkeypatch)
    machine = {"address": "whole", "admin_user": "ubuntu", "ssh_name": "x", "pin_file": str(world.folder / "pin")}
    source = {"name": "sessions", "folder": str(world.there)}
    fakes = {name: os.environ[name] for name in ("PATH", "STANDIN", "PYTHON", "SENDER")}
    arguments: dict[str, Any] = {
        "machines": [{**machine, "user": "alice"}, {**machine, "user": "bob", "address": "refused"}],
        "sources": [source],
        "directory": str(world.logs),
    }

    def run(*more: str) -> dict[str, Any]:
        return ad_hoc.run(world.folder, "fetch_logs", arguments, *more, **fakes)[0]

    found = run("--check")
    assert found["changed"] and found["machines"]["alice"]["new_files"] == 2 and not world.logs.exists()
    found = run()
    assert found["changed"] and found["failed_users"] == ["bob"] and found["machines"]["alice"]["files"] == 2
    assert not run()["changed"]
    arguments["sources"] = [{**source, "folder": "/x; reboot"}]
    assert "give an absolute path" in str(run()["msg"])
    arguments["machines"] = [{**machine, "user": "../x"}]
    assert "user name" in str(run()["msg"])
