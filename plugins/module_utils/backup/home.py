"""Copy the home of each machine to the controller over ssh with the pinned key.

A machine belongs to its user and may be hostile: its data is kept as bytes, limited in size and time, and its error
stream is shown in a printable line of limited length.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ..common.disk import no_room
from ..common.files import InUse, partial_file
from ..output.machine_errors import UnexpectedAnswer, one_machine
from ..output.text import one_line
from ..progress.reporter import Tally
from ..ssh.client import NO_CONNECTION, Machine, ssh_words, why_no_connection
from .remote import NO_HOME, NO_SUDO, NOT_WHOLE, archive_command
from .tar_check import CHUNK, DamagedArchive, count_members

BUSY_SECONDS = 15.0
"""Seconds to wait for another command that saves the same home."""
LOOK_EVERY = 64 << 20
"""Bytes after which the free disk space is measured again."""
ERROR_BYTES = 4096
"""Bytes that are kept of a machine's error stream."""


@dataclass(frozen=True)
class Home:
    """The folder to save, and the unit that is stopped before, "" for none."""

    path: str
    service: str = ""


@dataclass(frozen=True)
class Limits:
    """Limits of one backup in bytes and seconds.

    `connect` is the limit for the connection, in seconds. `silence` is that for a time without a byte of the home: an
    archive of zeros still grows by a megabyte for each gigabyte, and a unit may take 90 s to stop.
    """

    bytes: int
    seconds: float
    connect: int = 15
    silence: float = 180.0


@dataclass(frozen=True)
class Saved:
    """Result for a machine's home.

    `status` is saved, nothing_to_save, or failed with the `reason`.
    """

    user: str
    status: str
    seconds: float = 0.0
    file: str = ""
    bytes: int = 0
    members: int = 0
    reason: str = ""


class BackupFailed(Exception):
    """Failed backup of a home; str() is the reason in one line."""


def save_all(
    machines: list[Machine], private_key_file: str, home: Home, directory: Path, limits: Limits, forks: int
) -> list[Saved]:
    """Save the homes of all `machines`, `forks` at a time.

    The results have the order of the machines.
    """
    tally = Tally.of("homes", (machine.user for machine in machines), "saved")

    def one(machine: Machine) -> Saved:
        saved = save(machine, private_key_file, home, directory, limits)
        tally.end(machine.user, saved.status != "failed")
        return saved

    # Threads are enough, because each waits for its own ssh process, which does the work.
    with ThreadPoolExecutor(max_workers=forks) as pool:
        return list(pool.map(one, machines))


def save(machine: Machine, private_key_file: str, home: Home, directory: Path, limits: Limits) -> Saved:
    """Save one machine's home to `directory`/<user>/<UTC time>.tar.gz.

    Returns the result.
    """
    start = time.monotonic()
    try:
        with one_machine(BackupFailed, DamagedArchive, OSError):
            _require_known(machine)
            found = _save(machine, private_key_file, home, directory, limits, start + limits.seconds)
    except (BackupFailed, DamagedArchive, UnexpectedAnswer) as error:
        return Saved(machine.user, "failed", round(time.monotonic() - start, 1), reason=str(error))
    except InUse:
        reason = "another command is saving this home right now: wait for its end"
        return Saved(machine.user, "failed", round(time.monotonic() - start, 1), reason=reason)
    except OSError as error:
        reason = f"the backup cannot be written ({error.strerror or error})"
        return Saved(machine.user, "failed", round(time.monotonic() - start, 1), reason=reason)
    seconds = round(time.monotonic() - start, 1)
    if found is None:
        return Saved(machine.user, "nothing_to_save", seconds)
    path, members = found
    return Saved(machine.user, "saved", seconds, str(path), path.stat().st_size, members)


def _start_hint(user: str) -> str:
    """Return how to start the service that the save stopped."""
    return f"if Jupyter is stopped there, ansible-playbook -l {user} restart_jupyter.yml starts it"


def _require_known(machine: Machine) -> None:
    if not machine.address:
        raise BackupFailed("the machine has no address: start it first")
    if not Path(machine.pin_file).is_file():
        raise BackupFailed(f"no host key is pinned in {machine.pin_file}: an unknown machine is not asked")


