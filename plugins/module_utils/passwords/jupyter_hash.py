"""Jupyter's password hashes, made and checked on the controller; the password itself never goes to a machine.

Used by the action plugin jupyter_password. Needs passlib with argon2-cffi.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from passlib.hash import argon2

# What jupyter_server.auth.passwd uses.
_MEMORY_KIB, _ROUNDS, _LANES = 10240, 10, 8
_MOST = 4
"""Times Jupyter's own figures that we spend on a hash from a machine: its user may have written any."""

_PATTERN = re.compile(
    r"argon2:(?P<hash>\$argon2id\$v=19\$m=(?P<memory>\d{1,7}),t=(?P<rounds>\d{1,4}),p=(?P<lanes>\d{1,3})"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172})"
)


def make_hash(password: str) -> str:
    """Return a new salted hash of `password` for Jupyter's setting hashed_password."""
    hasher = argon2.using(type="ID", memory_cost=_MEMORY_KIB, rounds=_ROUNDS, parallelism=_LANES)
    return "argon2:" + _quietly(hasher.hash, password)


def is_hash_of(found: str, password: str) -> bool:
    """Tell whether `found`, which a machine says is its hash, is one of `password`.

    False also for every hash that is malformed, of another kind, or would cost much more than Jupyter's own.
    """
    match = _PATTERN.fullmatch(found)
    if match is None:
        return False
    limits = {"memory": _MEMORY_KIB, "rounds": _ROUNDS, "lanes": _LANES}
    if any(int(match[name]) > _MOST * limit for name, limit in limits.items()):
        return False
    try:
        return _quietly(argon2.verify, password, match["hash"])
    except ValueError:
        # Figures that argon2 itself refuses, like zero rounds.
        return False


def _quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call passlib, which looks at an attribute that argon2-cffi warns about; Ansible would show that to the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return function(*arguments)
