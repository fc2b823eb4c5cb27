"""Tests for waiting until cloud-init has ended on a machine.

The files that cloud-init writes tell the end.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.machine.cloud_init import failure, is_done

LOCALE = "('locale', ProcessExecutionError(\"Unexpected error.\\nCommand: ['update-locale']\\nExit code: 255\"))"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the folder of a boot in which cloud-init runs after a failed stage."""
    (tmp_path / "enabled").touch()
    (tmp_path / "status.json").write_text(json.dumps({"v1": {"modules-config": {"errors": [LOCALE]}}}))
    return tmp_path


def finish(run: Path, *errors: str) -> None:
    (run / "result.json").write_text(json.dumps({"v1": {"datasource": "DataSourceNoCloud", "errors": errors}}))


def test_it_waits_for_the_last_stage_also_after_an_error(run: Path) -> None:
    later = threading.Timer(1, finish, (run, LOCALE))
    later.start()
    begun = time.monotonic()
    assert is_done(30, run)
    assert time.monotonic() - begun > 0.9
    assert "update-locale" in failure(run) and "\n" not in failure(run)


def test_the_wait_has_an_end(run: Path) -> None:
    assert not is_done(0.2, run)


def test_what_is_done_takes_no_time(run: Path) -> None:
    finish(run)
    assert is_done(0, run) and failure(run) == ""


@pytest.mark.parametrize("there", [True, False], ids=["installed later", "none"])
def test_a_machine_without_cloud_init_waits_for_nothing(tmp_path: Path, there: bool) -> None:
    run = tmp_path / "run"
    if there:
        run.mkdir()
        (run / "disabled").touch()
    assert is_done(0, run) and failure(run) == ""


@pytest.mark.parametrize("text", ["{", "[]", '{"v1": []}', '{"v1": {"errors": 7}}', ""])
def test_a_result_that_makes_no_sense_is_no_error_of_ours(run: Path, text: str) -> None:
    (run / "result.json").write_text(text)
    assert is_done(0, run)
    assert ("cannot be read" in failure(run)) == (text in ("{", ""))


@pytest.mark.parametrize(
    ("shown", "done", "says"),
    [
        ("ActiveState=failed\nJob=\n", True, "its last stage ended without a result"),
        ("ActiveState=active\n", True, "its last stage ended without a result"),
        ("ActiveState=inactive\n", True, ""),
        ("Job=152\nActiveState=inactive\n", False, "its last stage ended without a result"),
        ("ActiveState=activating\nJob=152\n", False, "its last stage ended without a result"),
        ("", False, "its last stage ended without a result"),
    ],
    ids=["failed", "cleaned", "installed later", "queued", "at work", "no answer"],
)
def test_a_boot_without_a_result(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: str, done: bool, says: str
) -> None:
    systemctl = tmp_path / "bin/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text(f"#!/bin/sh\ncat <<'WORDS'\n{shown}WORDS\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{systemctl.parent}:/usr/bin:/bin")
    assert is_done(0, run) == done
    assert failure(run) == says
