"""Run a script with its output in a bounded log, for a bounded time.

Runs on the machine. Standard library only, Python 3.10.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from ..machine.accounts import MachineError

_LARGEST_LOG = 10 * 1024 * 1024
_GRACE = 5
"""Seconds between the request to end and the forced end."""


def run_script(command: list[str], log: Path, seconds: float, **process: Any) -> tuple[int | None, str]:
    """Run `command` with its output in the file `log`.

    Returns its status, None when it was ended, and its last output.

    Processes that the script left in the background continue, unless the script itself had to be ended.
    """
    log.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    tail = b""
    with log.open("wb") as stream:
        os.fchmod(stream.fileno(), 0o640)
        script = subprocess.Popen(
            command,
            start_new_session=True,
            **process,
        )
        output = script.stdout
        if output is None:
            raise MachineError("no pipe to the script")
        os.set_blocking(output.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                ended = script.poll() is not None
                # Reading one part at a time makes a script that never pauses meet the deadline too.
                part = (output.read(1 << 20) or b"") if selector.select(0.2) else b""
                stream.write(part[: max(0, _LARGEST_LOG - stream.tell())])
                tail = (tail + part)[-(1 << 14) :]
                if ended and not part:
                    break
        status = script.poll()
        if status is None:
            _end(script)
    return status, tail.decode(errors="replace")


def _end(script: subprocess.Popen[bytes]) -> None:
    """End the script and its children, first by request and then by force."""
    os.killpg(script.pid, signal.SIGTERM)
    try:
        script.wait(_GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(script.pid, signal.SIGKILL)
        script.wait()
