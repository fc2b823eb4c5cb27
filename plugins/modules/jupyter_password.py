#!/usr/bin/python
"""Reads or sets the hash of a machine's Jupyter password, and has the service run with it. Runs there as root.

The action plugin of the same name is what tasks use; it keeps the password on the controller.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_password
short_description: Make the password in a file on the controller the one of a machine's Jupyter
description:
  - On the controller, reads the password and compares it with the hash that the machine has. Only when they differ a
    new hash is sent, and Jupyter restarted, which ends all sessions. The password never leaves the controller.
  - The hash is where C(jupyter server password) writes it, so a user can change her own password. Other settings in
    that file are kept. A file that is no JSON is replaced, and kept beside it with the ending C(.damaged).
  - In any case the service is then enabled, runs, and answers.
options:
  password_file:
    description: File on the controller whose first line is the password. Used by the action plugin.
    type: path
  minimum_length:
    description: Fewest characters of a password. Used by the action plugin.
    type: int
    default: 12
  owner:
    description: Account that Jupyter runs as.
    type: str
    default: jupyter
  service:
    description: Unit of Jupyter.
    type: str
    default: jupyter.service
  port:
    description: Port of the machine where Jupyter answers.
    type: int
    default: 8888
  timeout:
    description: Seconds within which Jupyter has to answer after it was started.
    type: int
    default: 120
  state:
    description:
      - Set by the action plugin, not in tasks. C(read) tells the hash and whether all is well with the service;
        C(present) writes O(hash) where it is another, and starts or restarts the service where that is needed.
    type: str
    choices: [read, present]
    default: present
  hash:
    description: Set by the action plugin, not in tasks. The hash to write.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
author:
  - probcomp-stack
"""

EXAMPLES = r"""
- name: Set the password
  jupyter_password:
    password_file: jupyter-passwords/alice.passwd
"""

RETURN = r"""
msg:
  description: What was done.
  returned: changed
  type: str
"""

import contextlib
import json
import os
import pwd
import stat
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.probcomp_machine import NOTES, MachineError, find_account, run_as
from ansible.module_utils.probcomp_whole_file import write_whole

CONFIG = Path(".jupyter/jupyter_server_config.json")
_LARGEST_CONFIG = 1 << 20
_HOME_SECONDS = 30
"""Seconds that reading or writing one file may take; a home can hang."""
_SYSTEMCTL_SECONDS = 90
_OTHER_HASHES = (("PasswordIdentityProvider", "hashed_password"), ("ServerApp", "password"))
"""Settings that would win over the one we write."""
PENDING = NOTES / "jupyter_restart_pending"
"""Root's note that a hash was written and Jupyter has not answered with it yet."""


def read_config(path: Path) -> dict[str, Any] | None:
    """Return Jupyter's settings in the file `path`: empty without one, None when no JSON object can be read there.

    Runs as the user.
    """
    try:
        # Without O_NONBLOCK a pipe of that name would hold us for ever.
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
    except ValueError:
        return None
    return config if isinstance(config, dict) else None


def hash_in(config: dict[str, Any] | None) -> str:
    """Return the hash that Jupyter takes from `config`; empty when there is none, or another setting would win."""
    config = config or {}
    if any(isinstance(config.get(section), dict) and name in config[section] for section, name in _OTHER_HASHES):
        return ""
    provider = config.get("IdentityProvider")
    found = provider.get("hashed_password") if isinstance(provider, dict) else None
    return found if isinstance(found, str) else ""


def with_hash(config: dict[str, Any] | None, new_hash: str) -> dict[str, Any]:
    """Return `config` with `new_hash` as the one that counts."""
    result = dict(config or {})
    for section, name in _OTHER_HASHES:
        if isinstance(result.get(section), dict):
            result[section] = {key: value for key, value in result[section].items() if key != name}
    provider = result.get("IdentityProvider")
    result["IdentityProvider"] = {**(provider if isinstance(provider, dict) else {}), "hashed_password": new_hash}
    return result