def ssh_command(machine: Machine, private_key_file: str, home: Home, connect_timeout: int) -> list[str]:
    """Return the command that writes the home's archive to its standard output."""
    return [
        *ssh_words(machine, private_key_file, connect_timeout),
        "--",
        machine.address,
        archive_command(home.path, home.service),
    ]


def _save(
    machine: Machine, private_key_file: str, home: Home, directory: Path, limits: Limits, deadline: float
) -> tuple[Path, int] | None:
    folder = directory / machine.user
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.tar.gz"
    try:
        # The partial file's name is without the time, so that the next backup removes what a killed one left.
        with partial_file(folder / "home.tar.gz", BUSY_SECONDS) as (partial, output):
            command = ssh_command(machine, private_key_file, home, limits.connect)
            status, stderr_text = _fetch(command, output, folder, limits, deadline)
            output.flush()
            os.fsync(output.fileno())
            if status == NO_HOME:
                return None
            _judge(machine, status, stderr_text)
            try:
                members = count_members(partial, deadline)
                # Unlike a rename, a link does not replace a backup made in the same second.
                os.link(partial, path)
            except (DamagedArchive, OSError) as error:
                # The machine starts it again only where it knows that the save failed.
                hint = f"; {_start_hint(machine.user)}" if home.service else ""
                raise BackupFailed(f"{getattr(error, 'strerror', None) or error}{hint}") from None
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()  # an empty folder would look like a backup
    return path, members


def _fetch(command: list[str], output: IO[bytes], folder: Path, limits: Limits, deadline: float) -> tuple[int, bytes]:
    """Run `command` and write its output to `output`.

    Returns its exit status and the start of its error stream.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as ssh:
        if ssh.stdout is None or ssh.stderr is None:
            raise RuntimeError("pipes were asked for")
        try:
            bounded = _Bounded(output, folder, limits.bytes)
            stderr_text = _copy(ssh.stdout, ssh.stderr, bounded, deadline, limits.silence)
            return ssh.wait(max(1.0, deadline - time.monotonic())), stderr_text
        except subprocess.TimeoutExpired:
            raise BackupFailed("the machine did not end in time") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                ssh.kill()


class _Bounded:
    """File with a limit on its bytes and on disk use; raises BackupFailed."""

    def __init__(self, output: IO[bytes], folder: Path, largest: int) -> None:
        self._output, self._folder, self._largest = output, folder, largest
        self.size = 0
        self._next_look = 0

    def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._largest:
            raise BackupFailed(f"the home is larger than {self._largest} bytes: raise max_bytes, or fetch it by hand")
        if self.size > self._next_look:
            self._next_look = self.size + LOOK_EVERY
            if problem := no_room(self._folder):
                raise BackupFailed(problem)
        self._output.write(data)


def _copy(stdout: IO[bytes], stderr: IO[bytes], output: _Bounded, deadline: float, silence: float) -> bytes:
    """Copy `stdout` to `output` and return the first bytes of `stderr`.

    `stdout` is copied to its end. Raises BackupFailed at a limit.
    """
    stderr_text = b""
    last = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for stream in (stdout, stderr):
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            now = time.monotonic()
            if now >= deadline:
                raise BackupFailed(f"the home did not arrive in time ({output.size} bytes did)")
            if now >= last + silence:
                raise BackupFailed(f"nothing of the home arrived for {silence:g} s ({output.size} bytes did before)")
            for key, _ in selector.select(min(deadline, last + silence) - now):
                data = os.read(key.fd, CHUNK)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is stderr:
                    stderr_text += data[: ERROR_BYTES - len(stderr_text)]
                else:
                    output.write(data)
                    last = time.monotonic()
    return stderr_text


def _judge(machine: Machine, status: int, stderr_text: bytes) -> None:
    """Raise BackupFailed unless ssh's exit status reports a complete transfer."""
    text = stderr_text.decode("utf-8", "replace")
    reason = one_line(text, 200) or "no reason given"
    if status == NO_CONNECTION:
        raise BackupFailed(why_no_connection(machine, text))
    if status == NO_SUDO:
        raise BackupFailed(f"{machine.admin_user} may not use sudo there ({reason})")
    if status == NOT_WHOLE:
        raise BackupFailed(f"the home cannot be saved whole ({reason})")
    # Status 1 means that a file changed while it was read, as notebooks in use do.
    if status not in (0, 1):
        raise BackupFailed(f"tar ended with status {status} there ({reason})")
