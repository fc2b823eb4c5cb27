"""A lock that is waited for only so long: its holder may have been stopped. Used here and on the machines."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from typing import IO


def locked_within(file: IO[str] | int, seconds: float, lock: Callable[..., None] = fcntl.flock) -> bool:
    """Take an exclusive lock on the open `file`, which lasts until it is closed; False when another kept it.

    `seconds` is the most to wait. `lock` is fcntl.flock or fcntl.lockf, whichever the file's other users take.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        # lockf may call it EACCES (fcntl(2)).
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
