"""Write files atomically and lock files that several processes use.

Runs on the controller and on the machines.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

LOCK_SECONDS = 60.0
"""Maximum time to wait for another process that writes the same file."""


class InUse(OSError):
    """Partial file that another process is writing."""


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Replace `path` atomically by a file with `data` and `mode`.

    A missing folder is created. Raises OSError and then leaves no partial file.

    Nobody else can read the file before it has its `mode`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial_file(path) as (partial, stream):
        fill(stream, data, mode)
        partial.replace(path)


def fill(stream: IO[bytes], data: bytes, mode: int) -> None:
    """Write `data` to the open file and to the disk, and set `mode`."""
    stream.write(data)
    os.fchmod(stream.fileno(), mode)
    stream.flush()
    os.fsync(stream.fileno())


@contextlib.contextmanager
def partial_file(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[tuple[Path, IO[bytes]]]:
    """Yield the new file `.<name>.partial` beside `path`, open; remove it afterwards.

    It has mode 0600 and stays locked while it is written. What a killed run left under this name is replaced. A file
    that was moved to another name is kept.

    Raises OSError, and InUse when another process writes it for longer than `seconds`.
    """
    partial = partial_name(path)
    handle = _open_locked(path, time.monotonic() + seconds)
    with os.fdopen(handle, "wb") as stream:
        try:
            yield partial, stream
        finally:
            if _is_at(handle, partial):
                partial.unlink()


def partial_name(path: Path) -> Path:
    """Return the name that the file `path` has while it is written."""
    return path.with_name(f".{path.name}.partial")


def remove_partial(path: Path, seconds: float = 0.0) -> None:
    """Remove what a killed run left beside `path`.

    Raises OSError, and InUse when another process writes it for longer than `seconds`.
    """
    partial = partial_name(path)
    try:
        handle = os.open(partial, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        partial.unlink(missing_ok=True)  # It is the link that goes, never what it leads to.
        return
    try:
        if not locked_within(handle, seconds):
            raise InUse(errno.EBUSY, "another process is writing it", str(path))
        # The file is removed and never written to: after a kill it may be the complete one under a second name.
        if _is_at(handle, partial):
            partial.unlink()
    finally:
        os.close(handle)


def _open_locked(path: Path, deadline: float) -> int:
    partial = partial_name(path)
    while True:
        try:
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            remove_partial(path, max(0.0, deadline - time.monotonic()))
            continue
        # Another process may take a file that is not locked yet for one that was left, and remove it.
        if locked_within(handle, 0) and _is_at(handle, partial):
            return handle
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Return whether the open file is the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


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
