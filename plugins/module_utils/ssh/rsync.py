"""The rsync of this computer: whether it may meet a hostile machine, and running it within bounds.

Used on the controller by fetch_logs and share_logs. rsync is written in C and reads what a machine sends, so it must be
one whose known holes are closed; it runs without the administrator's settings of it, and is ended at a limit.
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
"""First version with the fixes of August 2026. Before them a sender can write beyond the receiver's memory
(CVE-2026-70458); before 3.4 it can read files of the receiver's (CVE-2024-12086). Source: rsync's NEWS."""

WORDS = 1 << 16
"""Bytes of its output, and as many of its error stream, that are kept."""
MOST_WORDS = 1 << 24
"""Bytes of both after which it is ended: nothing useful is said at such length."""
LOOK_SECONDS = 0.3
"""Seconds between two looks at what it has written."""

GRACE_SECONDS = 5
"""Seconds that ssh may live on when rsync has ended, and that processes may take to die."""
LATE = "it did not end in time"
"""Why rsync was ended when it was only slow."""

_REMARK = re.compile(r"rsync: connection unexpectedly closed|rsync error: ")
_AUDIT = re.compile(r"CVE-2026-(?:537[89]\d|538\d\d|704[56]\d)")
_CHANGELOGS = ("changelog.Debian.gz", "changelog.Debian.amd64.gz", "changelog.gz")
_TRUNCATED = 1 << 20


class NoRsync(Exception):
    """There is no rsync that may be used; str() is one line for the administrator."""


@dataclass(frozen=True)
class Ran:
    """How rsync ended: its exit `status`, the first of what it printed and said, and why we ended it, if we did."""

    status: int
    printed: str
    said: str
    stopped: str = ""


def require_rsync(
    for_hostile: bool, documents: Path = Path("/usr/share/doc/rsync"), packaged: Path = Path("/usr/bin/rsync")
) -> str:
    """Return the path of rsync. Raises NoRsync if there is none, or it may not meet a hostile machine and must.

    Distributions close holes without changing the version, so an old version whose package's changelog in `documents`
    (or rpm's) names the fixes will do.
    """
    path = shutil.which("rsync")
    if path is None:
        raise NoRsync("rsync is missing on this computer: install the package rsync")
    if not for_hostile:
        return path
    version = _version(path)
    # A changelog speaks for the distribution's own program, and for no other that comes first on the path.
    if version >= SAFE or (Path(path).resolve() == packaged and _AUDIT.search(_changelog(documents))):
        return path
    shown = ".".join(map(str, version)) or "of an unknown version"
    raise NoRsync(
        f"rsync on this computer ({shown}) has known holes by which a machine could take it over: upgrade the package "
        f"rsync, to {'.'.join(map(str, SAFE))} or to one whose changelog names CVE-2026-70458"
    )


def _version(path: str) -> tuple[int, ...]:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    # macOS's own answers "openrsync: protocol version 29, rsync version 2.6.9 compatible".
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
    """Return `words`, a command that reaches a machine, as the text of rsync's option --rsh, with its own quotes."""
    return " ".join("'" + word.replace("'", "''") + "'" for word in words)


def without_remarks(said: str) -> str:
    """Return what the other side `said`, without rsync's own remark that it ended, unless that is all."""
    lines = said.splitlines()
    return "\n".join([line for line in lines if not _REMARK.match(line)] or lines)


def reason(said: str) -> str:
    """Return in one printable line why rsync failed, of what was `said`."""
    return one_line(without_remarks(said), 200) or "no reason given"


def with_status(words: list[str], file: Path) -> list[str]:
    """Return `words` so that the exit status is written to `file`: rsync passes on that of its remote shell by chance.

    When rsync has an error it sends its children a signal, which must not come before the status.
    """
    return ["sh", "-c", 'trap \'\' USR1; "$@"; status=$?; echo $status >"$0"; exit $status', str(file), *words]


def bounded(command: list[str], file_bytes: int, memory_bytes: int = 1 << 30) -> list[str]:
    """Return `command` so that no file that it writes, and none of its processes, may grow beyond these sizes."""
    # macOS knows no bound on memory. POSIX counts files in blocks of 512 bytes, and shells memory in KiB.
    script = 'ulimit -c 0; ulimit -f "$1" || exit; ulimit -v "$2" 2>/dev/null; shift 2; exec "$@"'
    return ["sh", "-c", script, "sh", str(-(-file_bytes // 512)), str(memory_bytes // 1024), *command]


def run(command: list[str], folder: Path, deadline: float, watch: Callable[[], str] = lambda: "") -> Ran:
    """Run `command`, an rsync, in `folder` until it ends, time.monotonic() passes `deadline`, or `watch` objects.

    `watch` is called every LOOK_SECONDS or more and returns why rsync must be ended, else an empty text. When this
    returns, no process of it is left that could still write.
    """
    # Its settings by environment, like RSYNC_RSH, are not ours; messages are read, so they must be in English.
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
        # Until both are closed, which is when the last of its processes has ended.
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
                    break  # Even an ended process may hold the pipes, while its file system does not answer.
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
                # ssh may have to say how it ended, but a machine that is silent shall not keep it.
                leave_at = now + GRACE_SECONDS
    _end(process)
    try:
        status = process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        status = -1
    printed, said = (bytes(kept[stream]).decode("utf-8", "replace") for stream in (stdout, stderr))
    return Ran(status, printed, said, stopped)


def _end(process: subprocess.Popen[bytes]) -> None:
    # The group: rsync receives in a second process, and ssh is a third. Once it is waited for, its number may be
    # another's.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
