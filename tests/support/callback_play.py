"""Run a play with the callback `fleet`, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

ANSIBLE_PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")


def environment(**settings: str) -> dict[str, str]:
    """Return the variables of a run with our ansible.cfg from any folder."""
    return {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), **settings}


def play(folder: Path, text: str, *options: str, name: str = "play.yml") -> subprocess.CompletedProcess[str]:
    """Return how the play `text` ended; the playbook has the file name `name`."""
    (folder / name).write_text(text, encoding="utf-8")
    command = [ANSIBLE_PLAYBOOK, "-i", "/dev/null", name, *options]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=90, check=False
    )
