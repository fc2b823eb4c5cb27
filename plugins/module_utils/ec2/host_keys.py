"""Parse ssh host keys from the console output of a new machine. Pure functions.

cloud-init prints two blocks, once per instance: fingerprints (through syslog, so lines may have a prefix) and whole
keys. The kernel and systemd do not wait for it, so any line may be torn: what is whole counts; damage is no forgery.
Root on the machine can also print to the console, so whole keys or fingerprints of one type that differ are refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .console_lines import Marker, marked_lines

_KEY_PARTS = {
    "ssh-ed25519": 2,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "ssh-rsa": 3,
}
"""Number of parts in a key of each known type, in order of preference.

RFC 4253, 5656 and 8709 define the types.
"""
_KEY_TYPES = tuple(_KEY_PARTS)
_KEY = re.compile(rf"(?<!\S)({'|'.join(_KEY_TYPES)}) (AAAA[A-Za-z0-9+/]+={{0,2}})(?!\S)")
_FINGERPRINT = re.compile(
    r"(?<!\S)[0-9]{3,5} SHA256:([A-Za-z0-9+/]{43}) (?:\S+|no comment) \((ED25519|ECDSA|RSA)\)\s*$"
)
_CUT_BYTES = 63_000
"""Bytes from which an output may be cut.

EC2 gives the last 64 KB; whether that is 64,000 or 65,536 bytes is not documented.
"""
_LINES_AFTER_KEYS = 5
"""Lines without a key after which a block of keys ends.

This is for a block whose end cannot be read.
"""


class ForgedKeys(Exception):
    """The console shows contradictory host keys; str() says how."""


@dataclass(frozen=True, order=True)
class HostKey:
    """A public host key."""

    rank: int
    """Position in the list of known types, in order of preference."""
    kind: str
    blob: str
    """Base64, as in a known_hosts file."""

    @property
    def fingerprint(self) -> str:
        """SHA256 fingerprint as ssh prints it, without the leading `SHA256:`."""
        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return base64.b64encode(digest).decode("ascii").rstrip("=")

    @property
    def family(self) -> str:
        """Name of the type beside a fingerprint."""
        return {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}.get(self.kind, "ECDSA")


@dataclass
class _Print:
    """What cloud-init prints in one go: a block of fingerprints, then one of keys."""

    fingerprints: dict[str, set[str]] = field(default_factory=dict)
    keys: set[HostKey] = field(default_factory=set)
    begun: bool = False
    """Whether the beginning of the keys was read."""
    over: bool = False
    lines_after_keys: int = 0

    def confirmed(self) -> set[HostKey]:
        return {key for key in self.keys if key.fingerprint in self.fingerprints.get(key.family, ())}

    def counted(self) -> set[HostKey]:
        """Return the keys of a complete print, none of an incomplete one.

        They are those in a block, or beside their fingerprints.
        """
        shown = {fingerprint for group in self.fingerprints.values() for fingerprint in group}
        confirmed = self.confirmed()
        all_there = bool(confirmed) and shown == {key.fingerprint for key in confirmed}
        if not (self.over or all_there or self.lines_after_keys >= _LINES_AFTER_KEYS):
            return set()
        return self.keys if self.begun else confirmed


def host_keys(*outputs: str) -> list[HostKey]:
    """Return the whole host keys in the console `outputs` of one machine.

    There are none before a complete block. Raises ForgedKeys.
    """
    prints = [one for output in outputs for one in _prints(output)]
    blocks = [keys for keys in (one.counted() for one in prints) if keys]
    _refuse_differing([_by_type(keys) for keys in blocks], "host keys")
    _refuse_differing([one.fingerprints for one in prints], "host key fingerprints")
    keys: set[HostKey] = set().union(*blocks)
    if len({key.kind for key in keys}) < len(keys):
        raise ForgedKeys("its console shows a block of two host keys of one type")
    shown = {family: group for one in prints for family, group in one.fingerprints.items()}
    strangers = [key.kind for key in sorted(keys) if key.fingerprint not in shown.get(key.family, {key.fingerprint})]
    if strangers:
        raise ForgedKeys(f"its console shows fingerprints that do not fit its host keys: {', '.join(strangers)}")
    return sorted(keys)


def is_cut(output: str) -> bool:
    """Return whether the beginning of a console's output may be missing."""
    return len(output.encode("utf-8", "replace")) >= _CUT_BYTES


def parse_key(kind: str, blob: str) -> HostKey | None:
    """Return the key, None for an unknown type or invalid text."""
    if kind not in _KEY_TYPES:
        return None
    try:
        data = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return None
    # RFC 4253, 6.6: the key begins with its own type; each part has its length in front. Torn between two parts, an RSA
    # key is still valid base64.
    parts = _parts(data)
    if len(parts) != _KEY_PARTS[kind] or parts[0] != kind.encode("ascii"):
        return None
    return HostKey(_KEY_TYPES.index(kind), kind, blob)


def _prints(output: str) -> Iterator[_Print]:
    one = _Print()
    in_fingerprints = in_keys = False
    for marker, line in marked_lines(output):
        if marker in (Marker.BEGIN_FINGERPRINTS, Marker.BEGIN_KEYS):
            if marker is Marker.BEGIN_FINGERPRINTS or one.begun or one.over:
                yield one
                one = _Print()
            in_fingerprints, in_keys = marker is Marker.BEGIN_FINGERPRINTS, marker is Marker.BEGIN_KEYS
            # What stood before the block is a key of this machine only beside its fingerprint.
            one.begun, one.keys = in_keys, one.confirmed()
        elif marker is Marker.END_FINGERPRINTS:
            in_fingerprints = False
        elif marker is Marker.END_KEYS:
            one.over, in_keys = True, False
        elif in_fingerprints and (match := _FINGERPRINT.search(line)):
            one.fingerprints.setdefault(match[2], set()).add(match[1])
        # After fingerprints keys are looked for as well where the beginning of their block cannot be read.
        elif not one.over:
            found = {key for key in (parse_key(*match) for match in _KEY.findall(line)) if key}
            one.keys |= found
            one.lines_after_keys = 0 if found else one.lines_after_keys + bool(one.keys)
            one.over = in_keys and one.lines_after_keys >= _LINES_AFTER_KEYS
    yield one


def _by_type(keys: set[HostKey]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for key in keys:
        groups.setdefault(key.kind, set()).add(key.blob)
    return groups


def _refuse_differing(blocks: list[dict[str, set[str]]], what: str) -> None:
    """Raise ForgedKeys if two blocks show something else for the same type."""
    for kind in sorted({kind for block in blocks for kind in block}):
        variants = {frozenset(block[kind]) for block in blocks if kind in block}
        if len(variants) > 1:
            raise ForgedKeys(f"its console shows {len(variants)} different blocks of {what}")


def _parts(data: bytes) -> list[bytes]:
    parts = []
    while data:
        length = int.from_bytes(data[:4], "big")
        if len(data) < 4 + length:
            return []
        parts.append(data[4 : 4 + length])
        data = data[4 + length :]
    return parts
