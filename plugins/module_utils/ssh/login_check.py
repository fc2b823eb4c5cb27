"""Check that the administrator can log in to machines.

The machine must answer with the pinned host key and accept the administrator's key.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

from ..progress.reporter import Tally
from .client import CONNECT_SECONDS, NO_CONNECTION, Machine, ssh_words, why_no_connection

_SECONDS = 3 * CONNECT_SECONDS
_MOST_BYTES = 1 << 16
"""Bytes of a machine's error stream that are read at most."""


def refusals(machines: list[Machine], private_key_file: str, concurrency: int) -> dict[str, str]:
    """Return by user why the ssh connection to a machine fails.

    Machines with a working connection are left out.
    """
    tally = Tally.of("ssh logins", (machine.user for machine in machines), "accepted")

    def one(machine: Machine) -> str:
        reason = refusal(machine, private_key_file)
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
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as ssh:
        # Key exchange and login have a limit of their own; this limit is for a machine that sends nothing afterwards.
        timer = threading.Timer(_SECONDS, ssh.kill)
        timer.start()
        try:
            said = ssh.stderr.read(_MOST_BYTES) if ssh.stderr else b""
            is_flooding = len(said) == _MOST_BYTES
            if is_flooding:
                ssh.kill()
            status = ssh.wait()
        finally:
            timer.cancel()
    if is_flooding:
        return f"its ssh server at {machine.address} sends messages without end"
    if status == -signal.SIGKILL:
        return f"its ssh server at {machine.address} did not finish within {_SECONDS} s"
    if status != NO_CONNECTION:
        return ""
    return why_no_connection(machine, said.decode("utf-8", "replace"))
