"""Tell modules how wide the terminal of their command is.

Modules run in processes without a terminal, so the callback puts the width in the environment of the command.
"""

from __future__ import annotations

import os
import sys

_ENVIRONMENT = "PROBCOMP_COLUMNS"
_NARROWEST = 40
"""Columns below which no table can be read."""


def publish_columns() -> None:
    """Publish the width of this process's terminal to the modules.

    Without a terminal nothing is published.
    """
    os.environ.pop(_ENVIRONMENT, None)
    try:
        if sys.stdout.isatty() and (width := os.get_terminal_size(sys.stdout.fileno()).columns):
            os.environ[_ENVIRONMENT] = str(width)
    except (OSError, ValueError):
        return  # A closed output has no width.


def columns() -> int | None:
    """Return the width of the command's terminal; None where nothing is to be cut."""
    width = os.environ.get(_ENVIRONMENT, "")
    return max(_NARROWEST, int(width)) if width.isdecimal() else None
