"""Check that the administrator can log in to machines.

The machine must answer with the pinned host key and accept the administrator's key.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..output.machine_errors import UnexpectedAnswer, one_machine
from ..progress.reporter import Tally
from .client import CONNECT_SECONDS, NO_CONNECTION, Machine, ssh_words, why_no_connection
from .rsync import LATE, run

_ASK = "systemctl show --property=LoadState,ActiveState,ConditionResult,ConditionTimestampMonotonic jupyter.service"
_WITHOUT_PASSWORD = {"LoadState=loaded", "ActiveState=inactive", "ConditionResult=no"}
"""State of Jupyter's unit without a password.

The condition of the unit, a file with the password's hash, is not met then. Systemd says the same of a unit that was
not tried since the boot; its time of the look at the condition is 0.
"""
_NEVER_TRIED = "ConditionTimestampMonotonic=0"


@dataclass(frozen=True)
class Login:
    """Result of a login."""

    refusal: str = ""
    """Why the connection fails, "" when it works."""
    has_no_password: bool = False
    """Whether the machine says that its Jupyter waits for a first password."""


def log_in(machines: list[Machine], private_key_file: str, concurrency: int) -> dict[str, Login]:
    """Return by user how the ssh connection to each machine went."""
    tally = Tally.of("ssh logins", (machine.user for machine in machines), "accepted")

    def one(machine: Machine) -> Login:
        try:
            with one_machine():
                login = login_to(machine, private_key_file)
        except UnexpectedAnswer as error:
            login = Login(str(error))
        tally.end(machine.user, not login.refusal)
        return login

    # Threads are enough, because each waits for its own ssh process, which does the work.
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        return {machine.user: login for machine, login in zip(machines, pool.map(one, machines), strict=True)}


def login_to(machine: Machine, private_key_file: str) -> Login:
    """Log in to `machine` and ask it about its Jupyter."""
    if not machine.address:
        return Login("it has no address to ssh to")
    command = [*ssh_words(machine, private_key_file), "--", machine.address, _ASK]
    # Key exchange and login have a limit of their own; these limits are for a machine that sends nothing afterwards, or
    # more than this computer's memory holds.
    ran = run(command, Path("/"), time.monotonic() + 3 * CONNECT_SECONDS)
    if ran.stopped == LATE:
        return Login(f"its ssh server at {machine.address} did not finish within {3 * CONNECT_SECONDS} s")
    if ran.stopped:
        return Login(f"its ssh server at {machine.address} was cut off: {ran.stopped}")
    if ran.status == NO_CONNECTION:
        return Login(why_no_connection(machine, ran.said))
    state = set(ran.printed.split())
    tried = {item for item in state if item.startswith("ConditionTimestampMonotonic=")} - {_NEVER_TRIED}
    return Login(has_no_password=len(tried) == 1 and state - tried == _WITHOUT_PASSWORD)
