"""Fetch machines' logs to the controller by rsync over ssh with pinned host keys.

A machine belongs to its user and may be hostile: whatever it answers, its rsync, sudo and shell included, is data. The
data arrives in a folder of its own below `incoming`, within limits. Permitted files are moved from there when rsync has
ended.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..common.disk import no_room
from ..common.files import locked_within, set_mode
from ..common.names import shown
from ..output.host_summary import listed
from ..output.machine_errors import UnexpectedAnswer, one_machine
from ..output.text import size
from ..progress.reporter import Tally
from ..ssh.client import NO_CONNECTION, Machine, why_no_connection
from ..ssh.rsync import LATE, Ran, reason, run, without_remarks
from .folder import Content, Taken, excess, measure, take
from .rsync_command import NO_PROGRAM, NO_SUDO, NOT_THERE, Settings, Source, rsync_command

INCOMING = ".incoming"
"""Folder, inside the logs folder, in which files arrive."""
# Status 23: some files could not be read; status 24: some files vanished during the transfer.
_WITH_GAPS = (23, 24)
_ADDRESS = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]*")
_SKIPPED = re.compile(r'skipping non-regular file "(?P<link>.*)"|(?P<large>.*) is over max-size')
_FEW = 5
_STATUS = "status"


@dataclass
class Fetched:
    """Result of fetching one machine's logs."""

    user: str
    problems: list[str] = field(default_factory=list)
    new: Taken = field(default_factory=Taken)
    content: Content = field(default_factory=Content)
    seconds: float = 0.0

    @property
    def reason(self) -> str:
        """Return why logs are missing, in one line, or an empty text if none is."""
        return "; ".join(self.problems)


class FetchFailed(Exception):
    """Failure after which a machine gets no further request.

    str() is the reason in one line.
    """


def fetch_all(machines: list[Machine], sources: list[Source], settings: Settings, forks: int) -> list[Fetched]:
    """Fetch the logs of all `machines`, `forks` at a time.

    The results have the order of the machines.
    """
    tally = Tally.of("logs", (machine.user for machine in machines), "fetched")

    def one(machine: Machine) -> Fetched:
        fetched = fetch(machine, sources, settings)
        tally.end(machine.user, not fetched.problems)
        return fetched

    # Threads are enough, because each waits for its own rsync process, which does the work.
    with ThreadPoolExecutor(max_workers=forks) as pool:
        return list(pool.map(one, machines))


def fetch(machine: Machine, sources: list[Source], settings: Settings) -> Fetched:
    """Fetch the `sources` of one machine and return the result."""
    start = time.monotonic()
    fetched = Fetched(machine.user)
    folder = settings.directory / machine.user
    try:
        with one_machine(FetchFailed, OSError, subprocess.SubprocessError):
            _require_known(machine, folder)
            with _incoming(settings, machine.user) as incoming:
                for source in sources:
                    place, end = incoming / source.name, start + settings.seconds
                    fetched.problems += _fetch_source(machine, source, settings, place, end, fetched)
        if fetched.new.no_room:
            bounds = settings.bounds
            fetched.problems.append(
                f"{folder} may hold {size(bounds.bytes)} and {bounds.entries} files and folders, and is full: "
                f"{listed(fetched.new.no_room, _FEW)} did not fit; move old logs elsewhere"
            )
    except (FetchFailed, UnexpectedAnswer) as error:
        fetched.problems.append(str(error))
    except (OSError, subprocess.SubprocessError) as error:
        words = getattr(error, "strerror", None) or type(error).__name__
        fetched.problems.append(f"the logs cannot be written ({words})")
    with contextlib.suppress(OSError):
        # The summary reports these figures, so they are measured on the disk and not summed up.
        fetched.content = measure(folder, mend=not settings.dry)
    fetched.seconds = round(time.monotonic() - start, 1)
    return fetched


def _require_known(machine: Machine, folder: Path) -> None:
    if not machine.address:
        raise FetchFailed("the machine has no address: start it first")
    if not _ADDRESS.fullmatch(machine.address):
        raise FetchFailed(f"{shown(machine.address)} is no address")
    if not Path(machine.pin_file).is_file():
        raise FetchFailed(f"no host key is pinned in {machine.pin_file}: an unknown machine is not asked")
    if folder.is_symlink():
        raise FetchFailed(f"{folder} is a link: logs are kept in a folder of their own")


