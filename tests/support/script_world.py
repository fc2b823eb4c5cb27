"""A world for the tests of scripts/: an inventory file and a fake ssh.

The file stands for AWS, and ssh stays on this computer. The scripts run as people run them, in processes of their own.
`ssh` and `sudo` on the search path are fakes: the first records its arguments and runs the remote command here, as a
machine's shell would.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rehearsal.account.inventories import link_ours
from tests.support import ROOT

_SSH = """\
#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
with open(os.environ["SSH_CALLS"], "a") as calls:
    calls.write(json.dumps(words) + "\\n")
sys.stderr.write(os.environ.get("SSH_SAYS", ""))
if "SSH_STATUS" in os.environ:
    sys.exit(int(os.environ["SSH_STATUS"]))
at = words.index(os.environ["SSH_ADDRESS"])
os.execvp("sh", ["sh", "-c", " ".join(word for word in words[at + 1 :] if word != "--") or "cat"])
"""
_SUDO = """\
#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
ADDRESS = "127.9.8.7"


@dataclass
class ScriptWorld:
    """A folder in which `alice` has a running machine and `bob` a stopped one."""

    folder: Path
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Return the home of Jupyter's account on alice's machine."""
        return self.folder / "machine/home of jupyter"

    @property
    def caller(self) -> Path:
        """Return the working directory of the commands."""
        return self.folder / "caller"

    def prepare(self) -> None:
        """Make the folders and files."""
        for folder in (self.home, self.caller, self.folder / "bin", self.folder / "state/known_hosts"):
            folder.mkdir(parents=True)
        for name, text in (("ssh", _SSH), ("sudo", _SUDO)):
            (self.folder / "bin" / name).write_text(text)
            (self.folder / "bin" / name).chmod(0o755)
        (self.folder / "state/known_hosts/alice").write_text("ssh.alice.stack.example.org ssh-ed25519 AAAA i-1\n")
        running = {"probcomp_state": "running", "ansible_host": ADDRESS, "probcomp_admin_user": "admin"}
        self.hosts = {
            "alice": running,
            "bob": {"probcomp_state": "stopped", "ansible_host": "", "probcomp_admin_user": ""},
        }
        link_ours(self.folder / "inventory", ROOT)

    def run(self, command: str, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run scripts/`command` with `words` from the caller's folder."""
        settings = {
            "zone": "example.org",
            "state_dir": str(self.folder / "state"),
            "private_key_file": str(self.folder / "key"),
            "jupyter_home": str(self.home),
        }
        for name in self.hosts:
            self.hosts[name] = {**settings, **self.hosts[name]}
        inventory = {"users": {"hosts": self.hosts}}
        (self.folder / "inventory/hosts.yml").write_text(yaml.safe_dump(inventory))
        return subprocess.run(
            [ROOT / "scripts" / command, *words],
            cwd=self.caller,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE", "PROBCOMP"))},
                "ANSIBLE_INVENTORY": str(self.folder / "inventory/hosts.yml"),
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "SSH_CALLS": str(self.folder / "calls"),
                "SSH_ADDRESS": ADDRESS,
                "NO_COLOR": "1",
                **environment,
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def calls(self) -> list[list[str]]:
        """Return the arguments of each call of ssh."""
        written = self.folder / "calls"
        return [json.loads(line) for line in written.read_text().splitlines()] if written.exists() else []
