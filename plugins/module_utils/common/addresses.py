"""Read administrators' networks, and judge whether downloads can be trusted.

A download is not to be trusted where its content could be replaced on the way. Runs on the controller and on the
machines.
"""

from __future__ import annotations

ALLOW = "allow_plain_http: true in group_vars/all/local.yml"
"""The explicit setting that takes the risk."""


MAX_CIDRS = 5
"""Maximum number of networks in `admin_cidr`, as in the template `network`."""


def cidrs(value: object) -> list[str]:
    """Return the networks of `admin_cidr`, each once.

    `value` is a list, or a text with one network or several, separated by commas.
    """
    texts = value if isinstance(value, list | tuple) else str(value or "").split(",")
    return list(dict.fromkeys(text for item in texts if (text := str(item).strip())))


def is_plain_http(address: str) -> bool:
    """Return whether `address` is one of http without TLS."""
    return address.strip().lower().startswith("http:")


def unverified(url: str, checksum: str, allowed: bool) -> bool:
    """Return whether nothing proves that what `url` gives is what was put there."""
    return is_plain_http(url) and not checksum and not allowed
