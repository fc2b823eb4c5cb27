"""Fuzz consoles: only whole keys, in a block or with a fingerprint, are pinned."""

from __future__ import annotations

import re

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.host_keys import ForgedKeys, host_keys, parse_key
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.values import ANY_TEXT, TEXT

BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"


def _public(private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return private.public_key().public_bytes(*form).decode()


def _fingerprints(*keys: str) -> str:
    parsed = [key for key in (parse_key(*text.split()) for text in keys) if key]
    marks = ["-----BEGIN SSH HOST KEY FINGERPRINTS-----", "-----END SSH HOST KEY FINGERPRINTS-----"]
    lines = [f"256 SHA256:{key.fingerprint} root@ip (ED25519)" for key in parsed]
    return "\r\n".join([marks[0], *lines, marks[1], ""])


def _block(*keys: str) -> str:
    return "\r\n".join([BEGIN, *(f"{key} root@ip" for key in keys), END, ""])


# Keys that stay the same, so that an example can be tried again.
TRUE = _public(ed25519.Ed25519PrivateKey.from_private_bytes(b"1" * 32))
FORGED = _public(ed25519.Ed25519PrivateKey.from_private_bytes(b"2" * 32))
ECDSA = _public(ec.derive_private_key(7, ec.SECP256R1()))
NOISE = TEXT | st.sampled_from(
    ["[    1.234567] random: crng init done\r\n", "login: ", "\r\n", "<14>cloud-init: ", "\x1b[0m"]
)
PIECES = st.one_of(
    NOISE,
    st.sampled_from([BEGIN, END, BEGIN + "\r\n", END + "\r\n", f"{TRUE} root@ip\r\n", f"{FORGED} root@ip\r\n", ECDSA]),
    st.sampled_from(
        [_block(TRUE), _block(TRUE, ECDSA), _block(FORGED), _fingerprints(TRUE, ECDSA), _fingerprints(FORGED)]
    ),
)
CONSOLES = st.lists(PIECES, max_size=8).map("".join) | ANY_TEXT


def keys_of(output: str) -> list[str]:
    """Return the keys that would be pinned, none of a console that contradicts itself."""
    try:
        return [f"{key.kind} {key.blob}" for key in host_keys(output)]
    except ForgedKeys as error:
        assert str(error).isprintable() and len(str(error)) < 400
        return []


@given(CONSOLES)
@example(f"{_fingerprints(TRUE)}{TRUE} root@ip\r\n")
@example(f"{ECDSA}\n{_block(TRUE)}")
def test_any_console(output: str) -> None:
    found = keys_of(output)
    assert set(found) <= {TRUE, FORGED, ECDSA}, "a key that no line held"
    assert not {TRUE, FORGED} <= set(found), "two keys of one type"
    # What a terminal would not show is taken out before; the rest of a key's line is whole.
    plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x09\x0b-\x1f\x7f]", "", output)
    for key in found:
        kind, blob = key.split()
        line = rf"(?<!\S){re.escape(kind)}\s+{re.escape(blob)}(?!\S)"
        # If the block's start marker is damaged, a key counts when its fingerprint was printed before it.
        shown = re.escape(_fingerprints(key).splitlines()[1])
        assert re.search(rf"(?:{re.escape(BEGIN)}|{shown}).*?{line}", plain, re.DOTALL), "a key outside of a block"


PRINTED = _fingerprints(TRUE) + _block(TRUE)


@given(st.integers(0, len(PRINTED) - 1), st.integers(1, 4), TEXT)
# Another letter within a key makes another key, which only the fingerprint tells from the true one.
@example(PRINTED.index(TRUE) + 40, 1, "/")
def test_what_is_printed_with_damage(place: int, length: int, instead: str) -> None:
    assert set(keys_of(PRINTED[:place] + instead + PRINTED[place + length :])) <= {TRUE}


@given(NOISE, NOISE, NOISE)
def test_a_whole_block_within_noise(before: str, between: str, after: str) -> None:
    output = f"{before}\r\n{_fingerprints(TRUE, ECDSA)}{between}\r\n{_block(TRUE, ECDSA)}{after}"
    assert set(keys_of(output)) == {TRUE, ECDSA}


@given(NOISE, NOISE, st.booleans())
def test_two_machines_in_one_console(between: str, after: str, is_late: bool) -> None:
    blocks = [_block(FORGED), _block(TRUE)]
    with pytest.raises(ForgedKeys):
        host_keys(f"\r\n{blocks[is_late]}{between}\r\n{blocks[not is_late]}{after}")


@given(
    st.sampled_from(["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"]) | TEXT,
    st.text("AQc3NzaC1lZDI=+/", max_size=80) | TEXT,
)
def test_keys(kind: str, blob: str) -> None:
    key = parse_key(kind, blob)
    assert key is None or (f"{key.kind} {key.blob}".isprintable() and len(key.fingerprint) == 43)
