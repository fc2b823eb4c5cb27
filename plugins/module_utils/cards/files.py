"""Write secret files that are private, complete, and only changed if different.

Runs on the controller.
"""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

from ..common.files import InUse, fill, partial_file, remove_partial
from ..passwords import files

FOLDER = "cards"
"""Name of our own folder of cards, in the state folder."""


def write_private(contents: dict[Path, bytes], notes: list[str], check_mode: bool = False) -> bool:
    """Write each file with mode 0600 and return whether something differed.

    All files are in one folder, which gets mode 0700 if it is named `cards`: that one is ours, others are noted.

    New files are written beside the old ones before the first is replaced, so that no file is ever incomplete, and a
    full disk changes none. In `check_mode` nothing is written. Access that others had is reported in `notes`.

    Raises ValueError with one line.
    """
    folder = next(iter(contents)).parent
    before = len(notes)
    try:
        if folder.exists():
            files.keep_folder_private(folder, folder.name == FOLDER, notes, mend=not check_mode)
        different = {path: data for path, data in contents.items() if not _is_as_wanted(path, data)}
        if not check_mode and folder.exists():
            for path in contents.keys() - different.keys():
                with contextlib.suppress(InUse):
                    remove_partial(path)
        if different and not check_mode:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(different)
    except OSError as error:
        raise ValueError(f"{folder}: the cards cannot be written here ({error.strerror or error})") from None
    return bool(different) or len(notes) > before


def _is_as_wanted(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data and stat.S_IMODE(path.lstat().st_mode) == 0o600
    except FileNotFoundError:
        return False


def _replace(contents: dict[Path, bytes]) -> None:
    with contextlib.ExitStack() as stack:
        partials: dict[Path, Path] = {}
        for path, data in contents.items():
            partials[path], stream = stack.enter_context(partial_file(path))
            fill(stream, data, 0o600)
        for path, partial in partials.items():
            partial.replace(path)
