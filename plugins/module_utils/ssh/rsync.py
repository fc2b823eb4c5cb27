"""Run this computer's rsync within limits and check that it is safe to use.

Runs on the controller. rsync is written in C and reads data from a machine that may be hostile, so its known
vulnerabilities must be fixed. It runs without the administrator's rsync settings and is ended at a limit.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..output.text import one_line

SAFE = (3, 5, 0)
"""First version with the fixes of August 2026.

Before them a sender can write beyond the receiver's memory (CVE-2026-70458); before 3.4 it can read files of the
receiver's (CVE-2024-12086). Source: rsync's NEWS.
"""

FILES_ALONE = (
    "--recursive",
    "--times",
    "--no-links",
    "--no-hard-links",
    "--no-devices",
    "--no-specials",
    "--no-owner",
    "--no-group",
    "--no-perms",
    "--no-acls",
    "--no-xattrs",
    "--no-super",
    # The complete file list comes first, so that the name checks see all of it.
    "--no-inc-recursive",
)
"""Options that receive regular files and folders alone.

No link, device, owner or mode comes.
"""
WORDS = 1 << 16
"""Bytes that are kept of rsync's output, and of its error stream."""
MOST_WORDS = 1 << 24
"""Bytes of both streams after which rsync is ended.

No useful message is that long.
"""
LOOK_SECONDS = 0.3
"""Seconds between two checks of rsync's output."""

GRACE_SECONDS = 5
"""Seconds that ssh may run after rsync has ended.

Processes have as long to die.
"""
LATE = "it did not end in time"
"""Reason for ending an rsync that was only slow."""

_REMARK = re.compile(r"rsync: connection unexpectedly closed|rsync error: ")
_WORST = ("CVE-2026-70458", "CVE-2026-70461")
"""Vulnerabilities that let the other side write beyond rsync's memory.

3.5.0 is the first version without them.
"""
_WORST_BEFORE_3_4 = (
    "CVE-2024-12084",
    "CVE-2024-12085",
    "CVE-2024-12086",
    "CVE-2024-12087",
    "CVE-2024-12088",
    "CVE-2024-12747",
)
"""Vulnerabilities by which the other side reaches our memory or our files.

It writes into memory, or writes and reads files. 3.4.0 is the first version without them.
"""
_CHANGELOGS = ("changelog.Debian.gz", "changelog.Debian.amd64.gz", "changelog.gz")
_TRUNCATED = 1 << 20


class NoRsync(Exception):
    """Missing or unsafe rsync; str() is one line for the administrator."""


@dataclass(frozen=True)
class Ran:
    """Result of rsync.

    It has the exit `status`, the start of the output and error output, and the reason if we ended rsync.
    """

    status: int
    printed: str
    said: str
    stopped: str = ""


def require_rsync(
    for_hostile: bool, documents: Path = Path("/usr/share/doc/rsync"), packaged: Path = Path("/usr/bin/rsync")
) -> str:
    """Return the path of rsync.

    Raises NoRsync if there is none, or if it must be safe against a hostile machine and is not.

    Distributions fix vulnerabilities without changing the version, so an old version is accepted when its package's
    changelog in `documents` (or rpm's) names each of the worst that this version has.
    """
    path = shutil.which("rsync")
    if path is None:
        raise NoRsync("rsync is missing on this computer: install the package rsync")
    if not for_hostile:
        return path
    version = _version(path)
    # The changelog describes the distribution's own program, not another rsync that comes first on the path.
    if version >= SAFE:
        return path
    holes = _holes(version, _changelog(documents) if Path(path).resolve() == packaged else "")
    if not holes:
        return path
    shown = ".".join(map(str, version)) or "of an unknown version"
    raise NoRsync(
        f"rsync on this computer ({shown}) has known holes by which a machine could take it over: upgrade the package "
        f"rsync, to {'.'.join(map(str, SAFE))} or to one whose changelog names {', '.join(holes)}"
    )


def _holes(version: tuple[int, ...], changelog: str) -> list[str]:
    """Return the worst vulnerabilities of a `version` before SAFE.

    Those that the `changelog` names are closed.
    """
    worst = _WORST if version >= (3, 4, 0) else (*_WORST_BEFORE_3_4, *_WORST)
    return [hole for hole in worst if not re.search(rf"{hole}(?!\d)", changelog)]


