"""Make text from AWS, machines and ssh safe for the administrator's terminal.

Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

# The whole terminal command goes: without its escape character alone, "[31m" would stay in the line.
_TERMINAL_COMMAND = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)", re.DOTALL)
_MOST_READ = 1 << 16
"""Characters that are read for one line: to clean 100 million takes minutes."""


def printable_lines(text: str) -> list[str]:
    """Return the printable lines of `text`.

    Terminal commands, control and invisible characters, and trailing space are removed.
    """
    plain = _TERMINAL_COMMAND.sub("", text)
    return ["".join(c for c in line.expandtabs(4) if c.isprintable()).rstrip() for line in plain.splitlines()]


def one_line(text: str, limit: int = 500) -> str:
    """Return `text` as one printable line of at most `limit` characters.

    A cut text ends in "...".
    """
    joined = " ".join(" ".join(printable_lines(text[: max(_MOST_READ, 2 * limit)])).split())
    return joined if len(joined) <= limit else joined[:limit].rstrip() + "..."


def settings_diff(header: str, before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Return two mappings' difference by name, for Ansible's --diff."""
    texts = {
        when: "".join(f"{name}: {one_line(value)}\n" for name, value in sorted(settings.items()))
        for when, settings in (("before", before), ("after", after))
    }
    return {**texts, "before_header": header, "after_header": header}


def redact_url(url: str) -> str:
    """Return `url` without its secrets.

    The user name, the password and the query of a signed URL are removed. An address s3://bucket/key has none: what
    follows a ? there is part of the key.
    """
    if url.lower().startswith("s3://"):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def size(count: int) -> str:
    """Return a number of bytes with its unit: 999 B, 1.2 kB, 3.4 MB."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
