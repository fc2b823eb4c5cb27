"""Tell files of the content and its installer from others' files in a home.

Runs on the machine. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..machine import left_behind
from ..machine.accounts import MachineError, read_note, run_as, write_note
from ..machine.jupyter_service import HOME_SECONDS
from .install import fingerprint

CONTENT, INSTALLER = "content.json", "content_install.json"
"""Names of root's records of the content, and of its installer's last run."""
_NOT_OF_AN_INSTALLER = (".ssh/", ".config/")
"""Keys and timers in the home, which are named whoever put them there."""
_MOST_FILES = 20_000

Look = Mapping[str, list[Any]]
"""Fingerprint, time and number of each possible file of an intruder's, by path."""


@contextlib.contextmanager
def recorded(note: Path, account: pwd.struct_passwd, path: Iterable[str], is_ours: bool) -> Iterator[None]:
    """Record in the file `note` what the installer puts where an intruder would.

    The installer runs in the block. `path` are the installer's folders of programs; that of a virtual environment means
    this environment. A script that is not `is_ours` gets nothing recorded. What others write during the run cannot be
    told from what it writes.
    """
    environments = [folder.parent for folder in map(Path, path) if (folder.parent / "pyvenv.cfg").is_file()]
    before = _look(account, environments) if is_ours else None
    try:
        yield
    finally:
        found = read_note(note)
        write_note(note, {**found, "brought": _written(before, _look(account, environments), found.get("brought"))})


def _look(account: pwd.struct_passwd, environments: Iterable[Path]) -> Look | None:
    """Return what could be an intruder's; None when it cannot be looked at."""
    home = Path(account.pw_dir)
    left_out = tuple(f"{home}/{part}" for part in _NOT_OF_AN_INSTALLER)

    def found() -> Look:
        entries = [
            *left_behind.in_home(home),
            *(name for one in environments for name in left_behind.in_environment(one)),
        ]
        files: dict[str, list[Any]] = {}
        for path in (path for name in entries if not name.startswith(left_out) for path in _files(Path(name))):
            if len(files) == _MOST_FILES:
                raise MachineError("too many files")
            state = path.lstat()
            files[str(path)] = [fingerprint(path), state.st_mtime_ns, state.st_ino]
        return files

    try:
        result: Look = run_as(account, found, HOME_SECONDS, f"looking through {home}")
    except MachineError:
        return None
    return result


def _written(before: Look | None, after: Look | None, earlier: object) -> dict[str, str]:
    """Return the fingerprints of files written between two looks.

    Files that are unchanged since an `earlier` run are there, too. What was written anew with the same content counts,
    too.
    """
    known = earlier if isinstance(earlier, dict) else {}
    if after is None:
        return known
    old = after if before is None else before
    return {path: found[0] for path, found in after.items() if old.get(path) != found or known.get(path) == found[0]}


def is_known(notes: Path, home: Path) -> Callable[[str], bool]:
    """Return a function that tells whether a path is as content or installer put it.

    Of a folder, that is every file in it. `notes` is root's folder of records. The function runs as the user.
    """
    content, installer = read_note(notes / CONTENT).get("files"), read_note(notes / INSTALLER).get("brought")
    ours: dict[str, set[str]] = {}
    for path, prints in content.items() if isinstance(content, dict) else ():
        ours[f"{home}/{path}"] = set(prints)
    for path, one in installer.items() if isinstance(installer, dict) else ():
        ours.setdefault(path, set()).add(one)

    def check(name: str) -> bool:
        files = list(_files(Path(name)))
        return bool(files) and all(fingerprint(path) in ours.get(str(path), ()) for path in files)

    return check


def _files(path: Path) -> Iterator[Path]:
    """Give `path`, or all but the folders below it. No link is followed."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for folder, folders, files in os.walk(path):
        for inside in (Path(folder, name) for name in (*folders, *files)):
            if inside.is_symlink() or not inside.is_dir():
                yield inside
