"""Lays content into a home: what is new, what the user changed and keeps, what goes. Files only, no network.

Imported by the module content_deploy; runs on the machine, as the user's account. Standard library only, 3.10.

A fingerprint is as in probcomp_content_archive. The notes of what was laid down map each path to the fingerprints that
it may have as ours: one, two while an installation is under way, none for a path where the user had a file of her own.
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
"""Begins the name of the folder in a home where an archive is unpacked first."""

Notes = Mapping[str, list[str]]


@dataclass
class Plan:
    """What becomes of each path."""

    new: list[str] = field(default_factory=list)
    """Not in the home yet, or no longer: what a user deleted comes back, so that a spoilt notebook can be had again."""
    updated: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """Changed by the user: nothing is laid over these."""
    removed: list[str] = field(default_factory=list)
    """Of an earlier version, not in this one, and never changed."""


def fingerprint(path: Path) -> str | None:
    """Return the fingerprint of `path`, None when nothing is there; "other" for what is no file, link or folder."""
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
    """Return those of `paths` that are not in `home`."""
    return [path for path in paths if not os.path.lexists(home / path)]


def make_plan(home: Path, content: Mapping[str, str], notes: Notes) -> Plan:
    """Compare `content` (path to fingerprint) and `notes` of what was laid down before with what is in `home`."""
    plan = Plan()
    for path, wanted in content.items():
        found = fingerprint(home / path)
        if found == wanted:
            continue
        if found is None and _can_be_made(home, path):
            plan.new.append(path)
        elif found is not None and found in notes.get(path, ()):
            plan.updated.append(path)
        elif wanted != FOLDER or found is not None:
            plan.kept.append(path)
    for path, ours in notes.items():
        if path not in content and FOLDER not in ours and fingerprint(home / path) in ours:
            plan.removed.append(path)
    return plan


def _can_be_made(home: Path, path: str) -> bool:
    """Tell whether everything above `path` is a folder, or leads to one, or is not there yet."""
    for above in [*(home / path).parents][:-1]:
        if os.path.lexists(above):
            return above.is_dir()
    return False


def install(home: Path, staging: Path, plan: Plan, content: Mapping[str, str], notes: Notes) -> None:
    """Carry out `plan` with the unpacked archive in `staging`. Each file is replaced at once, never half written."""
    for path in (*plan.new, *plan.updated):
        target = home / path
        if content[path] == FOLDER:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        _move(staging / path, target)
    for path in plan.removed:
        (home / path).unlink(missing_ok=True)
    folders = (path for path, ours in notes.items() if FOLDER in ours and path not in content)
    for path in sorted(folders, reverse=True):
        # The user's own files in a folder keep it.
        with contextlib.suppress(OSError):
            (home / path).rmdir()


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The user keeps this folder on another file system.
        partial = target.with_name(f"{STAGING_PREFIX}{target.name}"[:255])
        shutil.copy2(source, partial, follow_symlinks=False)
        partial.replace(target)


def new_notes(content: Mapping[str, str], notes: Notes, plan: Plan) -> dict[str, list[str]]:
    """Return the notes after `plan` was carried out."""
    kept = set(plan.kept)
    return {path: list(notes.get(path, [])) if path in kept else [wanted] for path, wanted in content.items()}


def notes_while_installing(content: Mapping[str, str], notes: Notes, plan: Plan) -> dict[str, list[str]]:
    """Return notes that are right however far `plan` was carried out when the power fails."""
    pending = new_notes(content, notes, plan)
    paths = dict.fromkeys((*notes, *pending))
    return {path: list(dict.fromkeys((*notes.get(path, ()), *pending.get(path, ())))) for path in paths}
