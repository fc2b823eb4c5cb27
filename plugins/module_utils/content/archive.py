"""Unpack a tar archive into an empty folder after checking every member.

All members stay inside that folder. Runs on the machine, as the user's account. Standard library only, Python 3.10.
"""

from __future__ import annotations

import errno
import hashlib
import lzma
import os
import posixpath
import re
import tarfile
import zlib
from pathlib import Path
from typing import IO

from ..machine.accounts import MachineError
from .download import looks_like_a_page
from .layout import check_top, is_of_macos, plain_path

LINK = "link:"
"""Prefix of a symbolic link's fingerprint, followed by the link's target.

Other fingerprints are a file's sha256.
"""
FOLDER = "folder"
"""Fingerprint of a folder."""

_MOST_MEMBERS = 200_000
_PART = 1 << 20
_BLOCK = tarfile.BLOCKSIZE


def bare_checksum(text: str) -> str:
    """Return the digits of `sha256:...`, and "" for "".

    Raises MachineError.
    """
    if not text:
        return ""
    match = re.fullmatch(r"(?:sha256:)?([0-9a-f]{64})", text.strip().lower())
    if match is None:
        raise MachineError(f"content: the checksum {text[:80]!r} is not sha256: and 64 hexadecimal digits")
    return match[1]


def unpack(archive: Path, target: Path, largest: int, left_out: list[str] | None = None) -> dict[str, str]:
    """Unpack `archive` into the empty folder `target` and return all fingerprints.

    The fingerprints are by path. `largest` limits the unpacked bytes. Files that macOS adds for itself are left out,
    and added to `left_out`. Raises MachineError; `target` then holds an incomplete copy that must not be used.
    """
    with archive.open("rb") as stream:
        if looks_like_a_page(stream):
            raise MachineError("content: the address gives an HTML page, not an archive: is content_url right?")
    try:
        with tarfile.open(archive) as tar:
            unpacked = _Unpacking(target, largest, [] if left_out is None else left_out).run(tar)
            _check_end(tar, largest)
            check_top(unpacked)
            return unpacked
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, OverflowError) as error:
        # Headers may hold times, numbers and link targets that no file can have; tarfile passes them on.
        raise MachineError(f"content: not a whole tar archive: {_first_line(error)}") from None
    except OSError as error:
        # gzip and bz2 report damaged data as an OSError without a number; disk errors have one.
        if error.errno == errno.ENAMETOOLONG:
            raise MachineError("content: the archive has a path that is too long for this machine") from None
        if error.errno is not None:
            raise
        raise MachineError(f"content: not a whole tar archive: {error}") from None


def list_files(archive: Path, largest: int) -> set[str]:
    """Return the paths of all files and links in `archive` without unpacking it.

    `largest` limits their bytes. Raises MachineError.
    """
    left = largest
    paths: set[str] = set()
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                left -= member.size
                if left < 0 or len(paths) > _MOST_MEMBERS:
                    raise MachineError("content: the archive is too large")
                path = plain_path(member.name)
                if not member.isdir() and not is_of_macos(path):
                    paths.add(path)
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise MachineError(f"content: not a whole tar archive: {_first_line(error)}") from None
    return paths


def _first_line(error: Exception) -> str:
    """Return the first line of an error.

    For a file of unknown format tarfile lists every format that it tried.
    """
    return str(error).partition("\n")[0].rstrip(":")


def _check_end(tar: tarfile.TarFile, largest: int) -> None:
    """Raise MachineError for an archive without its end mark.

    tarfile takes damage in the middle for the end. Reading on to the end of the file checks the checksum of a
    compressed one.
    """
    stream = tar.fileobj
    if stream is None:
        raise tarfile.ReadError("closed")
    stream.seek(tar.offset)
    if stream.read(_BLOCK) != tarfile.NUL * _BLOCK:
        raise tarfile.ReadError("it breaks off, or is damaged")
    rest = 0
    while part := stream.read(_PART):
        rest += len(part)
        if rest > largest:
            raise tarfile.ReadError("more follows its end than content_max_unpacked_size")


