"""The plugins as a collection, with every collection path of Ansible's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

PROGRAMS = Path(sys.executable).parent
COMMANDS = {
    "ansible-playbook": ("create_passwords.yml", "-e", "base=ws low=1 high=2", "--check"),
    "ansible-inventory": ("--graph", "users"),
    "ansible-doc": ("-t", "module", "fleet_check"),
    "ansible": ("localhost", "-m", "create_passwords", "-a", "users=ws-1 directory={folder}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("program", COMMANDS)
def test_it_is_found_whatever_awx_sets(program: str, tmp_path: Path) -> None:
    """The collection is found with AWX's settings.

    AWX sets ANSIBLE_COLLECTIONS_PATH, which takes the place of collections_path in ansible.cfg.
    """
    arguments = [word.format(folder=tmp_path / "phrases") for word in COMMANDS[program]]
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_", "PYTHONPATH"))
    }
    result = subprocess.run(
        [str(PROGRAMS / program), *arguments],
        cwd=ROOT,
        env={**kept, "ANSIBLE_COLLECTIONS_PATH": "/nowhere", "AWS_CONFIG_FILE": "/dev/null"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    words = result.stdout + result.stderr
    assert "ansible_collections" not in words and "Traceback" not in words, words
    # Without a region our inventory plugin refuses, which shows that it was found.
    assert result.returncode == 0 or "the machines cannot be listed: no AWS region" in words, words


def test_the_links_lead_to_the_plugins() -> None:
    for link in ("collections", "playbooks/collections"):
        plugins = ROOT / link / "ansible_collections/probcomp/stack/plugins"
        assert plugins.resolve() == ROOT / "plugins"
    assert {path.suffix for path in (ROOT / "plugins/module_utils").iterdir() if path.name != "__pycache__"} == {""}
