"""Addresses: networks of administrators; whether what comes from the web could be replaced on the way.

Runs on the controller and on the machines.
"""

from __future__ import annotations

ALLOW = "allow_plain_http: true in group_vars/all/local.yml"
"""The explicit setting that takes the risk."""


MAX_CIDRS = 5
"""Number of networks that `admin_cidr` may name: those of the parameters of the template `network`."""


def cidrs(value: object) -> list[str]:
    """Return the networks of `admin_cidr`, each once: a list, or a text with one or several after commas."""
    texts = value if isinstance(value, list | tuple) else str(value or "").split(",")
    return list(dict.fromkeys(text for item in texts if (text := str(item).strip())))


def is_plain_http(address: str) -> bool:
    """Return whether `address` is one of http without TLS."""
    return address.strip().lower().startswith("http:")


def unverified(url: str, checksum: str, allowed: bool) -> bool:
    """Return whether nothing proves that what `url` gives is what was put there."""
    return is_plain_http(url) and not checksum and not allowed
