"""Linux's data on processes: children, memory, processor time.

Reads /proc and the control groups only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PR_SET_CHILD_SUBREAPER = 36
_SAMPLE_SECONDS = 0.4
_END_SECONDS = 5.0


def adopt_orphans() -> None:
    """Make this process the parent of orphaned descendants; raises OSError.

    An ssh that is kept for the next connection is such a process.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER failed")


def children(process_id: int) -> set[int]:
    """Return the children of a process, of all its threads."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process_id}/task").iterdir():
            with contextlib.suppress(OSError):
                found |= {int(word) for word in (thread / "children").read_text().split()}
    return found


def tree(process_id: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [process_id]
    for one in found:
        found += children(one)
    return found


def end(process_ids: Iterable[int]) -> None:
    """End and reap these children of this process.

    Their processor time then counts as that of this process's children.
    """
    for one in process_ids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGTERM)
        limit = time.monotonic() + _END_SECONDS
        with contextlib.suppress(ChildProcessError):
            while not os.waitpid(one, os.WNOHANG)[0]:
                if time.monotonic() > limit:
                    os.kill(one, signal.SIGKILL)
                time.sleep(0.01)


def processor_seconds(process_id: int) -> float:
    """Return the processor time of a running process without its children."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def containers_seconds(name_prefix: str) -> dict[str, float]:
    """Return processor seconds by container id for names with this prefix.

    Only running containers count.
    """
    listed = ["docker", "ps", "--quiet", "--no-trunc", "--filter", f"name=^{name_prefix}"]
    ids = subprocess.run(listed, check=True, capture_output=True, text=True, timeout=60).stdout.split()
    if not ids:
        return {}
    shown = ["docker", "inspect", "--format", "{{.Id}} {{.State.Pid}}", *ids]
    lines = subprocess.run(shown, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    found = {}
    for container, process_id in (line.split() for line in lines):
        with contextlib.suppress(OSError):
            found[container] = _group_seconds(container, process_id)
    return found


def _group_seconds(container: str, process_id: str) -> float:
    for line in Path(f"/proc/{process_id}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        before, found, after = path.partition(container)
        # systemd in the container makes groups of its own below the engine's group.
        group = before.lstrip("/") + found + after.partition("/")[0]
        if "cpuacct" in controllers.split(","):
            return int(Path("/sys/fs/cgroup/cpuacct", group, "cpuacct.usage").read_text()) / 1e9
        if not controllers and (file := Path("/sys/fs/cgroup", group, "cpu.stat")).is_file():
            values = dict(words.split() for words in file.read_text().splitlines())
            return int(values["usage_usec"]) / 1e6
    return 0.0


class MemoryPeak:
    """The highest memory of a process and its descendants together.

    It is sampled a few times a second, in bytes of proportional set size (PSS): a page that forks share is counted
    once, in parts.
    """

    def __init__(self, process_id: int) -> None:
        self.bytes = 0
        self._process_id = process_id
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the sampling."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.bytes = max(self.bytes, sum(map(_proportional_bytes, tree(self._process_id))))


def _proportional_bytes(process_id: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
