"""Since when a machine fails comes from the checks before, whatever that file is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.earlier import LARGEST_FILE, read_failing

from tests.support.in_process import run

SINCE = "2026-05-12T09:35:00+00:00"
NOW = datetime(2026, 5, 12, 10, 0, tzinfo=UTC)
BEFORE = "2026-05-12T09:50:00+00:00"


def row(**values: Any) -> dict[str, Any]:
    """Return a row of a machine that fails since SINCE and was checked at BEFORE."""
    return {"since": SINCE, "checked_at": BEFORE, **values}


def test_a_machine_that_failed_keeps_its_time(tmp_path: Path) -> None:
    path = tmp_path / "failing.json"
    path.write_text(json.dumps({"ws-1": row(), "ws-4": row(since="2026-05-12T11:35:00+02:00")}))
    assert read_failing(path, NOW) == {"ws-1": row(), "ws-4": row()}


@pytest.mark.parametrize(
    "value",
    [None, 7, [], "ws-1", row(since=None), row(since=7), row(since="yesterday"), row(since="2026-05-12T09:35:00"),
     row(since="9999-01-01T00:00:00+00:00"), row(since="0001-01-01T00:00:00+23:00"), {"since": SINCE},
     row(since="2026-05-11T09:00:00+00:00", checked_at="2026-05-11T09:59:59+00:00"),
     row(checked_at="2026-05-12T10:00:01+00:00"), row(checked_at=""),
     row(since="<script>")],
)  # fmt: skip
def test_a_row_that_cannot_be_counts_for_nothing(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "failing.json"
    path.write_text(json.dumps({"ws-1": value, "ws-2": row()}))
    assert read_failing(path, NOW) == {"ws-2": row()}


def missing(path: Path) -> None:
    """Leave nothing at `path`."""


def large(path: Path) -> None:
    """Make a file that is longer than any."""
    path.write_text(json.dumps({"ws-1": row()}) + " " * LARGEST_FILE)


BROKEN: dict[str, Callable[[Path], Any]] = {
    "missing": missing,
    "large": large,
    "half": lambda path: path.write_text('{"ws-1": {"since": "2026'),
    "nested": lambda path: path.write_text("[" * 200_000),
    "a list": lambda path: path.write_text("[]"),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00\xd8"),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_is_none_counts_for_nothing(tmp_path: Path, kind: str) -> None:
    BROKEN[kind](tmp_path / "failing.json")
    assert read_failing(tmp_path / "failing.json", NOW) == {}


def test_the_time_of_the_first_failure_is_carried_from_check_to_check(tmp_path: Path) -> None:
    folder = tmp_path / "passwords"
    folder.mkdir(mode=0o700)
    file = tmp_path / "failing.json"
    # Nobody listens at this port, and no name is asked for.
    machines = {
        user: {"user": user, "url": f"https://{user}.stack.localhost:1", "password_file": str(folder / user)}
        for user in ("ws-1", "ws-2")
    }

    def check(*users: str, known: list[str] | None = None) -> dict[str, Any]:
        groups = {"all": known or list(machines)}
        answer = run("fleet_check", machines=[machines[user] for user in users], earlier=str(file), groups=groups)
        assert list(answer["machines"]) == list(users)
        file.write_text(json.dumps(answer["failing"]))
        return answer

    first = check("ws-1", "ws-2")
    assert all(row["since"] == first["checked_at"] for row in first["machines"].values())
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")
    file.write_text(json.dumps({user: {**row, "since": since} for user, row in first["failing"].items()}))
    (folder / "ws-1").write_text("correct-horse-battery\n")
    (folder / "ws-1").chmod(0o600)
    # A check of one machine leaves the other's time and says when it was seen to fail.
    second = check("ws-1")
    assert (first["machines"]["ws-1"]["kind"], second["machines"]["ws-1"]["kind"]) == ("password_file", "connection")
    assert second["machines"]["ws-1"]["since"] == since
    assert second["failing"]["ws-2"] == {"since": since, "checked_at": first["checked_at"]}
    assert second["failing"]["ws-1"] == {"since": since, "checked_at": second["checked_at"]}
    assert check("ws-2")["machines"]["ws-2"]["since"] == since
    # What the inventory no longer has was deleted.
    assert list(check("ws-1", known=["ws-1"])["failing"]) == ["ws-1"]
