"""Manage a user's folder of fetched logs and move files from a machine into it.

Files arrive in a separate folder, to which no machine and no rsync writes any more. Only regular files with plain names
move from there into the user's folder, as far as its limits allow; nothing in it is ever deleted. Runs on the
controller.
"""

from __future__ import annotations

import contextlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ..common.files import set_mode
from ..common.names import shown
from ..ssh.acting_files import ACTS, acts

DEEPEST = 16
"""Maximum depth of nested folders below a user's folder."""
LONGEST_NAME = 200
"""Maximum length of a file name in bytes.

The file system takes 255, and a file that is kept aside gets a longer name.
"""

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """Limits: bytes of one file, bytes and entries of all files of a user."""

    file_bytes: int
    bytes: int
    entries: int


@dataclass(frozen=True)
class Entry:
    """Entry below a folder, at `path` from there.

    `problem` is why the entry may not be moved.
    """

    path: PurePath
    status: os.stat_result
    problem: str = ""

    @property
    def is_folder(self) -> bool:
        """Return whether the entry is a folder and not a link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_file(self) -> bool:
        """Return whether the entry is a regular file."""
        return stat.S_ISREG(self.status.st_mode)


@dataclass
class Content:
    """Totals of a folder: files, entries with folders, bytes, latest change.

    The time of the latest change is in seconds since 1970.
    """

    files: int = 0
    entries: int = 0
    bytes: int = 0
    newest: float = 0.0

    def add(self, entry: Entry) -> None:
        """Count `entry`."""
        self.entries += 1
        if entry.is_file:
            self.files += 1
            self.bytes += entry.status.st_size
            self.newest = max(self.newest, entry.status.st_mtime)


@dataclass
class Taken:
    """Result of moving files into a user's folder.

    It has new and grown files with their new bytes, and the files that were kept aside, left out, or beyond the limits.
    """

    files: int = 0
    bytes: int = 0
    aside: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    no_room: list[str] = field(default_factory=list)


def name_problem(name: str) -> str:
    """Return why a file of this name is not kept, or an empty text.

    Such names deceive terminals and programs.
    """
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for character in name):
        return "control characters in its name"
    if name.startswith(("-", "~")):
        return f"its name begins with {name[0]}"
    return f"its name is longer than {LONGEST_NAME} bytes" if length > LONGEST_NAME else ""


def walk(folder: Path, everywhere: bool = False) -> Iterator[Entry]:
    """Yield the entries below `folder` without following links.

    What may not be taken over is yielded, but not looked into, unless `everywhere` is set.
    """
    waiting = [PurePath()]
    while waiting:
        inside = waiting.pop()
        with os.scandir(folder / inside) as listing:
            for item in listing:
                entry = _entry(inside / item.name, item)
                yield entry
                if entry.is_folder and (everywhere or not entry.problem):
                    waiting.append(entry.path)


def _entry(path: PurePath, item: os.DirEntry[str]) -> Entry:
    status = item.stat(follow_symlinks=False)
    problem = name_problem(item.name) or (ACTS if acts(item.name, stat.S_ISDIR(status.st_mode)) else "")
    if stat.S_ISDIR(status.st_mode):
        if len(path.parts) > DEEPEST:
            problem = problem or f"folders more than {DEEPEST} deep"
    elif not stat.S_ISREG(status.st_mode):
        problem = problem or "not a plain file"
    elif status.st_nlink != 1:
        problem = problem or "a file with several names"
    return Entry(path, status, problem)


def measure(folder: Path, mend: bool = False) -> Content:
    """Return the totals of `folder`, empty when it does not exist.

    With `mend`, the modes of its entries are corrected.
    """
    content = Content()
    if not folder.is_dir() or folder.is_symlink():
        return content
    if mend:
        _mend(folder, folder.lstat(), 0o700)
    for entry in walk(folder):
        content.add(entry)
        if mend and (entry.is_folder or entry.is_file):
            _mend(folder / entry.path, entry.status, 0o700 if entry.is_folder else 0o600)
    return content


def _mend(path: Path, status: os.stat_result, mode: int) -> None:
    if stat.S_IMODE(status.st_mode) != mode:
        # set_mode must open the file, which fails without read permission; such a file is usually unreadable for
        # others too.
        with contextlib.suppress(PermissionError):
            set_mode(path, mode)


def excess(folder: Path, bounds: Bounds) -> str:
    """Return the limit that the incoming `folder` exceeds, or an empty text.

    A machine's files arrive in the folder during the call.
    """
    content = Content()
    try:
        for entry in walk(folder, everywhere=True):
            content.add(entry)
            if content.entries > bounds.entries:
                return f"more than {bounds.entries} files and folders"
            if content.bytes > bounds.bytes:
                return f"more than {bounds.bytes} bytes"
            if entry.is_folder and len(entry.path.parts) > DEEPEST:
                return f"folders more than {DEEPEST} deep"
    except FileNotFoundError:
        return ""  # A complete file moves away from the place where it arrived.
    except OSError as error:
        return f"paths that are too long ({error.strerror})"
    return ""


def take(
    arrived: Path, folder: Path, content: Content, bounds: Bounds, stamp: str, now: float, dry: bool = False
) -> Taken:
    """Move permitted entries from `arrived` to `folder` and return the result.

    Both folders are in one file system.

    `content` is what the user has here already, and what comes is added to it. A file that is the beginning of the new
    one is replaced by it; one that is not is kept as `<name>.before-<stamp>`. No time of change is later than `now`.
    With `dry` nothing is changed.
    """
    taken = Taken()
    for entry in walk(arrived):
        name = shown(str(entry.path).encode("utf-8", "surrogateescape").decode("utf-8", "replace"), 120)
        if entry.problem:
            taken.skipped.append(f"{name}: {entry.problem}")
        elif entry.is_file:
            _Arrival(arrived / entry.path, folder, entry.path, name).take(taken, content, bounds, stamp, now, dry)
    return taken


@dataclass(frozen=True)
class _Arrival:
    """Regular file at `source`, destined for `path` in `folder`.

    `name` is printable.
    """

    source: Path
    folder: Path
    path: PurePath
    name: str

    def take(self, taken: Taken, content: Content, bounds: Bounds, stamp: str, now: float, dry: bool) -> None:
        """Move the file and count it in `taken` and in `content`."""
        target = self.folder / self.path
        with contextlib.ExitStack() as stack:
            # Nobody else writes here, and O_NOFOLLOW proves that the opened file is the one that was checked.
            handle = stack.enter_context(os.fdopen(os.open(self.source, os.O_RDONLY | os.O_NOFOLLOW), "rb"))
            new = os.fstat(handle.fileno())
            if not stat.S_ISREG(new.st_mode) or new.st_nlink != 1 or new.st_size > bounds.file_bytes:
                taken.skipped.append(f"{self.name}: larger than {bounds.file_bytes} bytes, or no plain file any more")
                return
            missing = self._missing_folders()
            if missing is None:
                taken.skipped.append(f"{self.name}: a file, and a folder in {self.folder.name}/ here, or the reverse")
                return
            old = target.lstat() if target.exists() else None
            grows = old is not None and _begins_with(self.source, target, old.st_size)
            freed = old.st_size if old and grows else 0
            more = 0 if grows else 1 + missing
            if content.bytes + new.st_size - freed > bounds.bytes or content.entries + more > bounds.entries:
                taken.no_room.append(self.name)
                return
            if not dry:
                os.fchmod(handle.fileno(), 0o600)
                changed = min(max(new.st_mtime_ns, 0), int(now * 1e9))
                os.utime(handle.fileno(), ns=(changed, changed))
        is_news = not (grows and old and old.st_size == new.st_size)
        if old and not grows:
            taken.aside.append(self.name)
        taken.files += is_news
        taken.bytes += new.st_size - freed if is_news else 0
        content.bytes += new.st_size - freed
        content.entries += more
        if not dry:
            self._move(target, stamp if old and not grows else "")

    def _missing_folders(self) -> int | None:
        """Return how many folders the file still needs.

        The result is None when a file or a link takes the place of a folder.
        """
        missing = 0 if self.folder.is_dir() else 1
        place = self.folder
        for part in self.path.parts[:-1]:
            place = place / part
            try:
                if not stat.S_ISDIR(place.lstat().st_mode):
                    return None
            except FileNotFoundError:
                missing += 1
        target = self.folder / self.path
        return None if target.is_symlink() or (target.exists() and not target.is_file()) else missing

    def _move(self, target: Path, stamp: str) -> None:
        place = self.folder
        place.mkdir(mode=0o700, exist_ok=True)
        for part in self.path.parts[:-1]:
            place = place / part
            with contextlib.suppress(FileExistsError):
                place.mkdir(mode=0o700)
        if stamp:
            number, aside = 1, target.with_name(f"{target.name}.before-{stamp}")
            while aside.exists() or aside.is_symlink():
                number += 1
                aside = target.with_name(f"{target.name}.before-{stamp}-{number}")
            target.rename(aside)
        self.source.replace(target)


def _begins_with(longer: Path, shorter: Path, size: int) -> bool:
    """Return whether the first `size` bytes of `longer` are those of `shorter`."""
    with longer.open("rb") as one, shorter.open("rb") as other:
        while size > 0:
            expected = other.read(min(_CHUNK, size))
            if not expected or one.read(len(expected)) != expected:
                return False
            size -= len(expected)
    return True
