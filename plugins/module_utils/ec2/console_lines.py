"""Split a console's text into clean lines, and find cloud-init's markers.

Torn markers are found, too. Pure functions.
"""

from __future__ import annotations

import enum
import re
from collections import deque
from collections.abc import Iterator

_TERMINAL_COMMAND = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LINES_INSIDE = 5
"""So many lines of others, at most, are looked for inside a marker."""


class Marker(enum.Enum):
    """Lines that stand around what cloud-init prints."""

    BEGIN_FINGERPRINTS = "-----BEGIN SSH HOST KEY FINGERPRINTS-----"
    END_FINGERPRINTS = "-----END SSH HOST KEY FINGERPRINTS-----"
    BEGIN_KEYS = "-----BEGIN SSH HOST KEY KEYS-----"
    END_KEYS = "-----END SSH HOST KEY KEYS-----"

    @property
    def core(self) -> str:
        """The part that tells it from other markers: the rest may be torn."""
        return self.value.strip("-").removesuffix("INGERPRINTS").removesuffix("EYS")


def marked_lines(output: str) -> Iterator[tuple[Marker | None, str]]:
    """Yield the lines without control characters, each with its marker or None.

    A line's marker is whole in it, or ends in it.
    """
    text = _CONTROL.sub("", _TERMINAL_COMMAND.sub("", output)).replace("\t", " ")
    before: deque[str] = deque(maxlen=_LINES_INSIDE)
    for line in text.split("\n"):
        marker = _marker(line, before)
        yield marker, line
        before.append(line)
        if marker:
            before.clear()


def _marker(line: str, before: deque[str]) -> Marker | None:
    if "SSH HOST KEY" in line:
        for marker in Marker:
            if marker.core in line:
                return marker
    # A message in the midst of a marker ends its line: the rest of the marker begins the next one.
    rest, dashes, _after = line.partition("S-----")
    if dashes:
        for marker in Marker:
            torn = marker.value.removesuffix(rest + dashes)
            if torn != marker.value and any(torn in earlier for earlier in before):
                return marker
    return None
