"""Install content into a home and keep what the user changed.

The module handles files only, without network access. It runs on the machine, as the user's account. Standard library
only, Python 3.10.

A fingerprint is as in archive.py. The record of installed files maps each path to the fingerprints that it may have
as ours: one, two during an installation, none for a path where the user had a file of her own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .archive import FOLDER, LINK

STAGING_PREFIX = ".content-arriving-"
"""Prefix of the folder in a home in which an archive is unpacked first."""

Notes = Mapping[str, list[str]]


@dataclass
class Plan:
    """Action for each path of the content and of the record."""

    new: list[str] = field(default_factory=list)
    """Paths that are missing in the home, or that the user deleted.

    A deleted file comes back, so that a user can restore a damaged notebook.
    """
    updated: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Paths that the user changed, which are not overwritten."""
    removed: list[str] = field(default_factory=list)
    """Paths of an earlier version, absent in this one, that the user never changed."""


def fingerprint(path: Path) -> str | None:
    """Return the fingerprint of `path`, or None when it does not exist.

    The result is "other" for anything but a file, a link or a folder.
    """
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return LINK + str(path.readlink())
    if stat.S_ISDIR(mode):
        return FOLDER
    if not stat.S_ISREG(mode):
        return "other"
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def missing(home: Path, paths: Iterable[str]) -> list[str]:
    """Return those of `paths` that are missing in `home`."""
    return [path for path in paths if not os.path.lexists(home / path)]


def make_plan(home: Path, content: Mapping[str, str], notes: Notes) -> Plan:
    """Compare `content` and the record `notes` with the files in `home`.

    `content` maps paths to fingerprints; `notes` is the record of earlier installations.
    """
    plan = Plan()
    for path, wanted in content.items():
        gives_way = _gives_way(home, path, content, notes)
        found = None if gives_way else fingerprint(home / path)
        if found == wanted:
            continue
        if found is None and (gives_way or _can_be_made(home, path)):
            plan.new.append(path)
        elif found in notes.get(path, ()) and (found != FOLDER or _is_all_ours(home, path, notes)):
            plan.updated.append(path)
        elif wanted != FOLDER or found is not None:
            plan.kept.append(path)
    for path, ours in notes.items():
        is_gone = path not in content and FOLDER not in ours and not _gives_way(home, path, content, notes)
        if is_gone and fingerprint(home / path) in ours:
            plan.removed.append(path)
    return plan


def _gives_way(home: Path, path: str, content: Mapping[str, str], notes: Notes) -> bool:
    """Return whether a file or link of the content is where `path` needs a folder.

    What lies behind such a link is another path's.
    """
    for above in [*Path(path).parents][:-1]:
        name = str(above)
        if name in notes or name in content:
            found = fingerprint(home / above)
            if found != FOLDER and found in (*notes.get(name, ()), content.get(name)):
                return True
    return False


def _is_all_ours(home: Path, path: str, notes: Notes) -> bool:
    """Return whether the folder `path` holds nothing that the user made or changed."""
    for folder, folders, files in os.walk(home / path):
        for name in (*folders, *files):
            inside = Path(folder, name)
            if fingerprint(inside) not in notes.get(str(inside.relative_to(home)), ()):
                return False
    return True


def _can_be_made(home: Path, path: str) -> bool:
    """Return whether every parent of `path` is or leads to a folder, or is missing."""
    for above in [*(home / path).parents][:-1]:
        if os.path.lexists(above):
            return above.is_dir()
    return False


def install(home: Path, staging: Path, plan: Plan, content: Mapping[str, str], notes: Notes) -> None:
    """Carry out `plan` with the unpacked archive in `staging`.

    Each file is replaced atomically and is never incomplete.
    """
    # What goes makes room first: a file can become a folder, and a folder a file or a link.
    for path in plan.removed:
        (home / path).unlink(missing_ok=True)
    folders = (path for path, ours in notes.items() if FOLDER in ours and content.get(path) != FOLDER)
    for path in sorted(folders, reverse=True):
        # A folder with the user's own files stays.
        with contextlib.suppress(OSError):
            if not _gives_way(home, path, content, notes):
                (home / path).rmdir()
    for path in plan.updated:
        if content[path] == FOLDER:
            (home / path).unlink(missing_ok=True)
    for path in (*plan.new, *plan.updated):
        target = home / path
        if content[path] == FOLDER:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        _move(staging / path, target)


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The user may keep this folder on another file system.
        partial = target.with_name(f"{STAGING_PREFIX}{target.name}"[:255])
        shutil.copy2(source, partial, follow_symlinks=False)
        partial.replace(target)


def new_notes(content: Mapping[str, str], notes: Notes, plan: Plan) -> dict[str, list[str]]:
    """Return the record after `plan` was carried out."""
    kept = set(plan.kept)
    return {path: list(notes.get(path, [])) if path in kept else [wanted] for path, wanted in content.items()}


def notes_while_installing(content: Mapping[str, str], notes: Notes, plan: Plan) -> dict[str, list[str]]:
    """Return a record that is valid at every stage of `plan`.

    It holds however far the plan was carried out when the power fails.
    """
    pending = new_notes(content, notes, plan)
    paths = dict.fromkeys((*notes, *pending))
    return {path: list(dict.fromkeys((*notes.get(path, ()), *pending.get(path, ())))) for path in paths}
