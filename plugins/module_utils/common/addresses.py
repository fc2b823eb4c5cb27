"""Addresses on the web: whether what comes from there could be replaced on the way.

Runs on the controller and on the machines.
"""

from __future__ import annotations

ALLOW = "allow_plain_http: true in group_vars/all/local.yml"
"""The explicit setting that takes the risk."""


def is_plain_http(address: str) -> bool:
    """Return whether `address` is one of http without TLS."""
    return address.strip().lower().startswith("http:")


def unverified(url: str, checksum: str, allowed: bool) -> bool:
    """Return whether nothing proves that what `url` gives is what was put there."""
    return is_plain_http(url) and not checksum and not allowed
