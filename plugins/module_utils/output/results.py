"""Read module results that come from machines.

A machine belongs to its user, so a value of its answer may have any type, size and text. Each function takes one
value, checks its type, and returns it clean and short. `lines_of` reads the answer of each machine apart: one that is
not as expected gets a line that says so, and the other machines get theirs. Pure functions, standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..common.names import shown
from .text import one_line

NOT_UNDERSTOOD = "its answer was not understood"
"""Line for a machine whose answer has not the expected types."""
MOST_TEXT = 1 << 20
"""Characters of a long text that are looked at."""
_LINE_LENGTH = 200
_NAME_LENGTH = 80
_LARGEST_COUNT = 10**9
# A name with other characters is quoted, because a comma or a bracket in it would look like a part of our line.
_PLAIN_NAME = re.compile(r"[\w./ @+=~-]+")

Answer = Mapping[str, object]


class NotUnderstood(ValueError):
    """Value of another type than expected."""


def lines_of(results: Mapping[str, object], line: Callable[[Answer], str]) -> dict[str, str]:
    """Return by machine the text that `line` makes of its answer.

    A machine whose answer makes `line` raise NotUnderstood gets NOT_UNDERSTOOD. The texts are clean once more, so that
    none of them can become two lines.
    """
    return {name: one_line(_line_of(answer, line)) for name, answer in results.items()}


def _line_of(answer: object, line: Callable[[Answer], str]) -> str:
    try:
        if not isinstance(answer, Mapping):
            raise NotUnderstood
        return line(answer)
    except NotUnderstood:
        return NOT_UNDERSTOOD


def raw_text(value: object) -> str:
    """Return the start of a text as it is, for a program to parse."""
    if not isinstance(value, str):
        raise NotUnderstood
    return value[:MOST_TEXT]


def message(value: object) -> str:
    """Return a text as one printable line of limited length."""
    return one_line(raw_text(value), _LINE_LENGTH)


def file_name(value: object) -> str:
    """Return a file name in printable form, quoted if it has unusual characters."""
    name = raw_text(value)
    # A line has single blanks: what it would show of another name belongs to two files.
    is_plain = name == " ".join(name.split()) and name.isprintable() and _PLAIN_NAME.fullmatch(name)
    return one_line(name, _NAME_LENGTH) if is_plain else shown(name, _NAME_LENGTH)


def checksum(value: object) -> str:
    """Return the hexadecimal digits of a checksum, or "" for none."""
    text = raw_text(value)
    if not re.fullmatch(r"[0-9a-f]{0,128}", text):
        raise NotUnderstood
    return text


def count(value: object) -> int:
    """Return a number of things."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST_COUNT:
        raise NotUnderstood
    return value


def flag(value: object) -> bool:
    """Return true or false; None counts as false."""
    if value is not None and not isinstance(value, bool):
        raise NotUnderstood
    return bool(value)


def file_names(value: object, most: int) -> list[str]:
    """Return the first `most` file names of a list."""
    if not isinstance(value, list):
        raise NotUnderstood
    return [file_name(name) for name in value[:most]]


def mapping(value: object) -> Answer:
    """Return a dictionary; None counts as an empty one."""
    if value is not None and not isinstance(value, Mapping):
        raise NotUnderstood
    return value or {}


def any_text(value: object) -> str:
    """Return the start of any value as text, also where a text was expected.

    Failures are shown whatever their type is.
    """
    if isinstance(value, str):
        return value[:MOST_TEXT]
    try:
        return str(value)[:MOST_TEXT]
    except (RecursionError, ValueError):
        # Python writes no list that is nested too deeply, and no number of more than 4300 digits.
        return NOT_UNDERSTOOD
