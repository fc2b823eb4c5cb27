"""Keep since when machines fail from check to check.

A check of some machines leaves what the checks before found about the others.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..common.names import by_number
from ..output.machine_names import Groups
from .client import Result

LONGEST_GAP = timedelta(days=1)
"""Maximum age of a machine's check before.

An older one may be of a machine that had the same name, in another class.
"""
LARGEST_FILE = 4_000_000
"""Maximum size of the file in bytes; with forty machines it has 5,000."""
Failing = dict[str, dict[str, str]]
"""By user, `since`, the first failed check in a row, and `checked_at`, the last.

Both are in UTC.
"""


def combine(results: list[Result], before: Failing, checked_at: str, groups: Groups) -> tuple[list[Result], Failing]:
    """Return `results` with their `since`, and what fails now.

    That is what failed, and what was not checked, failed `before`, and still is in the inventory's `groups`.
    """
    times = {result.user: before.get(result.user, {}).get("since", checked_at) for result in results}
    dated = [result if result.ok else replace(result, since=times[result.user]) for result in results]
    known = {user for users in groups.values() for user in users}
    left = sorted((user for user in before if user in known and user not in times), key=by_number)
    failing = {user: before[user] for user in left}
    failing |= {result.user: {"since": result.since, "checked_at": checked_at} for result in dated if not result.ok}
    return dated, failing


def read_failing(path: Path, now: datetime) -> Failing:
    """Return what the file at `path` says of checks of the last day.

    It is another program's file as soon as somebody edits it: what is missing, old, broken or impossible counts for
    nothing.
    """
    try:
        rows = json.loads(_content(path))
    except (OSError, ValueError, RecursionError):
        return {}
    found = {user: _row(row, now) for user, row in rows.items()} if isinstance(rows, dict) else {}
    return {user: row for user, row in found.items() if row}


def _content(path: Path) -> bytes:
    # A pipe in its place would never end.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_FILE:
            return b"{}"
        return stream.read(LARGEST_FILE)


def _row(row: Any, now: datetime) -> dict[str, str]:
    """Return the times of a file's `row`, empty unless they are possible and recent."""
    try:
        since, checked_at = (datetime.fromisoformat(row[name]) for name in ("since", "checked_at"))
        if not since.tzinfo or not since <= checked_at <= now or now - checked_at > LONGEST_GAP:
            return {}
        times = {"since": since.astimezone(UTC), "checked_at": checked_at.astimezone(UTC)}
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        return {}
    return {name: time.isoformat(timespec="seconds") for name, time in times.items()}
