"""Progress reports of waiting modules, and the status line made from them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.progress.display import ProgressFile
from ansible_collections.probcomp.stack.plugins.module_utils.progress.reporter import Progress, Tally
from ansible_collections.probcomp.stack.plugins.module_utils.progress.status_line import (
    ENVIRONMENT,
    Report,
    duration,
    parse_report,
    status_line,
)

FLEET = [f"ws-{number}" for number in range(1, 41)]


def test_counts_and_the_first_names_are_reported(reported: Callable[[], list[str]]) -> None:
    progress = Progress("stacks", 40)
    progress.report(["ws-22", "ws-3", "ws-17", "ws-40"])
    progress.report(["ws-40", "ws-3", "ws-22", "ws-17"])  # The same names in another order report no line.
    progress.report(["ws-3"], failed=2)
    progress.report([])
    assert reported() == [
        "stacks: 36 of 40 ready after 95 s; late: ws-3, ws-17, ws-22 and 1 more",
        "stacks: 37 of 40 ready, 2 failed after 95 s; late: ws-3",
        "stacks: 40 of 40 ready after 95 s",
    ]


def test_threads_count_together(reported: Callable[[], list[str]]) -> None:
    tally = Tally.of("logs", FLEET, "fetched")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda user: tally.end(user, user != "ws-7"), FLEET))
    tally.end("ws-7", True)  # This user has ended already.
    lines = reported()
    assert lines[0] == "logs: 0 of 40 fetched after 95 s; late: ws-1, ws-2, ws-3 and 37 more"
    assert lines[-1] == "logs: 39 of 40 fetched, 1 failed after 95 s"
    assert len(lines) == 41 and "not understood" not in lines


def test_nothing_is_written_where_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    Progress("stacks", 2).report(["ws-1"])
    Progress("image").report_state("40 %")
    for gone in (tmp_path / "removed", tmp_path / "folder/removed", tmp_path):
        monkeypatch.setenv(ENVIRONMENT, str(gone))
        Progress("stacks", 2).report(["ws-1"])
    assert list(tmp_path.iterdir()) == []


def test_a_report_does_not_follow_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").touch()
    (tmp_path / "link").symlink_to("other")
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "link"))
    Progress("stacks", 2).report(["ws-1"])
    assert (tmp_path / "other").read_text() == ""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProgressFile:
    monkeypatch.setenv(ENVIRONMENT, "")  # monkeypatch restores it at the end.
    return ProgressFile(tmp_path)


def append(text: bytes) -> None:
    with Path(os.environ[ENVIRONMENT]).open("ab") as file:
        file.write(text)


def test_the_file_is_private_and_the_last_report_counts(file: ProgressFile) -> None:
    assert Path(os.environ[ENVIRONMENT]).stat().st_mode & 0o777 == 0o600
    assert file.read(0) == (0, None)
    Progress("image").report_state("10 %")
    Progress("image").report_state("40 %")
    offset, report = file.read(0)
    assert report == Report("image", state="40 %")
    assert file.read(offset) == (offset, None)
    append(b'{"what": "ima')
    assert file.read(offset) == (offset, None)
    append(b'ge", "state": "90 %"}\n')
    assert file.read(offset)[1] == Report("image", state="90 %")


def test_a_huge_or_broken_file_does_no_harm(file: ProgressFile) -> None:
    append(b"\x00\xff" * (1 << 20))
    offset, report = file.read(0)
    assert report is None and file.size() - offset <= 64 << 10
    append(b'\n{"what": "image", "state": "1 %"}\nbroken\n' + b"[" * 9999 + b"\n")
    offset, report = file.read(offset)
    assert report == Report("image", state="1 %") and offset == file.size()
    os.truncate(os.environ[ENVIRONMENT], 0)
    assert file.read(offset) == (0, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"what": "\x1b[2Jstacks"},
        {"what": ""},
        {"what": 7},
        {"what": "x" * 41},
        {"state": "a\nb"},
        {"total": -1},
        {"total": 10**9},
        {"ready": True},
        {"failed": "1"},
        {"late": ["ws-1\r"]},
        {"late": "ws-1 is late"},
        {"late": [["ws-1"]]},
        {"late": {"ws-1": 1}},
    ],
)
def test_what_is_no_report_of_ours_is_ignored(changed: dict[str, object]) -> None:
    good: dict[str, object] = {"what": "stacks", "done": "ready", "total": 2, "ready": 1, "failed": 0, "late": ["ws-1"]}
    assert parse_report(json.dumps(good).encode()) == Report("stacks", "ready", 2, 1, 0, ("ws-1",))
    assert parse_report(json.dumps({**good, **changed}).encode()) is None


@pytest.mark.parametrize("line", [b"", b"7", b"null", b"[]", b'"x"', b"{}", b"\xff"])
def test_a_line_that_is_no_report_is_ignored(line: bytes) -> None:
    assert parse_report(line) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "0 s"), (95, "95 s"), (119.9, "119 s"), (120, "2 min 00 s"), (125, "2 min 05 s"), (3599, "59 min 59 s"),
        (3725, "1 h 02 min"),
    ],
)  # fmt: skip
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_line_is_cut_to_the_width() -> None:
    late = tuple(f"somebody-{number}" for number in (1, 2, 3))
    report = Report("Install Jupyter", "done", 40, 31, 0, late)
    whole = status_line(report, 95, 160)
    assert whole == f"Install Jupyter: 31 of 40 done after 95 s; late: {', '.join(late)} and 6 more"
    assert status_line(report, 95, 75) == "Install Jupyter: 31 of 40 done after 95 s; late: somebody-1 and 8 more"
    assert status_line(report, 95, 60) == "Install Jupyter: 31 of 40 done after 95 s; 9 late"
    named = Report("Install everything that people need for a class", "done", 40, 31, 0, late)
    assert status_line(named, 95, 90) == (
        "Install everything t...: 31 of 40 done after 95 s; late: somebody-1, somebody-2 and 7 more"
    )
    assert status_line(named, 95, 60) == "Install everything that...: 31 of 40 done after 95 s; 9 late"
    assert all(len(status_line(named, 95, width)) <= width for width in range(1, 120))


def test_a_task_of_which_nothing_is_known_but_that_it_runs() -> None:
    assert status_line(Report("Publish the content"), 125, 80) == "Publish the content: running for 2 min 05 s"
