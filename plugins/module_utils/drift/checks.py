"""Compare a machine with the state that a role leaves on it.

Each check returns its differences, one short line for each. Runs on the machine as root and changes nothing. Python
3.10 and its standard library only.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..content.archive import bare_checksum
from ..content.wanted import Wish, would_change
from ..machine.accounts import NOTES, MachineError, find_account, last_words, read_note, run_as
from ..machine.python_record import is_current, wanted_note

_PROGRAM_SECONDS = 60
_HOME_SECONDS = 30
_LARGEST_FILE = 1 << 20
"""Maximum size in bytes of a compared file.

The roles' own files are far smaller.
"""

Check = Callable[[Any], list[str]]


def packages(wanted: list[str]) -> list[str]:
    """Compare the required packages with those that dpkg reports as installed."""
    known = _run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted], _PROGRAM_SECONDS)
    lines = known.stdout.decode(errors="replace").splitlines()
    return [f"package {name}: not installed" for name in wanted if f"{name} installed" not in lines]


def files(wanted: list[Mapping[str, Any]]) -> list[str]:
    """Compare root's own files.

    The keys are `path`, and optionally `sha256`, `mode` (octal digits) and `line`.
    """
    return [f"{item['path']}: {difference}" for item in wanted if (difference := _file_difference(item))]


def _file_difference(wanted: Mapping[str, Any]) -> str:
    try:
        # Without O_NONBLOCK a pipe of that name would block for ever.
        descriptor = os.open(wanted["path"], os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return "missing"
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        return "no regular file"
    with os.fdopen(descriptor, "rb") as stream:
        content = stream.read(_LARGEST_FILE)
    if "sha256" in wanted and hashlib.sha256(content).hexdigest() != wanted["sha256"]:
        return "other content"
    if "line" in wanted and wanted["line"].encode() not in content.splitlines():
        return "the line is missing"
    if "mode" in wanted and (stat.S_IMODE(found.st_mode), found.st_uid) != (int(wanted["mode"], 8), 0):
        return "other mode or owner"
    return ""


def account(wanted: Mapping[str, Any]) -> list[str]:
    """Compare an account's home, shell and comment."""
    found = find_account(wanted["name"])
    if found is None:
        return [f"account {wanted['name']}: missing"]
    have = {"home": found.pw_dir, "shell": found.pw_shell, "comment": found.pw_gecos}
    return [f"account {wanted['name']}: other {name}" for name, value in have.items() if wanted[name] != value]


def hostname(wanted: str) -> list[str]:
    """Compare the machine's current host name and its host name after the next boot."""
    kept = Path("/etc/hostname").read_text(encoding="utf-8", errors="replace").strip()
    return [] if socket.gethostname() == kept == wanted else ["other host name"]


def record(wanted: Mapping[str, Any]) -> list[str]:
    """Compare files with the checksums that the role recorded at its last success.

    The `settings` must be the recorded ones too. The file `path` is as sha256sum writes it, after a line with a hash
    sign and the settings.
    """
    path = Path(wanted["path"])
    if not path.exists():
        return [f"{path}: missing"]
    with path.open(encoding="utf-8", errors="replace") as stream:
        if stream.readline().strip() != f"# {wanted['settings']}":
            return ["other settings"]
    done = _run(["sha256sum", "--check", "--quiet", "--strict", str(path)], _PROGRAM_SECONDS)
    return [] if done.returncode == 0 else [last_words(done.stdout.decode(errors="replace")) or f"{path}: damaged"]


def python_environment(wanted: Mapping[str, Any]) -> list[str]:
    """Compare the list of Python packages installed in an environment."""
    note = wanted_note(wanted["requirements"], wanted["python"], wanted["system_site_packages"])
    return [] if is_current(wanted["path"], note) else [f"{wanted['path']}: other list of packages"]


def content(wanted: Mapping[str, Any]) -> list[str]:
    """Compare the content of a home with the archive, over the network."""
    options = dict(wanted)
    owner = _account(options.pop("owner"))
    options["checksum"] = bare_checksum(options["checksum"])
    is_other = would_change(Path(owner.pw_dir), Wish(**options), owner, NOTES / "content.json")
    return ["the content differs from the archive"] if is_other else []


def installer(wanted: Mapping[str, Any]) -> list[str]:
    """Return a difference if the content's installer must run.

    It runs once per version, or when `force`d.
    """
    version = read_note(NOTES / "content.json").get("version")
    if not version or (read_note(NOTES / "content_install.json").get("version") == version and not wanted["force"]):
        return []
    owner = _account(wanted["owner"])
    script = Path(owner.pw_dir) / wanted["script"]
    is_there = run_as(owner, script.is_file, _HOME_SECONDS, f"looking at {script}")
    return [f"{wanted['script']} has not run for this content"] if is_there else []


CHECKS: dict[str, Check] = {
    "packages": packages,
    "files": files,
    "account": account,
    "hostname": hostname,
    "record": record,
    "python_environment": python_environment,
    "content": content,
    "installer": installer,
}
"""Check functions by the name of the expected item."""


def differences(expected: Mapping[str, Any]) -> list[str]:
    """Return the differences from `expected`, which has values for some of CHECKS.

    A check that fails counts as a difference: the role itself then fails with its own message.
    """
    found = []
    for kind, value in expected.items():
        try:
            found += CHECKS[kind](value)
        except (MachineError, OSError, subprocess.SubprocessError) as error:
            found.append(str(error))
    return found


def _account(name: str) -> pwd.struct_passwd:
    found = find_account(name)
    if found is None:
        raise MachineError(f"account {name}: missing")
    return found


def _run(command: list[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
    """Return the exit status and output of a program.

    Raises subprocess.TimeoutExpired.
    """
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=seconds,
        check=False,
    )
