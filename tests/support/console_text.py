"""Host keys, and the blocks of them that cloud-init prints on consoles."""

from __future__ import annotations

from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.ec2.host_keys import parse_key
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519


def new_key(private: Any = None) -> str:
    """Return a new public key as text, by default an Ed25519 key."""
    public = (private or ed25519.Ed25519PrivateKey.generate()).public_key()
    form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return str(public.public_bytes(*form).decode("ascii"))


ED25519, ECDSA = new_key(), new_key(ec.generate_private_key(ec.SECP256R1()))
OTHER = new_key()


def keys_block(*keys: str, prefix: str = "") -> str:
    lines = ["-----BEGIN SSH HOST KEY KEYS-----", *(f"{key} root@ip-10-20-0-5" for key in keys)]
    return "".join(f"{prefix}{line}\r\n" for line in [*lines, "-----END SSH HOST KEY KEYS-----"])


def fingerprints_block(*keys: str, prefix: str = "<14>Jan  2 03:04:05 cloud-init: ") -> str:
    parsed = [parse_key(*key.split()) for key in keys]
    lines = [f"256 SHA256:{key.fingerprint} root@ip-10-20-0-5 (ED25519)" for key in parsed if key]
    marked = ["-----BEGIN SSH HOST KEY FINGERPRINTS-----", *lines, "-----END SSH HOST KEY FINGERPRINTS-----"]
    return "".join(f"{prefix}{line}\r\n" for line in marked)
