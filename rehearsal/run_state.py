"""Record a run on disk, and find and remove what it left.

`run.json` is written before anything is started, so that `down` can clean up after a server that died half way;
`rehearsal.json` only when all is ready. Labels in the container engine mark a run's objects.
"""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import docker
import docker.errors
from docker.models.containers import Container
from docker.models.networks import Network

from rehearsal.network.engine_networks import HOME_LABEL, LABEL

INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 1024
"""Wanted limit of inotify instances.

systemd needs about four per machine; the usual limit of 128 is reached at some thirty machines.
"""
_POLL = 0.1
_REMOVERS = 4


@dataclass
class Run:
    """The server process of one run, and its changes to the computer."""

    run_id: str
    pid: int
    started: int
    """Start time of the process in the kernel's ticks.

    With the pid it identifies one process for ever.
    """
    inotify_before: int = 0
    """Limit to restore; 0 if it was not changed."""

    def is_alive(self) -> bool:
        """Return whether this very process still runs."""
        return self.pid > 0 and start_ticks(self.pid) == self.started


def start_ticks(pid: int) -> int:
    """Return the start time of a process in ticks since boot.

    It is 0 if there is no such process, or only a zombie of it.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # The second field is the command in parentheses, which may contain spaces and parentheses itself.
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] in ("Z", "X") else int(fields[19])


def read_run(home: Path) -> Run | None:
    """Return the last run that was started from this folder and not ended.

    It is None if there is none.
    """
    try:
        return Run(**json.loads((home / "run.json").read_text()))
    except FileNotFoundError:
        return None


def write_run(home: Path, run: Run) -> None:
    """Write the run to run.json."""
    write_json(home / "run.json", asdict(run))


def write_json(path: Path, value: object) -> None:
    """Write the value as JSON, readable by its owner alone."""
    write_private(path, json.dumps(value, indent=1) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write the file atomically, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def end_process(run: Run, seconds: float) -> bool:
    """Ask the run's server to end, and kill it after `seconds`.

    Returns whether it ended by itself.
    """
    if not run.is_alive():
        return True
    os.kill(run.pid, signal.SIGTERM)
    if _gone(run, seconds):
        return True
    if run.is_alive():
        os.kill(run.pid, signal.SIGKILL)
        _gone(run, 10)
    return False


def _gone(run: Run, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not run.is_alive():
            return True
        time.sleep(_POLL)
    return False


def find_servers(home: Path) -> list[Run]:
    """Return the server processes of this folder, even if no file records them."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if arguments[1:4] == [b"-m", b"rehearsal.server", str(home).encode()]:
            pid = int(entry.name)
            found.append(Run("", pid, start_ticks(pid)))
    return found


def find_run_ids(home: Path) -> set[str]:
    """Return the run ids of this folder's objects in the container engine."""
    engine = docker.from_env(timeout=120)
    try:
        filters = {"label": f"{HOME_LABEL}={home}"}
        containers = engine.containers.list(all=True, filters=filters, ignore_removed=True)
        labels = [item.labels for item in containers]
        labels += [item.attrs["Labels"] for item in engine.networks.list(filters=filters)]
    finally:
        engine.close()
    return {item[LABEL] for item in labels}


def remove_remains(run_id: str) -> list[str]:
    """Remove every container, network and machine image of the run from the engine.

    Returns what could not be removed.
    """
    engine = docker.from_env(timeout=120)
    filters = {"label": f"{LABEL}={run_id}"}
    try:
        containers = engine.containers.list(all=True, filters=filters, ignore_removed=True)
        with ThreadPoolExecutor(_REMOVERS) as workers:
            left = [*workers.map(lambda container: _remove(container, force=True, v=True), containers)]
        left += [_remove(network) for network in engine.networks.list(filters=filters)]
        # The list includes images without a name: machine images that were deregistered while machines made from them
        # lived.
        for image in engine.images.list(filters=filters):
            engine.images.remove(image.id, force=True)
    finally:
        engine.close()
    return [line for line in left if line]


def _remove(item: Container | Network, **options: bool) -> str:
    """Remove one object; return an empty text, or the error."""
    try:
        item.remove(**options)
    except docker.errors.NotFound:
        return ""
    except docker.errors.APIError as error:
        return f"{type(item).__name__.lower()} {item.name}: {error.explanation}"
    return ""


def raise_inotify_limit() -> int:
    """Raise the inotify limit for a fleet of machines with systemd.

    Returns the previous limit, 0 if it was not changed.
    """
    before = int(INOTIFY.read_text())
    if before >= INOTIFY_WANTED:
        return 0
    INOTIFY.write_text(f"{INOTIFY_WANTED}\n")
    return before


def restore_inotify_limit(run: Run) -> None:
    """Restore the previous inotify limit.

    It stays if somebody else changed it since, or another rehearsal still needs it.
    """
    if run.inotify_before and int(INOTIFY.read_text()) == INOTIFY_WANTED and not _others(run.run_id):
        INOTIFY.write_text(f"{run.inotify_before}\n")


def _others(run_id: str) -> bool:
    engine = docker.from_env(timeout=20)
    try:
        return any(
            network.attrs["Labels"][LABEL] != run_id for network in engine.networks.list(filters={"label": LABEL})
        )
    finally:
        engine.close()
