"""Since when a machine fails comes from the report before, whatever that file is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.earlier import LARGEST_REPORT, failing_since

from tests.support.in_process import run

SINCE = "2026-05-12T09:35:00+00:00"


def row(**values: Any) -> dict[str, Any]:
    """Return a report's row of a machine that fails since SINCE."""
    return {"ok": False, "since": SINCE, **values}


def test_a_machine_that_failed_keeps_its_time(tmp_path: Path) -> None:
    path = tmp_path / "check.json"
    rows = {"ws-1": row(), "ws-2": row(ok=True), "ws-3": row(since=""), "ws-4": row(since="2026-05-12T11:35:00+02:00")}
    path.write_text(json.dumps(rows))
    assert failing_since(path, datetime.now(UTC)) == {"ws-1": SINCE, "ws-4": SINCE}


@pytest.mark.parametrize(
    "value",
    [None, 7, [], "ws-1", row(since=None), row(since=7), row(since="yesterday"), row(since="2026-05-12T09:35:00"),
     row(since="9999-01-01T00:00:00+00:00"), row(since="0001-01-01T00:00:00+23:00"), row(ok="no"), {"ok": False},
     row(since="<script>")],
)  # fmt: skip
def test_a_row_that_cannot_be_counts_for_nothing(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "check.json"
    path.write_text(json.dumps({"ws-1": value, "ws-2": row()}))
    assert failing_since(path, datetime.now(UTC)) == {"ws-2": SINCE}


def missing(path: Path) -> None:
    """Leave nothing at `path`."""


def aged(path: Path) -> None:
    """Make a report of two days ago."""
    path.write_text(json.dumps({"ws-1": row()}))
    before = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    os.utime(path, (before, before))


def large(path: Path) -> None:
    """Make a report that is longer than any."""
    path.write_text(json.dumps({"ws-1": row()}) + " " * LARGEST_REPORT)


BROKEN: dict[str, Callable[[Path], Any]] = {
    "missing": missing,
    "aged": aged,
    "large": large,
    "half": lambda path: path.write_text('{"ws-1": {"ok": false, "since": "2026'),
    "nested": lambda path: path.write_text("[" * 200_000),
    "a list": lambda path: path.write_text("[]"),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00\xd8"),
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_report_that_is_none_counts_for_nothing(tmp_path: Path, kind: str) -> None:
    BROKEN[kind](tmp_path / "check.json")
    assert failing_since(tmp_path / "check.json", datetime.now(UTC)) == {}


def test_the_time_of_the_first_failure_is_carried_from_check_to_check(tmp_path: Path) -> None:
    folder = tmp_path / "passwords"
    folder.mkdir(mode=0o700)
    path, report = folder / "ws-1.passwd", tmp_path / "check.json"
    # Nobody listens at this port, and no name is asked for.
    machine = {"user": "ws-1", "url": "https://ws-1.stack.localhost:1", "password_file": str(path)}
    first = run("fleet_check", machines=[machine], earlier=str(report))
    assert first["machines"]["ws-1"]["since"] == first["checked_at"]
    report.write_text(json.dumps({"ws-1": {**first["machines"]["ws-1"], "since": SINCE}}))
    path.write_text("correct-horse-battery\n")
    path.chmod(0o600)
    second = run("fleet_check", machines=[machine], earlier=str(report))["machines"]["ws-1"]
    assert (first["machines"]["ws-1"]["kind"], second["kind"]) == ("password_file", "connection")
    assert second["since"] == SINCE
