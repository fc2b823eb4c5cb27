"""Tell what a new archive takes away from the homes.

Runs on the controller. It only reads.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..machine.accounts import MachineError
from ..output.host_summary import listed
from ..output.results import file_name
from .archive import list_files
from .checked_archive import Archive
from .publish import ContentTarget

_NAMES = 5


def lines_about(archive: Archive, target: ContentTarget, largest_unpacked: int, is_taken: bool) -> list[str]:
    """Return lines about files left out of `archive`, and files that it takes away.

    Files left out are macOS's own; files taken away are only in the archive that it replaces. `is_taken` says whether
    there is one to replace. Sizes are in bytes.
    """
    lines = []
    if archive.left_out:
        lines.append(f"{_counted(archive.left_out)} of macOS's own in it are left out: {_named(archive.left_out)}")
    if not is_taken:
        return lines
    try:
        with tempfile.TemporaryDirectory(prefix="probcomp-content-") as folder:
            present = Path(folder) / "archive"
            target.download(present)
            old = list_files(present, largest_unpacked)
    except MachineError:
        return [*lines, "what lies there now cannot be read, so it is not known which files the new archive takes away"]
    if gone := sorted(old - archive.paths):
        lines.append(
            f"{_counted(gone)} of the {len(old)} that lie there now are not in it, and go from the homes unless their "
            f"users changed them: {_named(gone)}"
        )
    return lines


def _counted(paths: Sequence[str]) -> str:
    return "1 file" if len(paths) == 1 else f"{len(paths)} files"


def _named(paths: Sequence[str]) -> str:
    return listed([file_name(path) for path in paths[:_NAMES]], _NAMES, len(paths))
