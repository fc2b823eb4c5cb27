"""Which content is wanted in a home, and whether what is installed there is that.

Used by the modules content_deploy and role_drift; runs on the machine. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import pwd
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..machine.accounts import read_note, run_as
from ..output.text import redact_url
from .download import download
from .install import missing

MIB = 1 << 20
"""Bytes in a unit of the options about sizes."""


@dataclass(frozen=True)
class Wish:
    """The module's options, checked."""

    url: str
    checksum: str
    max_size: int
    max_unpacked_size: int
    timeout: int

    @property
    def source(self) -> str:
        """The address without what changes from one signed address of the same archive to the next."""
        return redact_url(self.url)


def is_current(wish: Wish, note: dict[str, Any]) -> bool:
    """Tell, without the network, that what is installed is what is wished for; False when that cannot be told."""
    return bool(wish.checksum) and note.get("version") == wish.checksum and not note.get("under_way")


def known_version(wish: Wish, note: dict[str, Any], nothing_missing: bool) -> tuple[str, str]:
    """Return the etag and date that make a server answer "not modified"; empty when the archive is needed anyhow."""
    is_same = note.get("source") == wish.source and wish.checksum in ("", note.get("version"))
    if not (is_same and nothing_missing) or note.get("under_way"):
        return ("", "")
    return (str(note.get("etag", "")), str(note.get("last_modified", "")))


def would_change(home: Path, wish: Wish, account: pwd.struct_passwd, note_file: Path) -> bool:
    """Tell for check mode whether the archive would be laid down, leaving home and notes as they are."""
    note = read_note(note_file)
    if not note.get("version") or run_as(account, lambda: missing(home, note["files"]), wish.timeout, "looking"):
        return True
    if is_current(wish, note):
        return False
    known = known_version(wish, note, nothing_missing=True)

    def is_other() -> bool:
        with tempfile.NamedTemporaryFile(prefix="probcomp-content-") as archive:
            fetched = download(wish.url, Path(archive.name), known, wish.max_size * MIB, wish.timeout)
            return fetched is not None and fetched.sha256 != note["version"]

    return bool(run_as(account, is_other, wish.timeout + 60, f"fetching {wish.source}"))
