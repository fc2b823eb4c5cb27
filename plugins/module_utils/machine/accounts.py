"""Run work as the user's account on a machine and keep root's records.

A home belongs to its user, who may plant a link where root would write. Work in a home therefore runs as its account,
in a child process that has given up root. Runs on the machine. Python 3.10 and its standard library only.
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
"""Root's folder of records about installed versions and their sources.

Later runs read from its files which steps remain.
"""

_LARGEST_ANSWER = 64 * 1024 * 1024
"""Maximum bytes in a child's answer."""


class MachineError(RuntimeError):
    """Error on a machine; str() is one line for the administrator."""


def find_account(name: str) -> pwd.struct_passwd | None:
    """Return the account `name`, or None when it does not exist."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def environment_of(account: pwd.struct_passwd) -> dict[str, str]:
    """Return the environment that a login would set, without root's own variables."""
    return {
        "HOME": account.pw_dir,
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "SHELL": account.pw_shell or "/bin/sh",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
    }


def process_as(account: pwd.struct_passwd) -> dict[str, Any]:
    """Return the `subprocess` options for a program that runs as `account`.

    The program has no input, and its output and error output are one stream.
    """
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
    """Return the result of `work`, run as `account` in a child process.

    The result must be serialisable as JSON. `what` names the work in errors. Raises MachineError from the work, or when
    it takes longer than `seconds`.
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
    except BaseException as error:  # After any error this process must end here and not continue as a second module.
        result = {"error": f"{what} failed: {type(error).__name__}: {error}"}
    try:
        with os.fdopen(answer_to, "wb") as stream:
            stream.write(json.dumps(result).encode())
    finally:
        os._exit(0)


def _read_all(stream: int, deadline: float) -> bytes | None:
    """Return all data until the other side closes, or None after `deadline`.

    `deadline` is on time.monotonic.
    """
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
    """Return the record in the file `path`, empty when it is missing or invalid."""
    try:
        note = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(path: Path, note: dict[str, Any]) -> None:
    """Write `note` to the file `path` atomically, also in case of a power failure."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_whole(path, json.dumps(note, indent=1).encode())


@contextlib.contextmanager
def one_at_a_time(path: Path, seconds: float, what: str) -> Iterator[None]:
    """Hold the lock file `path`.

    Work continues on the machine after the administrator's connection is lost, and a second run must not disturb it.

    Raises MachineError when another process holds it for longer than `seconds`.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with path.open("w") as lock:
        if not locked_within(lock, seconds):
            raise MachineError(f"{what} of an earlier run still goes on after {seconds:g} s")
        yield


def last_words(text: str, lines: int = 5, limit: int = 400) -> str:
    """Return the last lines of a program's output as one printable line.

    The line has at most `limit` characters. A cut text begins with "...".
    """
    without_commands = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)
    kept = [" ".join(line.split()) for line in without_commands.splitlines() if line.strip()][-lines:]
    joined = "".join(c if c.isprintable() else "?" for c in " / ".join(kept))
    return joined if len(joined) <= limit else "..." + joined[-limit:]