@contextlib.contextmanager
def _incoming(settings: Settings, user: str) -> Iterator[Path]:
    """Yield a new folder for the files of `user`, and remove it afterwards.

    Raises FetchFailed if another run uses it.
    """
    if settings.dry:
        # Nothing may appear among the logs. The files are not moved, so another file system will do.
        with tempfile.TemporaryDirectory(prefix="probcomp-logs-") as folder:
            inside = Path(folder) / user
            inside.mkdir(mode=0o700)
            try:
                yield inside
            finally:
                _remove(inside)
        return
    base = settings.directory / INCOMING
    for place in (settings.directory, base):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(base / f"{user}.lock", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w") as lock:
        if not locked_within(lock, seconds=0):
            raise FetchFailed("another command is fetching these logs right now: wait for its end")
        inside = base / user
        _remove(inside)  # An interrupted run may have left files.
        inside.mkdir(mode=0o700)
        try:
            yield inside
        finally:
            _remove(inside)


def _remove(folder: Path) -> None:
    # shutil.rmtree would fail: a machine can make trees too deep for recursion in Python.
    subprocess.run(["rm", "-rf", "--", str(folder)], check=True, capture_output=True, timeout=300)


def _fetch_source(
    machine: Machine, source: Source, settings: Settings, incoming: Path, deadline: float, fetched: Fetched
) -> list[str]:
    """Fetch one source, add its files to `fetched`, and return the errors.

    Raises FetchFailed.
    """
    if problem := no_room(incoming):
        raise FetchFailed(problem)
    for part in ("files", "parts"):
        (incoming / part).mkdir(mode=0o700, parents=True)
    here = settings.directory / machine.user / source.name
    command = rsync_command(machine, source, settings, incoming, here, incoming / _STATUS)
    # The limits cover the folder of partial files and the folder of complete ones.
    ran = run(command, incoming, deadline, lambda: excess(incoming, settings.bounds) or no_room(incoming))
    if ran.stopped and ran.stopped != LATE:
        # Files from a machine that exceeded a limit are not examined any further.
        raise FetchFailed(f"{source.name}: stopped ({ran.stopped}); nothing of it was kept")
    now = time.time()
    stamp = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    if not settings.dry:
        here.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        set_mode(here.parent, 0o700)
    content = measure(here.parent)
    taken = take(incoming / "files", here, content, settings.bounds, stamp, now, settings.dry)
    new = fetched.new
    new.files += taken.files
    new.bytes += taken.bytes
    for names, more in ((new.aside, taken.aside), (new.no_room, taken.no_room)):
        names += [f"{source.name}/{name}" for name in more]
    new.skipped += [f"{source.name}/{name}" for name in [*taken.skipped, *skipped_there(ran.printed)]]
    if ran.stopped:
        raise FetchFailed(f"{source.name}: {ran.stopped}; the same command goes on where it was")
    return _judge(machine, source, ran, _status_of_ssh(incoming / _STATUS))


def _status_of_ssh(file: Path) -> int:
    try:
        return int(file.read_text()[:8])
    except (OSError, ValueError):
        return 0  # rsync's exit status reports the error.


def _judge(machine: Machine, source: Source, ran: Ran, ssh_status: int) -> list[str]:
    """Return the errors of one source.

    Raises FetchFailed when no other source of the machine can succeed.
    """
    words = reason(ran.said)
    if ran.status == 0 or ssh_status == NOT_THERE:
        return []
    if ssh_status == NO_CONNECTION:
        raise FetchFailed(why_no_connection(machine, without_remarks(ran.said)))
    if ssh_status == NO_SUDO:
        raise FetchFailed(f"{machine.admin_user} may not use sudo there ({words})")
    if ssh_status == NO_PROGRAM:
        repair = f"fleet_create.yml -e users={machine.user} installs what is missing"
        return [f"{source.name}: {source.program} is not on the machine; {repair}"]
    if ran.status in _WITH_GAPS:
        return [f"{source.name}: some files could not be fetched ({words})"]
    return [f"{source.name}: rsync ended with status {ran.status} ({words})"]


def skipped_there(printed: str) -> list[str]:
    """Return the files that rsync did not request, with the reasons.

    `printed` is rsync's output. The file names are those on the machine.
    """
    found = []
    for line in printed.splitlines():
        if match := _SKIPPED.fullmatch(line):
            problem = "not a plain file" if match["link"] is not None else "larger than one file may be"
            found.append(f"{shown(match['link'] or match['large'] or '', 120)}: {problem}")
    return found
