"""Read rosters for new machines.

Spreadsheets write them in several encodings and with several separators. Problems are returned as text. Runs on the
controller. Standard library only.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

from ..common import names
from ..common.unicode_forms import composed
from ..output.host_summary import listed
from .extra_vars import setting_problem

ROSTER_COLUMNS = ("user", "owner", "organization", "purpose", "instance")

_ROSTER_BYTES = 1_000_000
_SEPARATORS = ",;\t"
# Excel writes and reads this line where commas are decimal points; with quotes where it saved it as a cell.
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=([^\w\s\"]|\t)\"?,*\s*", re.IGNORECASE)
_MOST_LINES = 5
"""Numbers of lines that are shown for one problem."""
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass
class Roster:
    """Users of a CSV file: settings by user, and the file's problems, one line each."""

    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_roster(path: Path) -> Roster:
    """Read the roster at `path`, a CSV file in UTF-8 or UTF-16.

    Excel writes UTF-16 as "Unicode text".

    It has a header of ROSTER_COLUMNS, of which only `user` is required. Values are separated by commas, semicolons or
    tabs, whichever the header has most of, or what a line `sep=` names before it. Lines that begin with # are comments.
    """
    roster = Roster()
    shown = names.shown(str(path))
    try:
        if path.stat().st_size > _ROSTER_BYTES:
            roster.problems.append(f"roster {shown} is larger than {_ROSTER_BYTES} bytes: is it the right file?")
            return roster
        _read_text(roster, shown, _decoded(path.read_bytes()))
    except OSError as error:
        roster.problems.append(f"roster {shown} cannot be read: {error.strerror or error}")
    except UnicodeDecodeError:
        roster.problems.append(f"roster {shown} is not UTF-8 text: save it as CSV UTF-8")
    except (csv.Error, ValueError) as error:  # ValueError: a path with a null character
        roster.problems.append(f"roster {shown} is no CSV: {error}")
    if not roster.settings and not roster.problems:
        roster.problems.append(f"roster {shown} names nobody")
    return roster


def _decoded(data: bytes) -> str:
    text = data.decode("utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig")
    # macOS writes é as e and an accent, which AWS's tags do not admit.
    return composed(text)


def _read_text(roster: Roster, shown: str, text: str) -> None:
    # Comments become blank lines, so that the others keep their numbers.
    lines = ["\n" if line.lstrip().startswith("#") else line for line in text.splitlines(keepends=True)]
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    separator = ","
    if first is not None and (named := _SEPARATOR_LINE.fullmatch(lines[first])):
        separator, lines[first] = named[1], "\n"
    elif first is not None:
        separator = max(_SEPARATORS, key=lines[first].count)
    reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    first_lines: dict[str, int] = {}
    # One value for a whole class is one problem, with all of its lines.
    problems: dict[str, list[str]] = {}
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if header:
            for fault in _read_person(roster, header, cells, first_lines, reader.line_num):
                problems.setdefault(fault, []).append(str(reader.line_num))
            continue
        header = [cell.lower() for cell in cells]
        if problem := _header_problem(header):
            roster.problems.append(f"roster {shown}, line {reader.line_num}: {problem}")
            return
    for fault, numbers in problems.items():
        where = f"line{'s' if len(numbers) > 1 else ''} {listed(numbers, _MOST_LINES)}"
        roster.problems.append(f"roster {shown}, {where}: {fault}")
    if not header:
        roster.problems.append(f"roster {shown}, line 1: {_header_problem(header)}")


def _read_person(
    roster: Roster, header: list[str], cells: list[str], first_lines: dict[str, int], line: int
) -> list[str]:
    """Add the user of a line, and return the line's problems."""
    unnamed = [cell for number, cell in enumerate(cells) if cell and not "".join(header[number : number + 1])]
    if unnamed:
        named = sum(1 for column in header if column)
        what = "too many values" if len(cells) > len(header) else "a value in a column without a name"
        return [f"{what}, {names.shown(unnamed[0])}: the header names {named} columns"]
    # Spreadsheets leave out blank cells at a line's end.
    row = dict(zip(header, cells + [""] * len(header), strict=False))
    row.pop("", None)
    user = row.pop("user")
    try:
        names.check_user_name(user)
    except names.InvalidName as error:
        return [str(error)]
    if user in first_lines:
        return [f"{user} stands already on line {first_lines[user]}"]
    first_lines[user] = line
    settings = {name: value for name, value in row.items() if value}
    roster.settings[user] = settings
    return [problem for name, value in settings.items() if (problem := setting_problem(name, value))]


def _header_problem(header: list[str]) -> str | None:
    known = ", ".join(ROSTER_COLUMNS)
    columns = [column for column in header if column]
    unknown = [column for column in columns if column not in ROSTER_COLUMNS]
    if "user" not in columns:
        return f"the first line must be a header with the column user; columns are {known}"
    if unknown:
        return f"no such column: {', '.join(names.shown(column) for column in unknown)}; columns are {known}"
    if len(set(columns)) != len(columns):
        return "a column stands twice"
    return None
