"""Run one of our modules as `ansible localhost -m` does.

The computer's own settings of Ansible have no effect.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support import ROOT

PROGRAMS = Path(sys.executable).parent


def environment(folder: Path) -> dict[str, str]:
    """Return environment variables for a program of Ansible's that runs in `folder`.

    It finds our modules, and nothing of the caller's.
    """
    return {
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "HOME": str(folder),
        "ANSIBLE_LIBRARY": str(ROOT / "plugins/modules"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    }


def run(
    folder: Path, module: str, arguments: dict[str, Any], *options: str, **settings: str
) -> tuple[dict[str, Any], str]:
    """Run the module in `folder`; return its answer, and all that was printed."""
    command = [str(PROGRAMS / "ansible"), "localhost", "-m", module, "-a", json.dumps(arguments), *options]
    done = subprocess.run(
        command, env={**environment(folder), **settings}, cwd=folder, capture_output=True, text=True, check=False
    )
    answer = done.stdout[done.stdout.index("localhost | ") :]
    return json.JSONDecoder().raw_decode(answer[answer.index("{") :])[0], done.stdout + done.stderr