def _version(path: str) -> tuple[int, ...]:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    # The rsync of macOS answers "openrsync: protocol version 29, rsync version 2.6.9 compatible".
    found = re.match(r"rsync +version v?(\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in found.groups()) if found else ()


def _changelog(documents: Path) -> str:
    for name in _CHANGELOGS:
        with contextlib.suppress(OSError, EOFError), gzip.open(documents / name, "rt", errors="replace") as stream:
            return stream.read(_TRUNCATED)
    if shutil.which("rpm") is None:
        return ""
    command = ["rpm", "-q", "--changelog", "rsync"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, check=False)
    return done.stdout[:_TRUNCATED]


def remote_shell(words: Iterable[str]) -> str:
    """Return `words`, a command that reaches a machine, as text for rsync's --rsh.

    The text has rsync's own quoting.
    """
    return " ".join("'" + word.replace("'", "''") + "'" for word in words)


def without_remarks(said: str) -> str:
    """Return the other side's messages in `said` without rsync's final remark.

    The remark stays if it is the only message.
    """
    lines = said.splitlines()
    return "\n".join([line for line in lines if not _REMARK.match(line)] or lines)


def reason(said: str) -> str:
    """Return in one printable line why rsync failed, from its messages `said`."""
    return one_line(without_remarks(said), 200) or "no reason given"


def with_status(words: list[str], file: Path) -> list[str]:
    """Return `words` extended to write the exit status to `file`.

    rsync does not reliably pass on the status of its remote shell.

    When rsync has an error it sends its children a signal, which must not come before the status.
    """
    return ["sh", "-c", 'trap \'\' USR1; "$@"; status=$?; echo $status >"$0"; exit $status', str(file), *words]


def bounded(command: list[str], file_bytes: int, memory_bytes: int = 1 << 30) -> list[str]:
    """Return `command` with limits on the size of its files and its memory.

    `file_bytes` limits each file that it writes, `memory_bytes` each of its processes.
    """
    # macOS has no limit on memory. POSIX counts files in blocks of 512 bytes, and shells count memory in KiB.
    script = 'ulimit -c 0; ulimit -f "$1" || exit; ulimit -v "$2" 2>/dev/null; shift 2; exec "$@"'
    return ["sh", "-c", script, "sh", str(-(-file_bytes // 512)), str(memory_bytes // 1024), *command]


def run(command: list[str], folder: Path, deadline: float, watch: Callable[[], str] = lambda: "") -> Ran:
    """Run the rsync `command` in `folder` until it ends or exceeds a limit.

    The limits are time.monotonic() passing `deadline`, and `watch`.

    `watch` is called every LOOK_SECONDS or more and returns why rsync must be ended, else an empty text. When this
    function returns, no process of the command is left that could still write.
    """
    # Environment variables like RSYNC_RSH must not change our options, and messages must be in English to be parsed.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RSYNC_")}
    environment |= {"LC_ALL": "C.UTF-8"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        umask=0o077,
        start_new_session=True,
    ) as process:
        if process.stdout is None or process.stderr is None:
            raise RuntimeError("pipes were asked for")
        try:
            return _follow(process, process.stdout, process.stderr, deadline, watch)
        finally:
            _end(process)


def _follow(
    process: subprocess.Popen[bytes], stdout: IO[bytes], stderr: IO[bytes], deadline: float, watch: Callable[[], str]
) -> Ran:
    kept = {stdout: bytearray(), stderr: bytearray()}
    total, stopped, leave_at = 0, "", 0.0
    next_look = time.monotonic() + LOOK_SECONDS
    with selectors.DefaultSelector() as selector:
        for stream in kept:
            selector.register(stream, selectors.EVENT_READ)
        # Both pipes are closed when the last of the processes has ended.
        while selector.get_map():
            for key, _ in selector.select(LOOK_SECONDS):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                total += len(data)
                kept[key.fileobj] += data[: WORDS - len(kept[key.fileobj])]  # type: ignore[index]
            now = time.monotonic()
            if leave_at:
                if now > leave_at + GRACE_SECONDS:
                    break  # Even an ended process may hold the pipes while its file system does not answer.
                if now > leave_at:
                    _end(process)
                continue
            if now > deadline:
                stopped = LATE
            elif total > MOST_WORDS:
                stopped = "the machine says too much"
            elif now > next_look:
                stopped = watch()
                took = time.monotonic() - now
                next_look = now + max(LOOK_SECONDS, 10 * took)
            if stopped:
                leave_at = now
            elif os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                # ssh may still have to report how it ended, but a silent machine must not delay this for long.
                leave_at = now + GRACE_SECONDS
    _end(process)
    try:
        status = process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        status = -1
    printed, said = (bytes(kept[stream]).decode("utf-8", "replace") for stream in (stdout, stderr))
    return Ran(status, printed, said, stopped)


def _end(process: subprocess.Popen[bytes]) -> None:
    # The signal goes to the group: rsync receives in a second process, and ssh is a third. Once the process is waited
    # for, its number may be another's.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
