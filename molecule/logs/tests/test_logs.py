"""Fetched logs: what the users wrote, and nothing that could harm the reader."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.support.scenario import STATE, Machine


def fetched(machine: Machine) -> list[Path]:
    return sorted((STATE / "logs" / machine.user).rglob("*"))


def test_the_sessions_are_here(machine: Machine) -> None:
    (log,) = (path for path in fetched(machine) if path.name == "session.log")
    assert log.read_text() == "first session\nsecond session\n"


def test_all_are_plain_files_for_the_administrator_alone(machine: Machine) -> None:
    paths = fetched(machine)
    assert paths
    for path in paths:
        mode = path.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode), path
        assert stat.S_IMODE(mode) in (0o600, 0o700), path
    assert "planted.log" not in [path.name for path in paths]


def test_the_journals_folder_is_roots(machine: Machine) -> None:
    folder = machine.root.file("/var/log/probcomp/jupyter")
    assert folder.is_directory and folder.user == "root" and not folder.mode & 0o022
    assert machine.root.run("runuser -u jupyter -- touch /var/log/probcomp/jupyter/x").rc != 0
