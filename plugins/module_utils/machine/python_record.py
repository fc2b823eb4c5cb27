"""Record the list of packages that a Python environment received.

Runs on the machine. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from .accounts import NOTES, read_note


def note_file(path: str) -> Path:
    """Return the path of the record about the environment in the folder `path`."""
    return NOTES / f"python_environment{path.replace('/', '-')}.json"


def wanted_note(requirements: str, python: str, system_site_packages: bool) -> dict[str, Any]:
    """Return the record of an environment with this list.

    `requirements` is the sha256 of the list, `python` the interpreter's path. Raises subprocess.SubprocessError.
    """
    return {
        "requirements": requirements,
        "python": _version(python),
        "system_site_packages": system_site_packages,
    }


def is_current(path: str, note: dict[str, Any]) -> bool:
    """Return whether the environment in the folder `path` was made as `note` records."""
    return read_note(note_file(path)) == note and (Path(path) / "bin/python").exists()


def _version(python: str) -> str:
    """Return the version of an interpreter up to the first point.

    Packages depend on this part.
    """
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
