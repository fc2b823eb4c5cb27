"""What our modules need on a machine: work done as the user's account, and root's own notes about it.

A home belongs to its user, who may plant a link where root would write. So whatever is done in a home is done as its
account, in a child process that has given up root. Imported by modules; Python 3.10 and its standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from ..common.files import locked_within, write_whole

NOTES = Path("/var/lib/probcomp")
"""Root's folder of notes: what was installed, and from what. Its files tell later runs what is left to do."""

_LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes that a child may hand back."""


class MachineError(RuntimeError):
    """Something that cannot be done; str() is one line for the administrator."""


def find_account(name: str) -> pwd.struct_passwd | None:
    """Return the account `name`, or None when there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def environment_of(account: pwd.struct_passwd) -> dict[str, str]:
    """Return what a login would set, and nothing of root's own environment."""
    return {
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": account.pw_shell or "/bin/sh",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
    }


def process_as(account: pwd.struct_passwd) -> dict[str, Any]:
    """Return the settings of `subprocess` for a program that runs as `account`, without input, all output together."""
    return {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "user": account.pw_uid,
        "group": account.pw_gid,
        "extra_groups": os.getgrouplist(account.pw_name, account.pw_gid),
        "umask": 0o022,
    }


def run_as(account: pwd.struct_passwd, work: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return what `work` returns when it runs as `account` in a child process. The answer must be fit for JSON.

    `what` names the work in errors. Raises MachineError: that of the work, or when it takes longer than `seconds`.
    """
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        _work_and_exit(account, work, what, writable)
    os.close(writable)
    try:
        answer = _read_all(readable, time.monotonic() + seconds)
    finally:
        os.close(readable)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if answer is None:
        raise MachineError(f"{what} took longer than {seconds:g} s and was ended")
    try:
        result = json.loads(answer)
    except ValueError:
        raise MachineError(f"{what} ended without an answer") from None
    if "error" in result:
        raise MachineError(result["error"])
    return result["value"]


def _work_and_exit(account: pwd.struct_passwd, work: Callable[[], Any], what: str, answer_to: int) -> NoReturn:
    try:
        if os.geteuid() != account.pw_uid:
            os.initgroups(account.pw_name, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        os.umask(0o022)
        os.chdir("/")
        result: dict[str, Any] = {"value": work()}
    except MachineError as error:
        result = {"error": str(error)}
    except OSError as error:
        where = f": {error.filename}" if error.filename and str(error.filename) not in what else ""
        result = {"error": f"{what} failed: {error.strerror or error}{where}"}
    except BaseException as error:  # Whatever it was, this process must end here and not go on as a second module.
        result = {"error": f"{what} failed: {type(error).__name__}: {error}"}
    try:
        with os.fdopen(answer_to, "wb") as stream:
            stream.write(json.dumps(result).encode())
    finally:
        os._exit(0)


def _read_all(stream: int, deadline: float) -> bytes | None:
    """Return what comes until the other side closes, None when that lasts past `deadline` (of time.monotonic)."""
    answer = b""
    while len(answer) < _LARGEST_ANSWER:
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(stream, 1 << 20)
        if not part:
            return answer
        answer += part
    return b""


def read_note(path: Path) -> dict[str, Any]:
    """Return the note in the file `path`; empty when there is none or it cannot be understood."""
    try:
        note = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(path: Path, note: dict[str, Any]) -> None:
    """Write `note` to the file `path`, whole or not at all, also when the machine loses power."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_whole(path, json.dumps(note, indent=1).encode())


@contextlib.contextmanager
def one_at_a_time(path: Path, seconds: float, what: str) -> Iterator[None]:
    """Hold the lock file `path`: work whose administrator was cut off goes on, and a rerun must not disturb it.

    Raises MachineError when another holds it for longer than `seconds`.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with path.open("w") as lock:
        if not locked_within(lock, seconds):
            raise MachineError(f"{what} of an earlier run still goes on after {seconds:g} s")
        yield


def last_words(text: str, lines: int = 5, limit: int = 400) -> str:
    """Return the last lines of a program's output as one printable line of at most `limit` characters."""
    without_commands = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)
    kept = [" ".join(line.split()) for line in without_commands.splitlines() if line.strip()][-lines:]
    joined = "".join(c if c.isprintable() else "?" for c in " / ".join(kept))
    return joined if len(joined) <= limit else "..." + joined[-limit:]
