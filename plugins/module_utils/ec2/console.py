"""Parse ssh host keys from the console output of a new machine. Pure functions.

cloud-init prints two blocks, once per instance: fingerprints (through syslog, so lines may have a prefix) and whole
keys. Root on the machine can also print to the console, so a second, different block is refused, and keys and
fingerprints must match.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_KEY = re.compile(rf"(?<!\S)({'|'.join(_KEY_TYPES)})\s+(AAAA[A-Za-z0-9+/]+={{0,2}})(?!\S)")
_FINGERPRINT = re.compile(r"\bSHA256:([A-Za-z0-9+/]{43})\b")
_TERMINAL_COMMAND = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


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


def host_keys(output: str) -> list[HostKey]:
    """Return the host keys in the console `output`, none before a complete block.

    Raises ForgedKeys.
    """
    text = _CONTROL.sub("", _TERMINAL_COMMAND.sub("", output))
    blocks = {frozenset(_keys(block)) for block in _blocks(text, "KEYS")} - {frozenset()}
    if not blocks:
        return []
    if len(blocks) > 1:
        raise ForgedKeys(f"its console shows {len(blocks)} different blocks of host keys")
    keys = sorted(blocks.pop())
    printed = {frozenset(_FINGERPRINT.findall(block)) for block in _blocks(text, "FINGERPRINTS")} - {frozenset()}
    if len(printed) > 1:
        raise ForgedKeys(f"its console shows {len(printed)} different blocks of host key fingerprints")
    for fingerprints in printed:
        strangers = [key.kind for key in keys if key.fingerprint not in fingerprints]
        if strangers:
            raise ForgedKeys(f"its console shows fingerprints that do not fit its host keys: {', '.join(strangers)}")
    return keys


def parse_key(kind: str, blob: str) -> HostKey | None:
    """Return the key, None for an unknown type or invalid text."""
    if kind not in _KEY_TYPES:
        return None
    try:
        data = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return None
    # RFC 4253, 6.6: the key begins with its own type; each part has its length in front.
    parts = _parts(data)
    if not parts or parts[0] != kind.encode("ascii") or len(parts) < 2:
        return None
    return HostKey(_KEY_TYPES.index(kind), kind, blob)


def _blocks(text: str, name: str) -> list[str]:
    """Return the text between each pair of markers, without incomplete blocks."""
    begin, end = f"-----BEGIN SSH HOST KEY {name}-----", f"-----END SSH HOST KEY {name}-----"
    blocks = []
    for part in text.split(begin)[1:]:
        inside, found, _rest = part.partition(end)
        if found:
            blocks.append(inside)
    return blocks


def _keys(block: str) -> set[HostKey]:
    found = (parse_key(*match) for match in _KEY.findall(block))
    return {key for key in found if key}


def _parts(data: bytes) -> list[bytes]:
    parts = []
    while data:
        length = int.from_bytes(data[:4], "big")
        if len(data) < 4 + length:
            return []
        parts.append(data[4 : 4 + length])
        data = data[4 + length :]
    return parts
