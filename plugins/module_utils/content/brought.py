"""Tell files of the content and its installer from others' files in a home.

What cannot be read, or not within the bounds, counts as others'. Runs on the machine. Python 3.10 and its standard
library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import posixpath
import pwd
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..machine import left_behind
from ..machine.accounts import MachineError, read_note, run_as, write_note
from ..machine.jupyter_service import HOME_SECONDS
from .archive import FOLDER, LINK

CONTENT, INSTALLER = "content.json", "content_install.json"
"""Names of root's records of the content, and of its installer's last run."""
_MOST_FILES = 20_000
_LARGEST_FILE = 64 << 20
"""Bytes of a file whose size is not recorded."""
MOST_BYTES = 4 << 30
"""Bytes that are read in one search."""
_READ_SECONDS = 10
"""Seconds in which files are read, so that a search ends within HOME_SECONDS."""

Look = Mapping[str, list[Any]]
"""Fingerprint, size, time and number of each suspicious file, by path.

The fingerprint is None for what cannot be read, files and folders.
"""


class _Reader:
    """Fingerprints of files (as in install.py), bounded in bytes and seconds."""

    def __init__(self, seconds: float = _READ_SECONDS) -> None:
        self._left, self._until = MOST_BYTES, time.monotonic() + seconds

    def fingerprint(self, path: Path, largest: int) -> str | None:
        """Return the fingerprint of `path`, or None.

        None is for what cannot be read, or has more than `largest` bytes.
        """
        try:
            state = path.lstat()
            if stat.S_ISLNK(state.st_mode):
                return LINK + str(path.readlink())
            if stat.S_ISDIR(state.st_mode):
                return FOLDER
            if not stat.S_ISREG(state.st_mode) or state.st_size > largest:
                return None
            # The file may be another by now: without O_NONBLOCK a pipe would block.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
                return self._digest(stream, largest)
        except OSError:
            return None

    def _digest(self, stream: Any, largest: int) -> str | None:
        digest, left = hashlib.sha256(), largest
        while part := stream.read(min(left + 1, 1 << 20)):
            left -= len(part)
            self._left -= len(part)
            if left < 0 or self._left < 0 or time.monotonic() > self._until:
                return None
            digest.update(part)
        return digest.hexdigest()


@contextlib.contextmanager
def recorded(note: Path, account: pwd.struct_passwd, path: Iterable[str], is_ours: bool) -> Iterator[None]:
    """Record in the file `note` what the installer puts where an intruder would.

    The installer runs in the block. `path` are the installer's folders of programs; that of a virtual environment means
    this environment. Nothing is recorded of one that is not `is_ours`: see `changed_beside`. What others write during
    the run cannot be told from what it writes.
    """
    environments = [folder.parent for folder in map(Path, path) if (folder.parent / "pyvenv.cfg").is_file()]
    before = _look(account, environments) if is_ours else None
    try:
        yield
    finally:
        found = read_note(note)
        write_note(note, {**found, "brought": _written(before, _look(account, environments), found.get("brought"))})


def _look(account: pwd.struct_passwd, environments: Iterable[Path]) -> Look | None:
    """Return what could be an intruder's, except keys and timers.

    Those are named whoever put them there.

    The result is None when not all of it can be looked at.
    """
    home = Path(account.pw_dir)

    def found() -> Look:
        search, reader = left_behind.Search(), _Reader()
        files: dict[str, list[Any]] = {}
        entries = itertools.chain(search.in_home(home), *map(search.in_environment, environments))
        for path in itertools.chain.from_iterable(_files(Path(name), search.unread) for name in entries):
            with contextlib.suppress(FileNotFoundError):
                state = path.lstat()
                fingerprint = reader.fingerprint(path, _LARGEST_FILE)
                files[str(path)] = [fingerprint, state.st_size, state.st_mtime_ns, state.st_ino]
            if len(files) > _MOST_FILES:
                raise MachineError("too many files")
        if search.is_late:
            raise MachineError("too late")
        return files | {path: [None, 0, 0, 0] for path in search.unread}

    try:
        result: Look = run_as(account, found, HOME_SECONDS, f"looking through {home}")
    except MachineError:
        return None
    return result


def _written(before: Look | None, after: Look | None, earlier: object) -> dict[str, list[Any]]:
    """Return fingerprint and size of files written between two looks.

    Files that are unchanged since an `earlier` run are there, too. What was written anew with the same content counts,
    too; what could not be read before, and is the same file, does not.
    """
    known = earlier if isinstance(earlier, dict) else {}
    if after is None:
        return known
    old = after if before is None else before
    unread = {path for path, found in old.items() if found[0] is None}
    written = {}
    for path, found in after.items():
        first = 1 if path in unread else 0
        is_new = path not in old or old[path][first:] != found[first:]
        is_new = is_new and unread.isdisjoint(map(str, Path(path).parents))
        if found[0] is not None and (is_new or known.get(path) == found[:2]):
            written[path] = found[:2]
    return written


class Records:
    """Root's records of what content and installer put into a home.

    `content` and `installer` are the records' lists of files. Methods run as the user. Files are read from the first
    call on for at most `seconds`, those of the content up to `largest` bytes.
    """

    def __init__(
        self,
        home: Path,
        content: object,
        installer: object = None,
        seconds: float = _READ_SECONDS,
        largest: int = _LARGEST_FILE,
    ) -> None:
        self._home, self._seconds = home, seconds
        self._reader: _Reader | None = None
        self._content = {
            path: dict.fromkeys(prints, largest)
            for path, prints in (content.items() if isinstance(content, dict) else ())
            if isinstance(prints, list)
        }
        self._installer = {
            path: {found[0]: found[1]}
            for path, found in (installer.items() if isinstance(installer, dict) else ())
            if isinstance(found, list) and [type(part) for part in found] == [str, int]
        }

    def is_known(self, name: str) -> bool:
        """Return whether a path is as content or installer put it.

        A folder is when every file in it is.
        """
        return self._are_known(Path(name), self._home, set(), self._installer)

    def changed_beside(self, script: str) -> str:
        """Return a changed path of the content in the script's folder, or "".

        What the content did not bring there, and what the script reads elsewhere, is not looked at.
        """
        folder = posixpath.dirname(script)
        beside = (path for path in self._content if not folder or path == folder or path.startswith(f"{folder}/"))
        for path in (script, *beside):
            if not self._is_as_recorded(self._home / path, self._content.get(path, {}), set()):
                return path
        return ""

    def _are_known(self, path: Path, home: Path, followed: set[Path], others: Mapping[str, dict[str, int]]) -> bool:
        is_empty = True
        try:
            for file in _files(path):
                is_empty = False
                wanted = dict(others.get(str(file), {}))
                if file.is_relative_to(home):
                    wanted |= self._content.get(str(file.relative_to(home)), {})
                if not self._is_as_recorded(file, wanted, followed):
                    return False
        except (OSError, MachineError):
            return False
        return not is_empty

    def _is_as_recorded(self, path: Path, wanted: Mapping[str, int], followed: set[Path]) -> bool:
        """Return whether a file has one of the fingerprints `wanted`.

        Each has its file's most bytes.

            A link must also lead to files of the content in the home, for what it leads to is what acts.
        """
        if not wanted:
            return False
        self._reader = self._reader or _Reader(self._seconds)
        found = self._reader.fingerprint(path, max(wanted.values()))
        if found is None or found not in wanted:
            return False
        if not found.startswith(LINK):
            return True
        try:
            home, target = self._home.resolve(), path.resolve(strict=True)
        except (OSError, RuntimeError):  # Python 3.10 raises RuntimeError for a circle of links.
            return False
        if target in followed:
            return True
        followed.add(target)
        return self._are_known(target, home, followed, {})


def is_known(notes: Path, home: Path) -> Callable[[str], bool]:
    """Return a function that tells whether a path is as content or installer put it.

    `notes` is root's folder of records. The function runs as the user.
    """
    content, installer = read_note(notes / CONTENT).get("files"), read_note(notes / INSTALLER).get("brought")
    return Records(home, content, installer).is_known


def _files(path: Path, unread: list[str] | None = None) -> Iterator[Path]:
    """Give `path`, or all but the folders below it. No link is followed.

    What cannot be read, or has too many files, is added to `unread`. Without such a list it raises OSError, or
    MachineError for too many.
    """
    waiting, count = [path], 0
    while waiting:
        one = waiting.pop()
        below: list[Path] | None = None
        try:
            if one.is_dir() and not one.is_symlink():
                with os.scandir(one) as entries:
                    below = [Path(entry.path) for entry in itertools.islice(entries, _MOST_FILES + 1)]
        except OSError:
            if unread is None:
                raise
            unread.append(str(one))
            continue
        if below is None:
            yield one
            continue
        count += len(below)
        if count > _MOST_FILES:
            if unread is None:
                raise MachineError(f"more than {_MOST_FILES} files in {path}")
            unread.append(str(path))
            return
        waiting += below
