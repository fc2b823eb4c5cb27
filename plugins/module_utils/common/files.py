"""Write files atomically and lock files that several processes use.

Runs on the controller and on the machines.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` atomically by a file with `data` and `mode`.

    A missing folder is created. Raises OSError and then leaves no partial file.

    Nobody else can read the file before it has its `mode`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = write_beside(path, data, mode)
    try:
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_beside(path: Path, data: bytes, mode: int) -> Path:
    """Write `data` to a new hidden file in the folder of `path` and return it.

    Raises OSError and then leaves no partial file.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial


def set_mode(path: Path, mode: int) -> None:
    """Set `mode` on a file or a folder, never through a link at its last component.

    Raises OSError, for a link too.
    """
    # The descriptor is that of the entry itself, whatever takes its name meanwhile.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def locked_within(file: IO[str] | int, seconds: float, lock: Callable[..., None] = fcntl.flock) -> bool:
    """Take an exclusive lock on the open `file` and return whether that succeeded.

    The lock lasts until the file is closed. The result is False when another process kept the lock.

    `seconds` is the most to wait. `lock` is fcntl.flock or fcntl.lockf, whichever the file's other users take.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        # lockf may report a held lock as EACCES (fcntl(2)).
        except (BlockingIOError, PermissionError):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
