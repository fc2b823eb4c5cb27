"""Text from elsewhere (AWS, machines, ssh) made fit for the administrator's terminal. Standard library only."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

# Terminal commands whole: dropping only the escape character would leave "[31m" in the line.
_TERMINAL_COMMAND = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)", re.DOTALL)


def printable_lines(text: str) -> list[str]:
    """Return the lines of `text` without terminal commands, control and invisible characters, and trailing space."""
    plain = _TERMINAL_COMMAND.sub("", text)
    return ["".join(c for c in line.expandtabs(4) if c.isprintable()).rstrip() for line in plain.splitlines()]


def one_line(text: str, limit: int = 500) -> str:
    """Return `text` as one printable line of at most `limit` characters (and "..." where it was cut)."""
    joined = " ".join(" ".join(printable_lines(text)).split())
    return joined if len(joined) <= limit else joined[:limit].rstrip() + "..."


def redact_url(url: str) -> str:
    """Return `url` without what may be secret in it: name and password, and the query of a signed address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def size(count: int) -> str:
    """Return a number of bytes in words: 999 B, 1.2 kB, 3.4 MB."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
