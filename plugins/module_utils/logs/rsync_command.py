"""Build the rsync command that receives a folder of a machine's logs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ..ssh.client import Machine, ssh_words
from ..ssh.rsync import FILES_ALONE, bounded, remote_shell, with_status
from .folder import DEEPEST, Bounds

NOT_THERE, NO_SUDO, NO_PROGRAM = 44, 45, 46
"""Exit statuses of the command on the machine for these failures."""
SILENCE_SECONDS = 60
"""Seconds without data after which rsync ends."""


@dataclass(frozen=True)
class Source:
    """Folder on the machines, copied to `name`/ in the user's folder here.

    The folder is read as `account`: a home belongs to its user, who may plant a link to a file of root's. A `program`
    is called in rsync's place, as root.
    """

    name: str
    folder: str
    account: str = "root"
    program: str = ""


@dataclass(frozen=True)
class Settings:
    """Settings: target folder, ssh key, limits, and seconds for one machine."""

    directory: Path
    private_key_file: str
    rsync: str
    bounds: Bounds
    seconds: float
    dry: bool = False


def rsync_command(
    machine: Machine, source: Source, settings: Settings, incoming: Path, here: Path, status: Path
) -> list[str]:
    """Return the command that receives `source` into `files` of `incoming`.

    `incoming` is the working directory. `here` has the files of earlier runs: equal files are not sent, and of grown
    files only the end is sent. The exit status of ssh goes to the file `status`.
    """
    options = [
        *FILES_ALONE,
        "--omit-dir-times",
        "--prune-empty-dirs",
        # They belong to us and only we can read them. Nothing is ever deleted here.
        "--chmod=D700,F600",
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
    """Return shell text that replaces `rsync` on the machine.

    The text ends with the arguments of a command.
    """
    # Check mode writes nothing on the machine either.
    folder = shlex.quote(source.folder)
    sudo = "sudo -n" if source.account == "root" else f"sudo -n -u {shlex.quote(source.account)}"
    # Every account may enter the folder /. A failed sudo must not look like a missing folder.
    checks = f"cd /; sudo -n true && {sudo} true || exit {NO_SUDO}; "
    if source.program and not dry:
        program = shlex.quote(source.program)
        return f"{checks}sudo -n test -x {program} || exit {NO_PROGRAM}; sudo -n {program}"
    return f"{checks}{sudo} test -d {folder} || exit {NOT_THERE}; {sudo} rsync"
