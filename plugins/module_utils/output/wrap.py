"""Break sentences at blanks where the terminal would break words.

Pure functions, standard library only.
"""

from __future__ import annotations

import re

from .table import text_width

_HANGING = "    "
"""Indent of a continued line, more than any line of ours has.

What stands there is part of the line above, whoever wrote it.
"""
_VALUE = r"""(?:"[^"]*"|'[^']*'|\S+)"""
# An option of aws has one value, none, or several of the form Id=i-0123.
_AWS_OPTION = rf" --[a-z0-9-]+(?: (?!--){_VALUE})?(?: [A-Z]\w*=\S+)*"
_PARTS = re.compile(
    rf"ansible-playbook(?: -[el] {_VALUE}| -\S+| \S+\.yml)+|aws [a-z0-9]+ [a-z0-9-]+(?:{_AWS_OPTION})*|\S+"
)
"""Words of a sentence. A command is one, so that it can be copied."""


def wrapped(text: str, width: int | None) -> list[str]:
    """Return a line of text as lines of at most `width` terminal columns.

    None stands for as many as the line has. A word, or a command, that is longer stays whole. So does a row of a table,
    which has gaps between its columns.
    """
    if width is None or text_width(text) <= width or "  " in text.strip():
        return [text]
    indent = " " * (len(text) - len(text.lstrip()))
    lines: list[str] = []
    line = ""
    for part in _PARTS.findall(text):
        joined = f"{line} {part}" if line else indent + part
        if line and text_width(joined) > width:
            lines.append(line)
            joined = indent + _HANGING + part
        line = joined
    return [*lines, line]
