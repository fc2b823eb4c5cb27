"""Files of pinned host keys, one per machine, in ssh's known_hosts format.

The comment of a line is the instance id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..common.files import write_whole
from .host_keys import HostKey, parse_key

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


class PinError(Exception):
    """An unusable pin file; str() gives the reason and the remedy."""


@dataclass(frozen=True)
class Pin:
    """The content of a pin file."""

    instance_id: str
    keys: tuple[HostKey, ...]


def read_pin(path: Path, ssh_name: str) -> Pin | None:
    """Return the pin for `ssh_name` in the file `path`, None without one.

    Raises PinError. Names are compared ignoring case, as ssh does: older pin files may have upper case.
    """
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise PinError(f"{path} cannot be read: {error}") from None
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        return None
    keys = [parse_key(line[1], line[2]) for line in lines if len(line) == 4 and line[0].lower() == ssh_name.lower()]
    ids = {line[3] for line in lines if len(line) == 4 and _INSTANCE_ID.fullmatch(line[3])}
    if len(keys) < len(lines) or None in keys or len(ids) != 1:
        raise PinError(f"{path} does not hold host keys of {ssh_name} as they were pinned: restore it, or remove it")
    return Pin(ids.pop(), tuple(key for key in keys if key))


def write_pin(path: Path, ssh_name: str, pin: Pin) -> None:
    """Write the pin file atomically, readable by all (no secrets); raise OSError."""
    lines = [f"{ssh_name} {key.kind} {key.blob} {pin.instance_id}\n" for key in pin.keys]
    write_whole(path, "".join(lines).encode("ascii"))
