"""Compare the content that is required in a home with the installed content.

Runs on the machine. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import pwd
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..machine.accounts import read_note, run_as
from ..output.text import redact_url
from .download import Download, download
from .install import missing

MIB = 1 << 20
"""Bytes per unit of the size options."""


@dataclass(frozen=True)
class Wish:
    """Validated options of the module."""

    url: str
    checksum: str
    max_size: int
    max_unpacked_size: int
    timeout: int
    address: str = field(default="", repr=False)
    """Address to download from, where `url` is not; a secret."""

    @property
    def source(self) -> str:
        """Return the URL without its variable parts.

        A signed URL of the same archive changes from one signature to the next.
        """
        return redact_url(self.url)

    def download(self, target: Path, known: tuple[str, str]) -> Download | None:
        """Download the archive as `download` does."""
        return download(self.address or self.url, target, known, self.max_size * MIB, self.timeout, self.source)


def is_current(wish: Wish, note: dict[str, Any]) -> bool:
    """Return, without network access, whether the required content is installed.

    The result is False when the installed content is unknown.
    """
    return bool(wish.checksum) and note.get("version") == wish.checksum and not note.get("under_way")


def known_version(wish: Wish, note: dict[str, Any], nothing_missing: bool) -> tuple[str, str]:
    """Return the etag and date that make a server answer "not modified".

    They are empty when the archive is needed in any case.
    """
    is_same = note.get("source") == wish.source and wish.checksum in ("", note.get("version"))
    if not (is_same and nothing_missing) or note.get("under_way"):
        return ("", "")
    return (str(note.get("etag", "")), str(note.get("last_modified", "")))


def would_change(home: Path, wish: Wish, account: pwd.struct_passwd, note_file: Path) -> bool:
    """Return for check mode whether the archive would be installed.

    Home and record stay unchanged.
    """
    note = read_note(note_file)
    if not note.get("version") or run_as(account, lambda: missing(home, note["files"]), wish.timeout, "looking"):
        return True
    if is_current(wish, note):
        return False
    known = known_version(wish, note, nothing_missing=True)

    def is_other() -> bool:
        with tempfile.NamedTemporaryFile(prefix="probcomp-content-") as archive:
            fetched = wish.download(Path(archive.name), known)
            return fetched is not None and fetched.sha256 != note["version"]

    return bool(run_as(account, is_other, wish.timeout + 60, f"fetching {wish.source}"))
