"""Format plain-text tables for the terminal.

Where it has a width, long values are cut; empty columns are left out. The first column names what a row is about and is
never cut.

Values may come from tags, which anybody with rights on the account can write, so all values are made printable.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from .text import one_line

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


def fitted(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Return the table's lines, the first one with the headings.

    Columns that may be cut share the available `width` in terminal columns; None cuts nothing.
    Where even cut values do not fit, optional columns are left out, the last one first.
    """
    cells = [[one_line(cell, _UNBOUNDED) for cell in row] for row in rows]
    kept = [n for n, column in enumerate(columns) if not column.optional or any(row[n] for row in cells)]
    while True:
        shown = [columns[n] for n in kept]
        table = [[column.head for column in shown], *([row[n] for n in kept] for row in cells)]
        room = None if width is None else width - len(_GAP) * (len(shown) - 1)
        widths = _widths(shown, table, room)
        last = next((n for n in reversed(kept) if columns[n].optional), None)
        if room is None or sum(widths) <= room or last is None:
            break
        kept.remove(last)
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


def _widths(columns: Sequence[Column], table: Sequence[Sequence[str]], room: int | None) -> list[int]:
    widths = [max(text_width(row[n]) for row in table) for n in range(len(columns))]
    # The first pass keeps values distinguishable, the second cuts further.
    for floor in (0, _NARROWEST) if room is not None else ():
        while room is not None and sum(widths) > room:
            least = [width if c.least is None else floor or c.least for c, width in zip(columns, widths, strict=True)]
            candidates = [n for n in range(1, len(widths)) if widths[n] > least[n]]
            if not candidates:
                break
            # The widest column shrinks first, so that a long value does not shorten a short one.
            widths[max(candidates, key=lambda n: widths[n])] -= 1
    return widths


def _field(text: str, room: int, right: bool) -> str:
    text = shortened(text, room)
    filler = " " * (room - text_width(text))
    return filler + text if right else text + filler
