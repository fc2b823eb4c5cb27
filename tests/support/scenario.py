"""A scenario's machines on every platform, for root and the administrator.

The tests of every Molecule scenario use it (molecule/conftest.py), while its machines are up.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml
from testinfra import get_host
from testinfra.host import Host

from tests.support import ROOT

HOME = ROOT / "test-output/molecule" / os.environ["MOLECULE_SCENARIO_NAME"]
"""The scenario's folder on this computer."""
STATE = HOME / "state"
"""The folder of the machines' per-user files."""
REHEARSAL = HOME / "rehearsal.json"


def users() -> list[str]:
    """Return the users of the scenario's machines."""
    platforms = yaml.safe_load(Path(os.environ["MOLECULE_FILE"]).read_text())["platforms"]
    return [platform["name"] for platform in platforms]


def by_engine(user: str) -> Machine:
    """Return a container scenario's machine, reached by the container engine."""
    instances = yaml.safe_load(Path(os.environ["MOLECULE_INSTANCE_CONFIG"]).read_text())
    (name,) = (entry["container"] for entry in instances if entry["instance"] == user)
    return Machine(user, get_host(f"docker://root@{name}"), get_host(f"docker://admin@{name}"))


def by_ssh(user: str, ssh_config: Path) -> Machine:
    """Return a rehearsal scenario's machine, reached as an operator does.

    The connection uses the pinned key, by `ssh_config`.
    """
    connect = {"ssh_config": str(ssh_config)}
    return Machine(user, get_host(f"ssh://{user}", sudo=True, **connect), get_host(f"ssh://{user}", **connect))


def has_rehearsal() -> bool:
    """Return whether this scenario started a rehearsal."""
    return REHEARSAL.is_file()


def write_ssh_config() -> Path:
    """Write the rehearsal's ssh configuration file anew, and return it.

    It is for plain ssh to the machines.
    """
    sources = [f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/inventory", "molecule/shared/cloud/inventory"]
    environment = os.environ | {"ANSIBLE_INVENTORY": ",".join(sources)}
    subprocess.run([ROOT / "scripts/ssh_config"], cwd=ROOT, check=True, capture_output=True, env=environment)
    return STATE / "ssh_config"


def facts() -> dict[str, str]:
    """Return the rehearsal's facts about itself."""
    found: dict[str, str] = json.loads(REHEARSAL.read_text())
    return found


@dataclass
class Machine:
    """A user's machine: `root` and `jupyter` run commands there as these accounts."""

    user: str
    root: Host
    admin: Host

    @property
    def password(self) -> str:
        """Return the pass phrase on the user's card."""
        return (STATE / "jupyter-passwords" / f"{self.user}.passwd").read_text().splitlines()[0]

    @property
    def pin(self) -> Path:
        """Return the file of the machine's pinned host key."""
        return STATE / "known_hosts" / self.user

    def as_jupyter(self, command: str) -> str:
        """Return the output of `command` in a shell of Jupyter's account."""
        return str(self.root.check_output("runuser -l jupyter -c %s", command))

    def answer(self, path: str) -> int:
        """Return the status of Jupyter's answer to a GET of `path`.

        The request is made on the machine, as the load balancer would make it.
        """
        program = (
            "import http.client, sys\n"
            "connection = http.client.HTTPConnection('127.0.0.1', 8888, timeout=20)\n"
            "connection.request('GET', sys.argv[1])\n"
            "print(connection.getresponse().status)\n"
        )
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in (program, path))
        return int(self.root.check_output(f"python3 -c {words}"))
