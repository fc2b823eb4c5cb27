"""Save users' homes before their machines are deleted.

Runs on the controller and writes to `directory` only.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: home_backup
short_description: Saves the homes of machines to the controller
description:
  - For each machine, streams its home as C(tar.gz) over ssh, with the pinned host key only, to
    C(<directory>/<user>/<UTC time>.tar.gz), mode 0600. The file appears when it is whole and was read again; it is
    never unpacked here.
  - A machine has nothing to save if its home does not exist and no account there has it. A link to nothing, a disk that
    does not answer, or another disk that is mounted below the home is a failure.
  - A machine that fails does not fail the module; RV(failed_users) names it.
extends_documentation_fragment:
  - probcomp_connection
  - probcomp_connection.machines
attributes:
  check_mode:
    description: Nothing is fetched; RV(machines) is empty.
    support: full
options:
  remote_home:
    description: The folder to save.
    type: str
    default: /home/jupyter
  service:
    description:
      - Unit of systemd that is stopped first, so that nothing writes to the home any more. It is started again when the
        home could not be saved.
    type: str
    default: ""
  directory:
    description: Folder of the backups.
    type: path
    required: true
  forks:
    description: Machines that are saved at a time.
    type: int
    default: 10
  max_bytes:
    description: Bytes that a backup may have.
    type: int
    default: 21474836480
  timeout:
    description: Seconds that a backup may take.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Save the homes
  home_backup:
    machines:
      - user: ws-1
        address: 203.0.113.10
        admin_user: ubuntu
        ssh_name: ssh.ws-1.stack.example.org
        pin_file: known_hosts/ws-1
    directory: backups
  register: saved
"""

RETURN = r"""
machines:
  description: "By user: C(status) (C(saved), C(nothing_to_save) or C(failed)), C(file), C(bytes), C(members),
    C(seconds), and C(reason) in one line when it failed."
  returned: success
  type: dict
failed_users:
  description: Users whose home was not saved.
  returned: success
  type: list
  elements: str
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.backup.home import Home, Limits, Machine, save_all
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import CONNECTION, MACHINES
from ansible_collections.probcomp.stack.plugins.module_utils.common.names import InvalidName, check_user_name

ARGUMENTS: dict[str, Any] = {
    **CONNECTION,
    **MACHINES,
    "remote_home": {"type": "str", "default": "/home/jupyter"},
    "service": {"type": "str", "default": ""},
    "directory": {"type": "path", "required": True},
    "forks": {"type": "int", "default": 10},
    "max_bytes": {"type": "int", "default": 20 << 30},
    "timeout": {"type": "int", "default": 3600},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    parameters = module.params
    if parameters["forks"] < 1:
        module.fail_json(msg="forks must be 1 or more")
    machines = [Machine(**item) for item in parameters["machines"]]
    try:
        # The user's name becomes the name of a folder.
        for machine in machines:
            check_user_name(machine.user)
    except InvalidName as error:
        module.fail_json(msg=str(error))
    if module.check_mode:
        module.exit_json(changed=bool(machines), machines={}, failed_users=[])
    saved = save_all(
        machines,
        parameters["private_key_file"],
        Home(parameters["remote_home"], parameters["service"]),
        Path(parameters["directory"]),
        Limits(parameters["max_bytes"], parameters["timeout"]),
        parameters["forks"],
    )
    module.exit_json(
        changed=any(item.status == "saved" for item in saved),
        machines={item.user: asdict(item) for item in saved},
        failed_users=[item.user for item in saved if item.status == "failed"],
    )


if __name__ == "__main__":
    main()
