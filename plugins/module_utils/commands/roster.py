"""Read rosters for new machines.

Spreadsheets write them in several encodings and with several separators. Problems are returned as text. Runs on the
controller. Standard library only.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from ..common import names
from .extra_vars import setting_problem

ROSTER_COLUMNS = ("user", "owner", "organization", "purpose", "instance")

_ROSTER_BYTES = 1_000_000
_SEPARATORS = ",;\t"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass
class Roster:
    """Users of a CSV file: settings by user, and the file's problems, one line each."""

    settings: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_roster(path: Path) -> Roster:
    """Read the roster at `path`, a CSV file in UTF-8, or in UTF-16 as Excel writes "Unicode text".

    It has a header of ROSTER_COLUMNS, of which only `user` is required. Values are separated by commas, semicolons or
    tabs, whichever the header has most of. Lines that begin with # are comments.
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
    return unicodedata.normalize("NFC", text)


def _read_text(roster: Roster, shown: str, text: str) -> None:
    # Comments become blank lines, so that the others keep their numbers.
    lines = ["\n" if line.lstrip().startswith("#") else line for line in text.splitlines(keepends=True)]
    first = next((line for line in lines if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=separator, strict=True)
    header: list[str] = []
    first_lines: dict[str, int] = {}
    for row in reader:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if header:
            where = f"roster {shown}, line {reader.line_num}"
            _read_person(roster, where, header, cells, first_lines, reader.line_num)
            continue
        header = [cell.lower() for cell in cells]
        if problem := _header_problem(header):
            roster.problems.append(f"roster {shown}, line {reader.line_num}: {problem}")
            return
    if not header:
        roster.problems.append(f"roster {shown}, line 1: {_header_problem(header)}")


def _read_person(
    roster: Roster, where: str, header: list[str], cells: list[str], first_lines: dict[str, int], line: int
) -> None:
    unnamed = [cell for number, cell in enumerate(cells) if cell and not "".join(header[number : number + 1])]
    if unnamed:
        named = sum(1 for column in header if column)
        what = "too many values" if len(cells) > len(header) else "a value in a column without a name"
        roster.problems.append(f"{where}: {what}, {names.shown(unnamed[0])}: the header names {named} columns")
        return
    # Spreadsheets leave out blank cells at a line's end.
    row = dict(zip(header, cells + [""] * len(header), strict=False))
    row.pop("", None)
    user = row.pop("user")
    try:
        names.check_user_name(user)
    except names.InvalidName as error:
        roster.problems.append(f"{where}: {error}")
        return
    if user in first_lines:
        roster.problems.append(f"{where}: {user} stands already on line {first_lines[user]}")
        return
    first_lines[user] = line
    settings = {name: value for name, value in row.items() if value}
    problems = (setting_problem(name, value) for name, value in settings.items())
    roster.problems.extend(f"{where}: {problem}" for problem in problems if problem)
    roster.settings[user] = settings


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
