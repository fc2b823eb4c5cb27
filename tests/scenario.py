"""The machines of a scenario as an operator sees them: over ssh with the pinned key, by the file of scripts/ssh_config.

Used by the tests of every Molecule scenario (molecule/conftest.py), while the rehearsal is up.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[1]
STATE = Path(os.environ["PROBCOMP_REHEARSAL"]).parent / "state"


def users() -> list[str]:
    """The users of the scenario's machines."""
    scenario = os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
    distributions = os.environ.get("PROBCOMP_DISTRIBUTIONS", "debian12 debian13").split()
    return [f"{scenario}-{name.replace('.', '')}" for name in distributions]


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


def facts() -> dict[str, str]:
    """What the rehearsal says of itself."""
    found: dict[str, str] = json.loads(Path(os.environ["PROBCOMP_REHEARSAL"]).read_text())
    return found
