"""make bench: the repetition of rows, failed rows, and the table's width.

The table fits a terminal.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import bare_loop, fleet, report, tasks
from tests.bench.measure import CommandFailed, Figures, Recorder, Row, Shell
from tests.bench.targets import targets


def figures(wall: float, **more: float) -> Figures:
    return {"processor_s": 1234.56, "wall_s": wall, "memory_bytes": 987e6, **more}


def test_a_short_run_is_made_three_times_and_a_long_one_once() -> None:
    recorder = Recorder(lambda row: None, 1000, 1000)
    assert len(recorder.measure("short", 1, lambda: figures(59)).runs) == 3
    assert len(recorder.measure("long", 1, lambda: figures(61)).runs) == 1


def test_late_nothing_is_repeated_and_later_nothing_is_begun() -> None:
    assert len(Recorder(lambda row: None, 0, 1000).measure("late", 1, lambda: figures(1)).runs) == 1
    row = Recorder(lambda row: None, 0, 0).measure("later", 1, lambda: figures(1))
    assert (row.runs, row.problem) == ([], "left out: no time")


def test_a_command_that_fails_is_named_with_its_last_lines_and_is_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
    row = Recorder(lambda row: None, 1000, 1000).measure("broken", 1, lambda: shell.run("echo why; exit 3", 20))
    assert (row.runs, row.problem) == ([], "failed")
    assert "why" in capsys.readouterr().err


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
    with pytest.raises(CommandFailed):
        shell.run("sleep 60; true", 0.2)
    assert "none within 0 s" in (tmp_path / "log").read_text()


def test_the_table_fits_a_terminal_and_the_report_says_what_was_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "FILE", tmp_path / "reports/bench.json")
    table = report.Table()
    table.begin(40)
    rows = {}
    for name in (fleet.AGAIN, fleet.CREATE, bare_loop.row_name(fleet.NEW, "curve25519")):
        for machines in (1, 40):
            api = figures(1234.5, api_calls=1234, api_peak_per_second=123)
            rows[name, machines] = Row(name, machines, [api] * 3)
            table.show(rows[name, machines])
    further = {tasks.DEBUG: 0.02, tasks.MODULE: float("nan"), tasks.LITERAL: 0.1}
    held = targets(rows, further, 40)
    table.end(held, further, 40)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    report.write(rows, held, further, 40, 3000, 1)
    written = json.loads(report.FILE.read_text())
    met = {target["name"]: target["met"] for target in written["targets"]["all"]}
    assert met["task on the controller, each host"] is True
    assert met["API calls of a creation"] is False
    assert met["restart / bare loop"] is None
    assert written["rows"][1]["median"]["api_calls"] == 1234
