#!/usr/bin/python
"""Read or set the hash of a machine's Jupyter password and restart the service.

Runs on the machine as root.

Tasks use the action plugin of the same name, which keeps the password on the controller.
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
  - Names what an intruder may have left, which runs or lets somebody in whatever the password is. It may also be the
    user's own, and nothing of it is deleted. What content and its installer put there is not named, while it is that.
options:
  password_file:
    description: File on the controller whose first line is the password. Used by the action plugin.
    type: path
  password_directory:
    description:
      - Our own folder of password files. Where others can read it, it gets mode 0700; other folders are named.
      - Used by the action plugin.
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
  environment:
    description: Virtual environment of Jupyter, which is searched with the home for what an intruder may have left.
    type: path
    default: /opt/jupyter
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
  diff_mode:
    description: Shows that the password changes, and nothing of it or of its hash.
    support: full
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
left_behind:
  description:
    - Paths of what an intruder, or the user herself, may have left. C(probcomp_left_behind) shows them.
    - Before them come lines about what was not looked at, or is not listed.
  returned: success
  type: list
  elements: str
"""

import contextlib
import json
import pwd
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import write_whole
from ansible_collections.probcomp.stack.plugins.module_utils.content import brought
from ansible_collections.probcomp.stack.plugins.module_utils.machine import left_behind
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import (
    NOTES,
    MachineError,
    find_account,
    run_as,
)
from ansible_collections.probcomp.stack.plugins.module_utils.machine.jupyter_service import (
    CONFIG,
    HOME_SECONDS,
    OTHER_HASHES,
    PENDING,
    Service,
    is_private,
    look,
    read_config,
)


def with_hash(config: dict[str, Any] | None, new_hash: str) -> dict[str, Any]:
    """Return `config` with `new_hash` as the effective hash."""
    result = dict(config or {})
    for section, name in OTHER_HASHES:
        if isinstance(result.get(section), dict):
            result[section] = {key: value for key, value in result[section].items() if key != name}
    provider = result.get("IdentityProvider")
    result["IdentityProvider"] = {**(provider if isinstance(provider, dict) else {}), "hashed_password": new_hash}
    return result


def write_hash(path: Path, new_hash: str) -> None:
    """Write `new_hash` to the file `path` atomically, readable by its owner only.

    Runs as the user.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    config = read_config(path)
    if config is None and not path.is_dir():
        path.replace(path.with_name(f"{path.name}.damaged"))
    write_whole(path, json.dumps(with_hash(config, new_hash), indent=2).encode(), 0o600)


def set_hash(account: pwd.struct_passwd, service: Service, new_hash: str) -> dict[str, Any]:
    """Write the hash and wait until Jupyter answers with it.

    Raises MachineError.
    """
    path = Path(account.pw_dir) / CONFIG
    found = look(account, service)
    is_new = found["hash"] != new_hash
    if is_new or not run_as(account, lambda: is_private(path), HOME_SECONDS, f"reading {path}"):
        PENDING.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        PENDING.touch()
        run_as(account, lambda: write_hash(path, new_hash), HOME_SECONDS, f"writing {path}")
    service.start(anew=PENDING.exists())
    PENDING.unlink(missing_ok=True)
    return {"changed": True, "msg": "the password was set" if is_new else "Jupyter was started"}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "password_file": {"type": "path", "no_log": False},
            "password_directory": {"type": "path", "no_log": False},
            "minimum_length": {"type": "int", "default": 12, "no_log": False},
            "owner": {"type": "str", "default": "jupyter"},
            "service": {"type": "str", "default": "jupyter.service"},
            "port": {"type": "int", "default": 8888},
            "timeout": {"type": "int", "default": 120},
            "environment": {"type": "path", "default": "/opt/jupyter"},
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
            is_known = brought.is_known(NOTES, Path(account.pw_dir))
            left = left_behind.find(account, wanted["environment"], is_known)
            with contextlib.suppress(*([MachineError] if module.check_mode else [])):
                module.exit_json(changed=False, **look(account, service), left_behind=left)
            module.exit_json(changed=False, hash="", is_well=False, left_behind=left)
        if not wanted["hash"]:
            raise MachineError("the module jupyter_password was called without its action plugin")
        result = set_hash(account, service, wanted["hash"])
    except (MachineError, OSError, subprocess.SubprocessError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
