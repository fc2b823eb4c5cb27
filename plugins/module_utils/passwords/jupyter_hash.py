"""Create and check Jupyter's password hashes on the controller.

The password itself never goes to a machine. Needs passlib with argon2-cffi.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from passlib.hash import argon2

# jupyter_server.auth.passwd uses these parameters.
_MEMORY_KIB, _ROUNDS, _LANES = 10240, 10, 8
_MOST = 4
"""Maximum cost of a machine's hash, as a multiple of Jupyter's own parameters.

The machine's user may have written any parameters.
"""

_PATTERN = re.compile(
    r"argon2:(?P<hash>\$argon2id\$v=19\$m=(?P<memory>\d{1,7}),t=(?P<rounds>\d{1,4}),p=(?P<lanes>\d{1,3})"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172})"
)


def make_hash(password: str) -> str:
    """Return a new salted hash of `password` for Jupyter's setting hashed_password."""
    hasher = argon2.using(type="ID", memory_cost=_MEMORY_KIB, rounds=_ROUNDS, parallelism=_LANES)
    return "argon2:" + _quietly(hasher.hash, password)


def is_hash_of(found: str, password: str) -> bool:
    """Return whether `found`, the hash that a machine reports, is one of `password`.

    The result is also False for a hash that is malformed, of another kind, or much more expensive than Jupyter's own.
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
        # argon2 itself refuses these parameters, for example zero rounds.
        return False


def _quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call passlib without its deprecation warning.

    passlib reads an attribute for which argon2-cffi warns, and Ansible would show the warning to the user.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return function(*arguments)
