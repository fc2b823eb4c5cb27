"""Manage the Jupyter service of a machine and read its password hash.

Runs on the machine. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import stat
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from .accounts import NOTES, MachineError, run_as

CONFIG = Path(".jupyter/jupyter_server_config.json")
"""Path of the file with Jupyter's password hash, below its account's home."""
HOME_SECONDS = 30
"""Seconds allowed for reading or writing one file, because a home can hang."""
OTHER_HASHES = (("PasswordIdentityProvider", "hashed_password"), ("ServerApp", "password"))
"""Settings that take precedence over the one we write."""
PENDING = NOTES / "jupyter_restart_pending"
"""Root's record of a new hash with which Jupyter has not answered yet."""
_LARGEST_CONFIG = 1 << 20
_SYSTEMCTL_SECONDS = 90
_JOURNAL_SECONDS = 10
_LONGEST_LINE = 300


def read_config(path: Path) -> dict[str, Any] | None:
    """Return Jupyter's settings in the file `path`.

    The settings are empty without a file, and None when the file holds no readable JSON object. Runs as the user.
    """
    try:
        # Without O_NONBLOCK a pipe of that name would block for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return {}
    except PermissionError:
        return None
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            return None
        text = stream.read(_LARGEST_CONFIG + 1)
    if len(text) > _LARGEST_CONFIG:
        return None
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return config if isinstance(config, dict) else None


def hash_in(config: dict[str, Any] | None) -> str:
    """Return the hash that Jupyter takes from `config`.

    The hash is empty when there is none or when another setting takes precedence.
    """
    config = config or {}
    if any(isinstance(config.get(section), dict) and name in config[section] for section, name in OTHER_HASHES):
        return ""
    provider = config.get("IdentityProvider")
    found = provider.get("hashed_password") if isinstance(provider, dict) else None
    return found if isinstance(found, str) else ""


def is_private(path: Path) -> bool:
    """Return whether only its owner can read the file `path`.

    Runs as the user.
    """
    try:
        return not path.stat().st_mode & 0o077
    except FileNotFoundError:
        return True


class Service:
    """Systemd unit of Jupyter."""

    def __init__(self, name: str, port: int, timeout: int) -> None:
        self._name, self._timeout = name, timeout
        self._url = f"http://127.0.0.1:{port}/api"

    def is_well(self) -> bool:
        """Return whether the unit runs and will run after a reboot.

        Raises MachineError when there is no such unit.
        """
        state = self._state()
        wanted = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
        return all(state[name] == value for name, value in wanted.items())

    def _state(self) -> dict[str, str]:
        names = "LoadState,ActiveState,SubState,Result,UnitFileState,NeedDaemonReload,ConditionResult"
        text = self._systemctl("show", f"--property={names}", self._name)
        state = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if state.get("LoadState") != "loaded":
            raise MachineError(f"there is no {self._name} on the machine: the role jupyter makes it")
        return state

    def start(self, anew: bool) -> None:
        """Enable and start the unit and wait until it answers.

        With `anew` a running unit is restarted. Raises MachineError.
        """
        if self._state()["NeedDaemonReload"] == "yes":
            self._systemctl("daemon-reload")
            anew = True
        self._systemctl("enable", "--quiet", self._name)
        # Earlier failed starts count against the unit's limit. systemd refuses the reset for a unit that never ran.
        with contextlib.suppress(MachineError):
            self._systemctl("reset-failed", self._name)
        self._systemctl("restart" if anew else "start", self._name)
        deadline = time.monotonic() + self._timeout
        while not self._answers():
            state = self._state()
            what = f"{state['ActiveState']} ({state['SubState']}, {state['Result']})"
            if time.monotonic() > deadline:
                raise MachineError(
                    f"Jupyter did not answer within {self._timeout} s, {self._name} is {what}: {self._why()}"
                )
            if (state["ActiveState"], state.get("ConditionResult")) == ("inactive", "no"):
                raise MachineError(
                    f"no pass phrase is set, the condition of {self._name}: set_password.yml sets it and starts Jupyter"
                )
            if state["ActiveState"] in ("inactive", "failed"):
                raise MachineError(f"{self._name} is {what}: {self._why()}")
            time.sleep(0.3)

    def _why(self) -> str:
        """Return the last line of the unit's own processes, and where there is more."""
        more = f"journalctl -u {self._name} on the machine says why"
        # Of systemd's own lines the last one is always that the unit failed.
        own = ["-q", "--no-pager", "--output=cat", "--lines=1", f"_SYSTEMD_UNIT={self._name}"]
        try:
            done = subprocess.run(["journalctl", *own], capture_output=True, timeout=_JOURNAL_SECONDS, check=False)
        except (OSError, subprocess.SubprocessError):
            return more
        last = done.stdout.decode(errors="replace").strip()[-_LONGEST_LINE:]
        return f"{last}; {more}" if last else more

    def _answers(self) -> bool:
        # The request goes directly to the machine itself, whatever proxy its environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self._url, timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def _systemctl(self, *arguments: str) -> str:
        command = ["systemctl", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SYSTEMCTL_SECONDS, check=False)
        if done.returncode != 0:
            raise MachineError(f"systemctl {' '.join(arguments)}: {done.stderr.strip() or done.returncode}")
        return done.stdout


def look(account: pwd.struct_passwd, service: Service) -> dict[str, Any]:
    """Return the machine's hash, and whether only its comparison remains to be done."""
    path = Path(account.pw_dir) / CONFIG
    found = run_as(account, lambda: [hash_in(read_config(path)), is_private(path)], HOME_SECONDS, f"reading {path}")
    return {"hash": found[0], "is_well": bool(found[1]) and not PENDING.exists() and service.is_well()}
