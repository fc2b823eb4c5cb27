"""The reserve of free space that commands leave on the controller's disk.

Standard library only.
"""

from __future__ import annotations

import shutil
from pathlib import Path

KEPT_FREE = 1 << 30
"""Bytes that stay free on the disk when files from machines arrive.

Such files are backups, logs, and what scripts/get fetches.
"""


def no_room(folder: Path) -> str:
    """Return that the disk of `folder` is nearly full, or an empty text.

    The folder may still be missing. Raises OSError.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if shutil.disk_usage(place).free >= KEPT_FREE:
        return ""
    return f"the disk of {folder} is nearly full (less than {KEPT_FREE >> 30} GiB free): make room there"