def write_hash(path: Path, new_hash: str) -> None:
    """Write `new_hash` into the file `path`, whole or not at all, readable by its owner alone. Runs as the user."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    config = read_config(path)
    if config is None and not path.is_dir():
        path.replace(path.with_name(f"{path.name}.damaged"))
    write_whole(path, json.dumps(with_hash(config, new_hash), indent=2).encode(), 0o600)


def is_private(path: Path) -> bool:
    """Tell whether none but its owner can read the file `path`. Runs as the user."""
    try:
        return not path.stat().st_mode & 0o077
    except FileNotFoundError:
        return True


class Service:
    """The unit of Jupyter."""

    def __init__(self, name: str, port: int, timeout: int) -> None:
        self._name, self._timeout = name, timeout
        self._url = f"http://127.0.0.1:{port}/api"

    def is_well(self) -> bool:
        """Tell whether it runs and will run after a reboot. Raises MachineError when there is no such unit."""
        state = self._state()
        wanted = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
        return all(state[name] == value for name, value in wanted.items())

    def _state(self) -> dict[str, str]:
        names = "LoadState,ActiveState,SubState,Result,UnitFileState,NeedDaemonReload"
        text = self._systemctl("show", f"--property={names}", self._name)
        state = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        if state.get("LoadState") != "loaded":
            raise MachineError(f"there is no {self._name} on the machine: the role jupyter makes it")
        return state

    def start(self, anew: bool) -> None:
        """Enable it, start it (`anew`: also when it runs) and wait until it answers. Raises MachineError."""
        if self._state()["NeedDaemonReload"] == "yes":
            self._systemctl("daemon-reload")
            anew = True
        self._systemctl("enable", "--quiet", self._name)
        # Starts that failed before count against the unit's limit. Refused for a unit that never ran.
        with contextlib.suppress(MachineError):
            self._systemctl("reset-failed", self._name)
        self._systemctl("restart" if anew else "start", self._name)
        deadline = time.monotonic() + self._timeout
        while not self._answers():
            state = self._state()
            what = f"{state['ActiveState']} ({state['SubState']}, {state['Result']})"
            if time.monotonic() > deadline:
                raise MachineError(
                    f"Jupyter did not answer within {self._timeout} s, {self._name} is {what}: "
                    f"journalctl -u {self._name} on the machine says why"
                )
            if state["ActiveState"] in ("inactive", "failed"):
                raise MachineError(f"{self._name} is {what}: journalctl -u {self._name} on the machine says why")
            time.sleep(0.3)

    def _answers(self) -> bool:
        # Straight to the machine itself, whatever proxy its environment names.
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
    """Return the machine's hash, and whether nothing but a comparison of it is left to do."""
    path = Path(account.pw_dir) / CONFIG
    found = run_as(account, lambda: [hash_in(read_config(path)), is_private(path)], _HOME_SECONDS, f"reading {path}")
    return {"hash": found[0], "is_well": bool(found[1]) and not PENDING.exists() and service.is_well()}


def set_hash(account: pwd.struct_passwd, service: Service, new_hash: str) -> dict[str, Any]:
    """Write the hash and have Jupyter answer with it. Raises MachineError."""
    path = Path(account.pw_dir) / CONFIG
    found = look(account, service)
    is_new = found["hash"] != new_hash
    if is_new or not run_as(account, lambda: is_private(path), _HOME_SECONDS, f"reading {path}"):
        PENDING.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        PENDING.touch()
        run_as(account, lambda: write_hash(path, new_hash), _HOME_SECONDS, f"writing {path}")
    service.start(anew=PENDING.exists())
    PENDING.unlink(missing_ok=True)
    return {"changed": True, "msg": "the password was set" if is_new else "Jupyter was started"}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "password_file": {"type": "path", "no_log": False},
            "minimum_length": {"type": "int", "default": 12, "no_log": False},
            "owner": {"type": "str", "default": "jupyter"},
            "service": {"type": "str", "default": "jupyter.service"},
            "port": {"type": "int", "default": 8888},
            "timeout": {"type": "int", "default": 120},
            "state": {"type": "str", "choices": ["read", "present"], "default": "present"},
            "hash": {"type": "str", "default": "", "no_log": True},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    account = find_account(wanted["owner"])
    service = Service(wanted["service"], wanted["port"], wanted["timeout"])
    try:
        if account is None:
            if module.check_mode:
                module.exit_json(changed=False, hash="", is_well=False)
            raise MachineError(f"there is no account {wanted['owner']} on the machine: the role jupyter makes it")
        if wanted["state"] == "read":
            with contextlib.suppress(*([MachineError] if module.check_mode else [])):
                module.exit_json(changed=False, **look(account, service))
            module.exit_json(changed=False, hash="", is_well=False)
        if not wanted["hash"]:
            raise MachineError("the module jupyter_password was called without its action plugin")
        result = set_hash(account, service, wanted["hash"])
    except (MachineError, OSError, subprocess.SubprocessError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
