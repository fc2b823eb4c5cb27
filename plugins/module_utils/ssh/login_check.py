"""Check that the administrator can log in to machines.

The machine must answer with the pinned host key and accept the administrator's key.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..output.machine_errors import UnexpectedAnswer, one_machine
from ..progress.reporter import Tally
from .client import CONNECT_SECONDS, NO_CONNECTION, Machine, ssh_words, why_no_connection
from .rsync import LATE, run


def refusals(machines: list[Machine], private_key_file: str, concurrency: int) -> dict[str, str]:
    """Return by user why the ssh connection to a machine fails.

    Machines with a working connection are left out.
    """
    tally = Tally.of("ssh logins", (machine.user for machine in machines), "accepted")

    def one(machine: Machine) -> str:
        try:
            with one_machine():
                reason = refusal(machine, private_key_file)
        except UnexpectedAnswer as error:
            reason = str(error)
        tally.end(machine.user, not reason)
        return reason

    # Threads are enough, because each waits for its own ssh process, which does the work.
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        reasons = pool.map(one, machines)
        return {machine.user: reason for machine, reason in zip(machines, reasons, strict=True) if reason}


def refusal(machine: Machine, private_key_file: str) -> str:
    """Return why the ssh connection to `machine` fails, or "" when it works."""
    if not machine.address:
        return "it has no address to ssh to"
    command = [*ssh_words(machine, private_key_file), "--", machine.address, "true"]
    # Key exchange and login have a limit of their own; these limits are for a machine that sends nothing afterwards, or
    # more than this computer's memory holds.
    ran = run(command, Path("/"), time.monotonic() + 3 * CONNECT_SECONDS)
    if ran.stopped == LATE:
        return f"its ssh server at {machine.address} did not finish within {3 * CONNECT_SECONDS} s"
    if ran.stopped:
        return f"its ssh server at {machine.address} was cut off: {ran.stopped}"
    return why_no_connection(machine, ran.said) if ran.status == NO_CONNECTION else ""
