"""The generated table in running-stacks.org, between two marks. Pure functions.

Text outside the marks never changes. Between them people may align the table and add columns at its right; the next run
moves any other edit to the end of the file, under a heading with the date. The opening mark has a checksum of the
generated text, which reveals edits.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..output.table import text_width
from ..output.text import one_line

NEW_FILE = """\
#+TITLE: Running stacks

Who has what. stack_list.yml writes what stands between the two marks below, and nothing else: notes above and below
are yours, and so are columns that you add at the right of the table.

"""
_OPENING = "# BEGIN stack_list"
_CLOSING = "# END stack_list"
_CELL_LIMIT = 256
_NO_CHECKSUM = "none"


@dataclass
class Register:
    """The new text of the file, and notes about preserved edits."""

    text: str
    notes: list[str] = field(default_factory=list)


@dataclass
class _Part:
    """Line indexes of a pair of marks, and the checksum in the opening one."""

    first: int
    last: int
    checksum: str


def written(old: str, account: str, heads: Sequence[str], rows: Sequence[Sequence[str]], day: str) -> Register:
    """Return the register `old` ("" for none) with an updated table of `account`.

    `account` is text such as "account 1 region x". The first cell of a row is its key. `day` (ISO 8601) is the date for
    edits that are moved to the end.
    """
    lines = (old or NEW_FILE).splitlines(keepends=True)
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    register = Register("")
    parts = _find(lines, account)
    body = [line.rstrip("\r\n") for line in lines[parts[0].first + 1 : parts[0].last]] if parts else []
    extra_heads, extra = _own_columns(body, heads)
    keys = {row[0] for row in rows}
    table = [[*heads, *extra_heads], *([escaped(c) for c in row] + extra.get(row[0], []) for row in rows)]
    for row in table[1:]:
        row += [""] * (len(table[0]) - len(row))
    new = _aligned(table)
    ours = _checksum(_canonical(new, len(heads)))
    kept: list[str] = []
    if parts and _checksum(_canonical(body, len(heads))) != parts[0].checksum:
        kept = _different(body, new)
    elif lost := [key for key, values in extra.items() if key not in keys and any(values)]:
        kept = [line for line in body if _is_head(line, heads) or _cells(line)[:1] in [[key] for key in lost]]
    if not parts:
        _defuse(lines, account, day, end, register)
        _append(lines, [_opening(account, _NO_CHECKSUM), _closing(account)], end)
        parts = _find(lines, account)
    part = parts[0]
    if _canonical(body, None) != _canonical(new, None) or ours != part.checksum:
        lines[part.first : part.last + 1] = [line + end for line in (_opening(account, ours), *new, _closing(account))]
    if kept:
        heading = f"* Kept on {day}: written by hand into the table of stack_list"
        _append(lines, [heading, *(line.rstrip() for line in kept)], end)
        register.notes.append(f"what was written by hand into the table is kept at the end, under {day}")
    register.text = "".join(lines)
    return register


def escaped(text: str) -> str:
    """Return `text` escaped for a cell of an Org table, on one line."""
    plain = one_line(text, _CELL_LIMIT).replace("|", r"\vert{}").replace("[[", "[ [")
    # At the beginning of a cell these are a mark, a formula, or a column width.
    for sign, name in (("*", "ast"), ("=", "equal"), ("<", "lt")):
        if plain.startswith(sign):
            return f"\\{name}{{}}{plain[1:]}"
    return f": {plain[1:]}" if plain.startswith(":=") else plain


def _opening(account: str, checksum: str) -> str:
    return f"{_OPENING}: {account} (checksum {checksum}); edit above and below, or add columns at the right"


def _closing(account: str) -> str:
    return f"{_CLOSING}: {account}"


def _find(lines: Sequence[str], account: str) -> list[_Part]:
    """Return the part of `account` if both marks occur once and in order."""
    opening = re.compile(rf"{re.escape(_OPENING)}: {re.escape(account)} \(checksum ([0-9a-z]+)\)")
    first = [(n, match.group(1)) for n, line in enumerate(lines) if (match := opening.match(line))]
    last = [n for n, line in enumerate(lines) if line.rstrip() == _closing(account)]
    if len(first) != 1 or len(last) != 1 or last[0] < first[0][0]:
        return []
    return [_Part(first[0][0], last[0], first[0][1])]


def _defuse(lines: list[str], account: str, day: str, end: str, register: Register) -> None:
    """Turn mismatched marks into plain text, so that the lines between them are kept."""
    for number, line in enumerate(lines):
        if line.startswith((f"{_OPENING}: {account} ", _closing(account))):
            lines[number] = f"# ({day}: this mark of stack_list had lost its other half){end}"
            note = "a mark was missing or stood twice: the old table was left as text, and a new one added at the end"
            register.notes = [note]


def _cells(line: str) -> list[str]:
    stripped = line.strip()
    if not stripped.startswith("|") or stripped.startswith("|-"):
        return []
    return [cell.strip() for cell in stripped[1:].removesuffix("|").split("|")]


def _is_head(line: str, heads: Sequence[str]) -> bool:
    return _cells(line)[: len(heads)] == list(heads)


def _own_columns(body: Sequence[str], heads: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the heads of added columns, and their values by row key."""
    head = next((line for line in body if _is_head(line, heads)), "")
    added = _cells(head)[len(heads) :]
    if not added:
        return [], {}
    rows = (_cells(line) for line in body if line != head)
    return added, {row[0]: row[len(heads) : len(heads) + len(added)] for row in rows if row}


def _canonical(body: Sequence[str], columns: int | None) -> list[str]:
    """Return `body` without alignment, and without the columns after `columns`."""
    content = []
    for line in body:
        if line.strip().startswith("|-"):
            content.append("|-")
        elif cells := _cells(line):
            content.append("|".join(cells[:columns]))
        elif line.strip():
            content.append(line.strip())
    return content


def _checksum(content: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(text_width(row[n]) for row in table) for n in range(len(table[0]))]
    lines = []
    for row in table:
        fields = (cell + " " * (width - text_width(cell)) for cell, width in zip(row, widths, strict=True))
        lines.append(f"| {' | '.join(fields)} |")
    lines.insert(1, f"|{'+'.join('-' * (width + 2) for width in widths)}|")
    return lines


def _different(body: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return the lines of `body` that are not in `new`, below the table head."""
    content = set(_canonical(new, None))
    lines = [line for line in body if (own := _canonical([line], None)) and own[0] not in content and own != ["|-"]]
    head = next((line for line in body if _cells(line)), "")
    return [head, *lines] if head and head not in lines and any(_cells(line) for line in lines) else lines


def _append(lines: list[str], new: Sequence[str], end: str) -> None:
    """Append lines to the file, after an empty one."""
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += end
    if lines and lines[-1].strip():
        lines.append(end)
    lines += [line + end for line in new]
