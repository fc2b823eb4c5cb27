"""Check that the archive of a home is complete without unpacking it.

The gzip data is read from end to end, with every member of the tar within.

The archive was written by a machine that belongs to its user, so it is read as bytes, block by block: no member's name
is used as a path, and no header can request memory.
"""

from __future__ import annotations

import tarfile
import time
import zlib
from pathlib import Path

CHUNK = 1 << 20
_DATA_TYPES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class DamagedArchive(ValueError):
    """Incomplete or damaged archive; str() is the reason."""


def count_members(path: Path, deadline: float) -> int:
    """Return the number of members of the .tar.gz at `path`, after reading all of it.

    `deadline` is on the clock time.monotonic(). Raises DamagedArchive, also when the time is over, and OSError.
    """
    walker = _Walker()
    with path.open("rb") as stream:
        inflater = zlib.decompressobj(_GZIP_WINDOW)
        pending = b""
        while True:
            pending = pending or stream.read(CHUNK)
            if not pending:
                break
            if time.monotonic() > deadline:
                raise DamagedArchive("reading it again took too long")
            if inflater.eof:
                # The next bytes are another gzip member, or zeros that fill the last block.
                if not pending.strip(b"\0"):
                    pending = b""
                    continue
                inflater = zlib.decompressobj(_GZIP_WINDOW)
            try:
                # The output is limited, because a small archive can hold a terabyte of zeros.
                walker.feed(inflater.decompress(pending, CHUNK))
            except zlib.error as error:
                raise DamagedArchive(f"it is no whole gzip file ({error})") from None
            pending = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
        if not inflater.eof:
            raise DamagedArchive("it ends in the middle")
    return walker.finish()


class _Walker:
    """Parser of the 512-byte blocks of a tar in GNU's format.

    Each header has the size of its member.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0
        self._members = 0
        self._is_ended = False

    def feed(self, data: bytes) -> None:
        """Parse the next bytes."""
        if self._is_ended:
            return
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        data = self._rest + data[skipped:]
        place = 0
        while not self._skip and len(data) - place >= tarfile.BLOCKSIZE:
            self._header(data[place : place + tarfile.BLOCKSIZE])
            place += tarfile.BLOCKSIZE
            if self._is_ended:
                self._rest = b""
                return
            skipped = min(self._skip, len(data) - place)
            self._skip -= skipped
            place += skipped
        self._rest = data[place:]

    def _header(self, block: bytes) -> None:
        if block == bytes(tarfile.BLOCKSIZE):
            self._is_ended = True
            return
        try:
            member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise DamagedArchive(f"it is no whole tar file ({error})") from None
        if member.size < 0:
            raise DamagedArchive("it is no whole tar file (negative size)")
        has_data = member.isreg() or member.type in _DATA_TYPES or member.type not in tarfile.SUPPORTED_TYPES
        self._skip = -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE if has_data else 0
        self._members += member.type not in _DATA_TYPES

    def finish(self) -> int:
        """Return the number of members after all bytes were parsed."""
        if not self._is_ended:
            raise DamagedArchive("the tar within ends in the middle")
        if not self._members:
            # The archive always has the home's own folder as a member.
            raise DamagedArchive("it is empty")
        return self._members
