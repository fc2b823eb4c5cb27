"""Start a command as from a shell, and interrupt it.

It is killed alone or with all that it has started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.workshop import Workshop


def begun(workshop: Workshop, arguments: str, output: Path) -> subprocess.Popen[bytes]:
    """Start ansible-playbook with `arguments`, in a session of its own.

    Its output goes to the file `output`.
    """
    with output.open("wb") as stream:
        return subprocess.Popen(
            ["bash", "-c", f"exec ansible-playbook {arguments}"],
            cwd=workshop.root,
            env=workshop.environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )


def wait_while_it_runs(run: subprocess.Popen[bytes], has_come: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait until `has_come`, at most so many `seconds`.

    Fails if the command ends before.
    """
    end = time.monotonic() + seconds
    while not has_come():
        assert run.poll() is None, f"the command ended with status {run.returncode} before {what}"
        assert time.monotonic() < end, f"no {what} within {seconds:.0f} s"
        time.sleep(0.1)


def kill_alone(run: subprocess.Popen[bytes]) -> list[int]:
    """Kill the command alone, as a closed laptop does.

    Its workers, which have sessions of their own, live on for a while. Returns handles of them, for `end_workers`.
    """
    workers = []
    for process in descendants(run.pid):
        with contextlib.suppress(ProcessLookupError):
            workers.append(os.pidfd_open(process))
    os.killpg(run.pid, signal.SIGKILL)
    run.wait(30)
    return workers


def end_workers(handles: list[int]) -> None:
    """Kill the remaining processes behind these handles."""
    for handle in handles:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    handles.clear()


def kill_all(run: subprocess.Popen[bytes]) -> None:
    """Kill the command and every process that it started, as a power cut does."""
    # A stopped process starts no further children while they are counted.
    os.kill(run.pid, signal.SIGSTOP)
    for process in [*descendants(run.pid), run.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    run.wait(30)


def interrupt(run: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C once, and wait until the command has ended."""
    os.killpg(run.pid, signal.SIGINT)
    run.wait(120)


def descendants(ancestor: int) -> list[int]:
    """Return the ids of all descendants of `ancestor`, whatever their sessions."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The file has the form "1 (any (name)) S 0 ...": the state, then the parent.
            parent = int(file.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(file.parent.name))
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        new = children.get(waiting.pop(), [])
        found += new
        waiting += new
    return found
