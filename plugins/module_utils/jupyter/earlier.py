"""Read since when machines fail from the report of the check before."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

LONGEST_GAP = timedelta(days=1)
"""Maximum age of the report before.

An older one may be of machines that had the same names, in another class.
"""
LARGEST_REPORT = 4_000_000
"""Maximum size of a report in bytes; one of forty machines has 20,000."""


def failing_since(path: Path, now: datetime) -> dict[str, str]:
    """Return by user since when every check in a row has failed.

    Times are in UTC, and from the report at `path`. It is another program's file as soon as somebody edits it: what is
    missing, old, broken or impossible counts for nothing.
    """
    try:
        rows = json.loads(_recent(path, now))
    except (OSError, ValueError, RecursionError):
        return {}
    found = {user: _since(row, now) for user, row in rows.items()} if isinstance(rows, dict) else {}
    return {user: since for user, since in found.items() if since}


def _recent(path: Path, now: datetime) -> bytes:
    # A pipe in its place would never end.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        is_recent = now - datetime.fromtimestamp(found.st_mtime, UTC) <= LONGEST_GAP
        if not (stat.S_ISREG(found.st_mode) and is_recent and found.st_size <= LARGEST_REPORT):
            return b"{}"
        return stream.read(LARGEST_REPORT)


def _since(row: Any, now: datetime) -> str:
    """Return the time that a report's `row` gives, or "".

    It is "" unless the machine failed and the time is possible.
    """
    if not isinstance(row, dict) or row.get("ok") is not False or not isinstance(row.get("since"), str):
        return ""
    try:
        since = datetime.fromisoformat(row["since"])
        return since.astimezone(UTC).isoformat(timespec="seconds") if since.tzinfo and since <= now else ""
    except (ValueError, OverflowError):
        return ""