class _Unpacking:
    """Unpacking of one archive into a folder."""

    def __init__(self, target: Path, largest: int, left_out: list[str]) -> None:
        self._target = target
        self._left_out = left_out
        self._left = largest
        self._largest = largest
        self._paths: dict[str, str] = {}

    def run(self, tar: tarfile.TarFile) -> dict[str, str]:
        for number, member in enumerate(tar):
            if number >= _MOST_MEMBERS:
                raise MachineError(f"content: the archive has more than {_MOST_MEMBERS} members")
            path = plain_path(member.name)
            if is_of_macos(path):
                self._left_out.append(path)
            elif path:
                self._make_way(path, member)
                self._check(member, path)
                self._paths[path] = self._put(tar, member, path)
        if not any(fingerprint != FOLDER for fingerprint in self._paths.values()):
            raise MachineError("content: the archive holds no file")
        return self._paths

    def _make_way(self, path: str, member: tarfile.TarInfo) -> None:
        """Create the folders above a member.

        A member below a file or a link, or a second member of one name, is refused.
        """
        if self._paths.get(path, FOLDER) != FOLDER or (path in self._paths and not member.isdir()):
            raise MachineError(f"content: the archive holds {path!r} twice")
        parts = path.split("/")
        for depth in range(1, len(parts)):
            above = "/".join(parts[:depth])
            if self._paths.setdefault(above, FOLDER) != FOLDER:
                raise MachineError(f"content: in the archive {path!r} lies under {above!r}, which is no folder")
        self._target.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)

    def _check(self, member: tarfile.TarInfo, path: str) -> None:
        """Refuse a special file, and a link that leads out of the archive.

        Raises MachineError. A link may also not be empty, or name no earlier file if it is a hard link.
        """
        if member.issym():
            if not member.linkname:
                raise MachineError(f"content: the archive's link {path!r} leads nowhere")
            leads_to = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
            # ".." after a name could leave the folder through another link.
            climbs_late = "/../" in member.linkname.lstrip("./") + "/"
            if member.linkname.startswith("/") or leads_to == ".." or leads_to.startswith("../") or climbs_late:
                raise MachineError(f"content: the archive's link {path!r} leads outside of it")
        elif member.islnk():
            if self._paths.get(plain_path(member.linkname), FOLDER).startswith((FOLDER, LINK)):
                raise MachineError(f"content: the archive's hard link {path!r} leads to no earlier file in it")
        elif not (member.isdir() or member.isreg()):
            raise MachineError(f"content: the archive's {path!r} is a device or other special file")

    def _put(self, tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> str:
        """Write a member that was checked, and return its fingerprint."""
        self._ask_tarfile(member)
        if member.isdir():
            (self._target / path).mkdir(exist_ok=True)
            return FOLDER
        if member.issym():
            (self._target / path).symlink_to(member.linkname)
            return LINK + member.linkname
        if member.islnk():
            original = plain_path(member.linkname)
            with (self._target / original).open("rb") as source:
                fingerprint = self._put_file(source, os.fstat(source.fileno()).st_mode, path)
            if fingerprint != self._paths[original]:
                raise MachineError(f"content: {original!r} was changed while the archive was unpacked")
            return fingerprint
        data = tar.extractfile(member)
        if data is None:
            raise tarfile.ReadError(f"{path} cannot be read")
        with data:
            fingerprint = self._put_file(data, member.mode, path)
        # The file keeps the author's time, so that a user's later change shows in a listing.
        os.utime(self._target / path, (int(member.mtime), int(member.mtime)))
        return fingerprint

    def _ask_tarfile(self, member: tarfile.TarInfo) -> None:
        """Raise MachineError for what Python's own filter refuses.

        It is a second lock behind our checks. Python has it since 3.12 and in later releases of older series: 3.10.12,
        which Ubuntu 22.04 has, and 3.11.4.
        """
        if not hasattr(tarfile, "data_filter"):
            return
        try:
            filtered = tarfile.data_filter(member, str(self._target))
        except tarfile.FilterError as error:
            raise MachineError(f"content: Python refuses the archive: {_first_line(error)}") from None
        if filtered.name != member.name:
            # It takes the slash from an absolute name.
            raise MachineError(f"content: Python refuses the archive: {member.name!r} is absolute")

    def _put_file(self, source: IO[bytes], mode: int, path: str) -> str:
        digest = hashlib.sha256()
        with (self._target / path).open("xb") as stream:
            while part := source.read(_PART):
                self._left -= len(part)
                if self._left < 0:
                    size = f"{self._largest >> 20} MiB (content_max_unpacked_size)"
                    raise MachineError(f"content: the archive unpacks to more than {size}")
                digest.update(part)
                stream.write(part)
            os.fchmod(stream.fileno(), 0o755 if mode & 0o100 else 0o644)
        return digest.hexdigest()
