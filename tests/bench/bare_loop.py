"""Measure an administrator's loop with plain ssh and rsync.

This is what she would write without this repository: forty at a time, a new connection for each. It uses the pinned
keys, by the file of scripts/ssh_config, with OpenSSH's default key exchange and with curve25519.
"""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

from tests.bench.fleet import LOGS, NEW, RESTART, FleetBench

KEY_EXCHANGES = {"default": "", "curve25519": "-o KexAlgorithms=curve25519-sha256"}
_LOOPS = {NEW: "loop: password", RESTART: "loop: restart", LOGS: "loop: logs"}
_AT_ONCE = 40
_LIMIT = 900.0
_FILE = "/home/jupyter/.jupyter/jupyter_server_config.json"
_SESSIONS = "/home/jupyter/.iventure_logs"
_ANSWERS = "timeout 120 bash -c 'until (exec 3<>/dev/tcp/127.0.0.1/8888) 2>/dev/null; do sleep 0.2; done'"
_RESTART = f"sudo systemctl restart jupyter && {_ANSWERS}"


def row_name(command: str, key_exchange: str) -> str:
    """Return the name of the loop's row to compare the row `command` with."""
    return f"{_LOOPS[command]}, {key_exchange}"


def bench(fleet: FleetBench, folder: Path) -> None:
    """Measure the loops on one machine and on all.

    `folder` is for the files that they send and fetch.
    """
    fleet.workshop.succeed("scripts/ssh_config")
    config = shlex.quote(str(fleet.workshop.state / "ssh_config"))
    base = f"ssh -F {config} -o ControlMaster=no -o ControlPath=none"
    _prepare(fleet, folder, base)
    for key_exchange, options in KEY_EXCHANGES.items():
        for command, each in _loops(f"{base} {options}".strip(), folder).items():
            for machines, _ in fleet.chosen:
                users = fleet.users[:machines]
                run = partial(fleet.shell.run, parallel(users, each), _LIMIT)
                allow = partial(fleet.allow_restarts, users)
                fleet.recorder.measure(row_name(command, key_exchange), machines, run, allow)


def parallel(users: list[str], each: str) -> str:
    """Return the loop: `each` is a shell command in which $1 is the user."""
    return f"printf '%s\\n' {' '.join(users)} | xargs -P {_AT_ONCE} -I USER bash -c {shlex.quote(each)} bench USER"


def _prepare(fleet: FleetBench, folder: Path, ssh: str) -> None:
    """Prepare the files that the loops send.

    Each machine gets the file with the hash that it has, so that the phrases stay valid.
    """
    folder.mkdir()
    for user in fleet.users:
        (folder / user / "sessions").mkdir(parents=True)
    get = f"{ssh} -n $1 sudo sh -c {shlex.quote(shlex.quote(f'mkdir -p {_SESSIONS} && cat {_FILE}'))} >{folder}/$1/hash"
    fleet.workshop.succeed(parallel(fleet.users, get))


def _loops(ssh: str, folder: Path) -> dict[str, str]:
    send = shlex.quote(f"sudo tee {_FILE} >/dev/null && {_RESTART}")
    rsync = f"rsync -a --rsh={shlex.quote(ssh)} --rsync-path='sudo rsync' $1:{_SESSIONS}/ {folder}/$1/sessions/"
    journal = f"{ssh} -n $1 sudo journalctl --unit jupyter --output short-iso >{folder}/$1/journal"
    return {
        NEW: f"{ssh} $1 {send} <{folder}/$1/hash",
        RESTART: f"{ssh} -n $1 {shlex.quote(_RESTART)}",
        LOGS: f"{rsync} && {journal}",
    }
