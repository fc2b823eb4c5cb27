"""Run a play with the callback `fleet`, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

ANSIBLE_PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")


def play(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Return how the play `text` ended."""
    (folder / "play.yml").write_text(text, encoding="utf-8")
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0"}
    command = [ANSIBLE_PLAYBOOK, "-i", "/dev/null", "play.yml", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False)
