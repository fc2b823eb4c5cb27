"""The machines of a scenario, whose platforms they are, as root and as the administrator's account.

Used by the tests of every Molecule scenario (molecule/conftest.py), while its machines are up.
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
"""What the scenario made on this computer."""
STATE = HOME / "state"
"""Where the scenario's machines have their per-user files."""
REHEARSAL = HOME / "rehearsal.json"


def users() -> list[str]:
    """The users of the scenario's machines."""
    platforms = yaml.safe_load(Path(os.environ["MOLECULE_FILE"]).read_text())["platforms"]
    return [platform["name"] for platform in platforms]


def by_engine(user: str) -> Machine:
    """The machine of a scenario that made containers, reached by the container engine."""
    instances = yaml.safe_load(Path(os.environ["MOLECULE_INSTANCE_CONFIG"]).read_text())
    (name,) = (entry["container"] for entry in instances if entry["instance"] == user)
    return Machine(user, get_host(f"docker://root@{name}"), get_host(f"docker://admin@{name}"))


def by_ssh(user: str, ssh_config: Path) -> Machine:
    """The machine of a scenario with a rehearsal, reached as an operator does: with the pinned key, by `ssh_config`."""
    connect = {"ssh_config": str(ssh_config)}
    return Machine(user, get_host(f"ssh://{user}", sudo=True, **connect), get_host(f"ssh://{user}", **connect))


def has_rehearsal() -> bool:
    """Whether this scenario brought up a rehearsal."""
    return REHEARSAL.is_file()


def write_ssh_config() -> Path:
    """Write the file for plain ssh to the machines of the rehearsal anew, and return it."""
    sources = [f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/inventory", "molecule/shared/cloud/inventory"]
    environment = os.environ | {"ANSIBLE_INVENTORY": ",".join(sources)}
    subprocess.run([ROOT / "scripts/ssh_config"], cwd=ROOT, check=True, capture_output=True, env=environment)
    return STATE / "ssh_config"


def facts() -> dict[str, str]:
    """What the rehearsal says of itself."""
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
        """The pass phrase that is on the user's card."""
        return (STATE / "jupyter-passwords" / f"{self.user}.passwd").read_text().splitlines()[0]

    @property
    def pin(self) -> Path:
        """The file of its pinned host key."""
        return STATE / "known_hosts" / self.user

    def as_jupyter(self, command: str) -> str:
        """What `command` prints in a shell of the account that runs Jupyter."""
        return str(self.root.check_output("runuser -l jupyter -c %s", command))

    def answer(self, path: str) -> int:
        """Status of Jupyter's answer to a GET of `path`, asked on the machine as the load balancer would."""
        program = (
            "import http.client, sys\n"
            "connection = http.client.HTTPConnection('127.0.0.1', 8888, timeout=20)\n"
            "connection.request('GET', sys.argv[1])\n"
            "print(connection.getresponse().status)\n"
        )
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in (program, path))
        return int(self.root.check_output(f"python3 -c {words}"))
