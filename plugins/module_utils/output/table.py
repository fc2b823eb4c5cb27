"""Format plain-text tables for the terminal.

Long values are cut and empty columns left out, so that a table stays narrow.

Values may come from tags, which anybody with rights on the account can write, so all values are made printable.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from .text import one_line

WIDTH = 118
"""Maximum width of a table in terminal columns."""
_GAP = "  "
_CUT = "…"
_UNBOUNDED = 10_000
_NARROWEST = 4


@dataclass(frozen=True)
class Column:
    """Column of a table.

    `head` is its heading and `least` the width below which it is never cut (None: never cut at all). With `right` the
    values are aligned to the right, as for numbers.
    """

    head: str
    least: int | None = None
    right: bool = False
    optional: bool = True
    """True to leave the column out when no row has a value."""


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int = WIDTH) -> list[str]:
    """Return the table's lines, the first one with the headings.

    Columns that may be cut share the available width.
    """
    cells = [[one_line(cell, _UNBOUNDED) for cell in row] for row in rows]
    kept = [n for n, column in enumerate(columns) if not column.optional or any(row[n] for row in cells)]
    shown = [columns[n] for n in kept]
    table = [[column.head for column in shown], *([row[n] for n in kept] for row in cells)]
    widths = _widths(shown, table, width - len(_GAP) * (len(shown) - 1))
    lines = []
    for row in table:
        fields = (_field(cell, room, column.right) for cell, room, column in zip(row, widths, shown, strict=True))
        lines.append(_GAP.join(fields).rstrip())
    return lines


def text_width(text: str) -> int:
    """Return the width of `text` in terminal columns.

    A Chinese character takes two columns, a combining mark none.
    """
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shortened(text: str, room: int) -> str:
    """Return `text` in at most `room` columns.

    A cut text ends in "…".
    """
    if text_width(text) <= room:
        return text
    kept = text
    while kept and text_width(kept) > room - 1:
        kept = kept[:-1]
    return kept.rstrip() + _CUT


def _widths(columns: Sequence[Column], table: Sequence[Sequence[str]], room: int) -> list[int]:
    widths = [max(text_width(row[n]) for row in table) for n in range(len(columns))]
    # The first pass keeps values distinguishable. The later passes cut further, and the first column, which names the
    # machine, comes last.
    for floor, first in ((0, 0), (_NARROWEST, 1), (_NARROWEST, 0)):
        while sum(widths) > room:
            least = [width if c.least is None else floor or c.least for c, width in zip(columns, widths, strict=True)]
            candidates = [n for n in range(first, len(widths)) if widths[n] > least[n]]
            if not candidates:
                break
            # The widest column shrinks first, so that a long value does not shorten a short one.
            widths[max(candidates, key=lambda n: widths[n])] -= 1
    return widths


def _field(text: str, room: int, right: bool) -> str:
    text = shortened(text, room)
    filler = " " * (room - text_width(text))
    return filler + text if right else text + filler
