"""Format the progress of a task as a status line.

Pure functions, standard library only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from ..output.host_summary import listed

ENVIRONMENT = "PROBCOMP_PROGRESS_FILE"
"""Environment variable with the path of the progress file.

It is not set when no display reads the reports.
"""
NAMES_IN_A_LINE = 3
_LARGEST_COUNT = 1_000_000
_SHORTEST_NAME = 16
_WORDS = re.compile(r"[A-Za-z0-9 %.-]{1,40}")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


@dataclass(frozen=True)
class Report:
    """Progress of a task.

    Without `total` and `state` the only known fact is that the task runs.
    """

    what: str
    done: str = "ready"
    total: int = 0
    ready: int = 0
    failed: int = 0
    late: tuple[str, ...] = ()
    """First names of the items that are late."""
    state: str = ""


def parse_report(line: bytes) -> Report | None:
    """Return the report in a line of the progress file, None for a foreign line."""
    try:
        data = json.loads(line)
        texts = {key: data.get(key, default) for key, default in (("what", ""), ("done", "ready"), ("state", ""))}
        counts = {key: data.get(key, 0) for key in ("total", "ready", "failed")}
        late = data.get("late", [])[:NAMES_IN_A_LINE]
        is_ours = (
            all(_WORDS.fullmatch(text) for key, text in texts.items() if key != "state" or text)
            and all(type(count) is int and 0 <= count < _LARGEST_COUNT for count in counts.values())
            and all(_USER.fullmatch(name) for name in late)
        )
        return Report(late=tuple(late), **texts, **counts) if is_ours else None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def duration(seconds: float) -> str:
    """Return a duration as text: 95 s, 2 min 05 s, 1 h 02 min."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def status_line(report: Report, seconds: float, width: int) -> str:
    """Return the report in at most `width` characters.

    A long task name is cut first, then the names of machines are left out.
    """
    for names in range(NAMES_IN_A_LINE, -1, -1):
        excess = len(_line(report, seconds, names)) - width
        if excess <= 0:
            return _line(report, seconds, names)
        kept = len(report.what) - excess - len("...")
        # The full task name stands above the line, but the late machines are named nowhere else.
        if kept >= _SHORTEST_NAME:
            return _line(replace(report, what=report.what[:kept].rstrip() + "..."), seconds, names)
    return _line(report, seconds, 0)[:width]


def _line(report: Report, seconds: float, names: int) -> str:
    after = f"after {duration(seconds)}"
    if report.state:
        return f"{report.what}: {report.state} {after}"
    if not report.total:
        return f"{report.what}: running for {duration(seconds)}"
    line = f"{report.what}: {report.ready} of {report.total} {report.done}"
    line += f", {report.failed} failed {after}" if report.failed else f" {after}"
    return line + _late(report, names)


def _late(report: Report, names: int) -> str:
    count = report.total - report.ready - report.failed
    if count <= 0:
        return ""
    if not report.late[:names]:
        return f"; {count} late"
    return f"; late: {listed(report.late, names, count)}"
