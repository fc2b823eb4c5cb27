"""Check a content archive on the controller as machines will."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..machine.accounts import MachineError
from .archive import FOLDER, unpack
from .download import looks_like_a_page
from .layout import INSTALLER
from .script import problem

MIB = 1 << 20
LARGEST_PUT = 5 << 30
"""Maximum size in bytes of one S3 request.

Source: https://docs.aws.amazon.com/general/latest/gr/s3.html
"""


@dataclass(frozen=True)
class Archive:
    """Archive that machines accept."""

    path: Path
    sha256: str
    size: int
    """Size in bytes."""
    files: int | None
    """Number of files in the archive; None when they were not counted."""
    paths: frozenset[str] = frozenset()
    """Paths of these files."""
    left_out: tuple[str, ...] = ()
    """Paths of files that macOS added, and that machines leave out."""


def check_archive(
    path: Path, largest: int, largest_unpacked: int, known: str = "", installer: str = INSTALLER
) -> Archive:
    """Return the archive in `path` after the checks that machines make.

    Sizes are in bytes. A file with the sha256 `known` was checked before, and is only read. Raises MachineError.
    """
    name = path.name
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            if looks_like_a_page(stream):
                raise MachineError(f"archive {name} is an HTML page: it was not downloaded, but its login page was")
            stream.seek(0)
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        if not 0 < size <= min(largest, LARGEST_PUT):
            what = f"larger than {min(largest, LARGEST_PUT) // MIB} MiB (content_max_size)" if size else "empty"
            raise MachineError(f"archive {name} is {what}")
        if sha256 == known:
            return Archive(path, sha256, size, None)
        with tempfile.TemporaryDirectory(prefix="probcomp-content-") as folder:
            left_out: list[str] = []
            content = _unpacked(path, Path(folder), largest_unpacked, left_out)
            script = Path(folder, installer)
            if script.is_file() and (fault := problem(script.read_bytes(), installer)):
                raise MachineError(f"archive {name}: {fault}")
    except OSError as error:
        raise MachineError(f"archive {name}: {error.strerror or error}: {path}") from None
    paths = frozenset(inside for inside, kind in content.items() if kind != FOLDER)
    return Archive(path, sha256, size, len(paths), paths, tuple(left_out))


def _unpacked(path: Path, folder: Path, largest: int, left_out: list[str]) -> dict[str, str]:
    """Return the result of `unpack`, with errors about this local file.

    Its own errors describe the content that a machine gets.
    """
    try:
        return unpack(path, folder, largest, left_out)
    except MachineError as error:
        raise MachineError(f"archive {path.name}: {str(error).removeprefix('content: ')}") from None
