"""The rsync command that receives a folder of a machine's logs, and what it may do there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ..ssh.client import Machine, ssh_words
from ..ssh.rsync import bounded, remote_shell, with_status
from .folder import DEEPEST, Bounds

NOT_THERE, NO_SUDO, NO_PROGRAM = 44, 45, 46
"""Exit statuses by which our command on the machine says so."""
SILENCE_SECONDS = 60
"""Seconds without a byte after which rsync ends."""


@dataclass(frozen=True)
class Source:
    """A folder on the machines. What is in it goes to `name`/ in the user's folder here.

    It is read as `account`: a home belongs to its user, who may plant a link to a file of root's. With `program`, that
    is called in rsync's place, as root.
    """

    name: str
    folder: str
    account: str = "root"
    program: str = ""


@dataclass(frozen=True)
class Settings:
    """Where logs go, with which key, within which bounds, and how long one machine may take (seconds)."""

    directory: Path
    private_key_file: str
    rsync: str
    bounds: Bounds
    seconds: float
    dry: bool = False


def rsync_command(
    machine: Machine, source: Source, settings: Settings, incoming: Path, here: Path, status: Path
) -> list[str]:
    """Return the command that receives `source` into the folder `files` of `incoming`, the working directory.

    `here` has what was fetched before: what is the same is not sent, and of what has grown only the end.
    The exit status of ssh goes to the file `status`.
    """
    options = [
        "--recursive",
        "--times",
        "--omit-dir-times",
        "--prune-empty-dirs",
        # Nothing but plain files and folders, of ours, and readable by us alone.
        "--no-links",
        "--no-hard-links",
        "--no-devices",
        "--no-specials",
        "--no-owner",
        "--no-group",
        "--no-perms",
        "--chmod=D700,F600",
        # The whole list first, so that the checks of names see all of it; nothing is deleted here, ever.
        "--no-inc-recursive",
        "--exclude=" + "/*" * (DEEPEST + 1),
        f"--max-size={settings.bounds.file_bytes}",
        f"--timeout={SILENCE_SECONDS}",
        f"--temp-dir={incoming / 'parts'}",
        "--info=nonreg1,skip1",
        "--no-motd",
    ]
    if here.is_dir():
        options.append(f"--compare-dest={here}")
    shell = remote_shell(with_status(ssh_words(machine, settings.private_key_file), status))
    words = [
        settings.rsync,
        *options,
        f"--rsh={shell}",
        f"--rsync-path={_remote_program(source, settings.dry)}",
        "--",
        f"{machine.address}:{source.folder}/",
        "files/",
    ]
    return bounded(words, settings.bounds.file_bytes)


def _remote_program(source: Source, dry: bool) -> str:
    """Return shell text that stands for `rsync` on the machine; it ends with the words of a command."""
    # In check mode nothing is written there either.
    folder = shlex.quote(source.folder)
    sudo = "sudo -n" if source.account == "root" else f"sudo -n -u {shlex.quote(source.account)}"
    # From a folder that every account may enter. A sudo that fails must not look like a folder that is not there.
    checks = f"cd /; sudo -n true && {sudo} true || exit {NO_SUDO}; "
    if source.program and not dry:
        program = shlex.quote(source.program)
        return f"{checks}sudo -n test -x {program} || exit {NO_PROGRAM}; sudo -n {program}"
    return f"{checks}{sudo} test -d {folder} || exit {NOT_THERE}; {sudo} rsync"
