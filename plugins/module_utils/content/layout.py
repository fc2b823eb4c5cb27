"""Check how an archive's members are named and where they lie.

Pure functions. Runs on the machine too. Standard library only, Python 3.10.
"""

from __future__ import annotations

import os
import posixpath
import shlex
import unicodedata
from collections.abc import Iterable

from ..machine.accounts import MachineError

INSTALLER = "gen/install.sh"
"""Path of the content's installer, if it has one."""
_NOTEBOOKS = "notebook"

_MARKS = frozenset("\u061c\u200e\u200f")
_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})
"""Categories of characters that end a line or command a terminal."""


def is_of_macos(path: str) -> bool:
    """Return whether `path` is a file that macOS adds to archives for itself."""
    parts = path.split("/")
    return "__MACOSX" in parts or parts[-1] == ".DS_Store" or parts[-1].startswith("._")


def plain_path(name: str) -> str:
    """Return a member's name as a plain relative path.

    The result is "" for the folder itself. Raises MachineError.
    """
    if name.startswith("/"):
        raise MachineError(f"content: the archive has the absolute name {name!r}")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise MachineError(f"content: the archive has the name {name!r}, which leads outside of it")
    if any(len(os.fsencode(part)) > 255 for part in parts) or any(map(_is_harmful, name)):
        raise MachineError(f"content: the archive has the name {name[:80]!r}, which no file can or should have")
    return "/".join(parts)


def _is_harmful(character: str) -> bool:
    """Return whether a character must not be in the name of a file.

    Such a character controls a terminal or the direction of text, or is a surrogate, which is not UTF-8. Blanks of any
    kind and joiners are admitted: screenshots and emoji have them in their names.
    """
    category = unicodedata.category(character)
    return (
        category in _CONTROLS
        or category == "Cs"
        or character in _MARKS
        or unicodedata.bidirectional(character) in _DIRECTIONS
    )


def check_top(paths: Iterable[str]) -> None:
    """Raise MachineError when the content is in a folder inside of the archive.

    It belongs at the top of the archive.
    """
    found = set(paths)
    tops = {path.partition("/")[0] for path in found}
    only = next(iter(tops)) if len(tops) == 1 else ""
    is_doubled = only and {f"{only}/{_NOTEBOOKS}", f"{only}/{INSTALLER}"} <= found
    if not is_doubled and {_NOTEBOOKS, INSTALLER} & found:
        return
    inner = [path.removesuffix(f"/{INSTALLER}") for path in found if path.endswith(f"/{INSTALLER}")]
    inner += [path.partition(f"/{_NOTEBOOKS}/")[0] for path in found if f"/{_NOTEBOOKS}/" in path]
    if folder := min(inner, key=lambda path: (path.count("/"), path), default=""):
        shown = shlex.quote(folder) if folder.isprintable() else "THAT-FOLDER"
        raise MachineError(
            f"content: {_NOTEBOOKS}/ and {posixpath.dirname(INSTALLER)}/ are not at the top of the archive but in "
            f"{folder!r}, where nobody looks: unpack it, then tar -czf content.tgz -C {shown} ."
        )
