"""Summarise fetched logs as lines for a terminal: size, age and new files."""

from __future__ import annotations

from datetime import UTC, datetime

from ..common.names import by_number
from ..output.text import size
from .fetch import Fetched

_MOST_NAMED = 5


def table(results: list[Fetched], now: float, dry: bool = False) -> list[str]:
    """Return a line for each user, followed by the files that were left out.

    `now` is in seconds since 1970.
    """
    width = max([len("user"), *(len(result.user) for result in results)])
    lines = [f"{'user':<{width}}  {'files':>6}  {'size':>9}  {'newest (UTC)':<16}  {'would come' if dry else 'new'}"]
    for result in sorted(results, key=lambda result: by_number(result.user)):
        content = result.content
        newest = f"{datetime.fromtimestamp(min(content.newest, now), UTC):%Y-%m-%d %H:%M}" if content.files else "-"
        new = f"{size(result.new.bytes)} in {_files(result.new.files)}" if result.new.files else "nothing"
        if result.reason:
            new = f"{new}; FAILED" if result.new.files else "FAILED"
        lines.append(f"{result.user:<{width}}  {content.files:>6}  {size(content.bytes):>9}  {newest:<16}  {new}")
        notes = (("left out", result.new.skipped), ("rewritten there, the former kept aside", result.new.aside))
        for what, names in notes:
            if names:
                lines.append(f"{'':<{width}}  {what}: {_named(names)}")
    total = sum(result.content.bytes for result in results)
    new_bytes = sum(result.new.bytes for result in results)
    if len(results) > 1:
        lines.append(f"{size(total)} in all, {size(new_bytes)} of it new")
    return lines


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _named(names: list[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return "; ".join(names[:_MOST_NAMED]) + (f"; and {rest} more" if rest > 0 else "")
