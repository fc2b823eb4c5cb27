"""The note of which list of packages a Python environment was given.

Used by the modules python_environment and role_drift; runs on the machine. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from .accounts import NOTES, read_note


def note_file(path: str) -> Path:
    """Return where the note about the environment in the folder `path` lies."""
    return NOTES / f"python_environment{path.replace('/', '-')}.json"


def wanted_note(requirements: str, python: str, system_site_packages: bool) -> dict[str, Any]:
    """Return the note that an environment with this list gets.

    `requirements` is the sha256 of the list, `python` the interpreter's path. Raises subprocess.SubprocessError.
    """
    return {
        "requirements": requirements,
        "python": _version(python),
        "system_site_packages": system_site_packages,
    }


def is_current(path: str, note: dict[str, Any]) -> bool:
    """Tell whether the environment in the folder `path` was made as `note` says."""
    return read_note(note_file(path)) == note and (Path(path) / "bin/python").exists()


def _version(python: str) -> str:
    """Return the version of an interpreter to the first point, which is where packages go by."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
