"""Files of pinned host keys, one per machine, in ssh's known_hosts form; the comment of a line is the instance id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..common.atomic_file import write_whole
from .console import HostKey, parse_key

_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


class PinError(Exception):
    """A pin file that cannot be used as it is; str() says why and what to do."""


@dataclass(frozen=True)
class Pin:
    """What a pin file holds."""

    instance_id: str
    keys: tuple[HostKey, ...]


def read_pin(path: Path, ssh_name: str) -> Pin | None:
    """Return what is pinned at `path` for `ssh_name`; None when there is no file or an empty one; raises PinError.

    Names are compared as ssh does it, in any case: the pin is older than the lower case of ssh_name.
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
    """Write the pin file whole or not at all, readable by all (it holds nothing secret); raises OSError."""
    lines = [f"{ssh_name} {key.kind} {key.blob} {pin.instance_id}\n" for key in pin.keys]
    write_whole(path, "".join(lines).encode("ascii"))
