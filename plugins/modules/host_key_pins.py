"""Pin the ssh host keys of many new machines from their consoles."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_key_pins
short_description: Pin the ssh host keys that new machines print on their consoles
description:
  - Reads the console output of every machine that has no pinned keys until its host keys are there, and writes them
    into its pin file, in the form of ssh's known_hosts, with the instance id as the comment.
  - Keys are pinned once. A pin file is replaced only when the id in it is that of another instance.
  - Of a block that the kernel's messages tore, the keys that are whole are pinned.
  - Refused are consoles with two different keys of a type, or with a whole fingerprint that does not fit the key of
    its type.
  - Unless O(machines[].is_new), what EC2 kept of the console shortly after the boot is read beside the live console,
    and keys are believed only where the console's beginning is there. EC2 gives the last 64 KB, and root on the machine
    could have filled them.
  - A machine that fails does not stop the others; RV(failed_users) names them.
  - The name in the file is the plain one whatever the port is, for ssh is called with C(HostKeyAlias).
options:
  machines:
    description: The machines.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description: Key in the result and name in messages.
        type: str
        required: true
      instance_id:
        description: The instance.
        type: str
        required: true
      ssh_name:
        description: Name that ssh looks for, its C(HostKeyAlias).
        type: str
        required: true
      instance_type:
        description: For which types the live console can be read is found out once per type.
        type: str
        default: ""
      is_new:
        description: Whether the machine was made in this run, so that nobody was on it.
        type: bool
        default: false
      pin_file:
        description: File for the keys; its folder is made.
        type: path
        required: true
  state:
    description: V(absent) removes the pin files, of machines that are gone, and asks AWS nothing.
    type: str
    choices: [present, absent]
    default: present
  timeout:
    description: Seconds to wait for all of them. A console can lag by up to 20 minutes.
    type: int
    default: 1200
  poll_interval:
    description: Seconds between two looks at a console.
    type: float
    default: 5
extends_documentation_fragment:
  - probcomp_aws
attributes:
  check_mode:
    description: Says which machines have no pinned keys, or whose would be removed; reads no console.
    support: full
  diff_mode:
    description: Shows the pin files that change. In check mode new keys are not known, and no new pins are shown.
    support: partial
"""

EXAMPLES = r"""
- name: Pin the host keys
  host_key_pins:
    machines:
      - user: alice
        instance_id: i-0123456789abcdef0
        instance_type: t3.medium
        ssh_name: ssh.alice.stack.example.org
        pin_file: known_hosts/alice
"""

RETURN = r"""
machines:
  description: What became of each machine, by user.
  returned: always
  type: dict
  contains:
    status:
      description: C(pinned), C(absent) or C(failed); in check mode C(planned) for one without pinned keys.
      type: str
    changed:
      description: Whether its pin file was written.
      type: bool
    reason:
      description: Why it failed.
      type: str
    fingerprints:
      description: Pinned keys, as ssh shows them.
      type: list
      elements: str
new_users:
  description: Those whose pin file was written.
  returned: always
  type: list
  elements: str
failed_users:
  description: Those without pinned keys.
  returned: always
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import CLIENT_SETTINGS, Clock
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.console import Consoles
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.pin_host_keys import (
    Pinner,
    PinText,
    differences,
    forget,
)

_MACHINE = {
    "user": {"type": "str", "required": True},
    "instance_id": {"type": "str", "required": True},
    "ssh_name": {"type": "str", "required": True},
    "instance_type": {"type": "str", "default": ""},
    "is_new": {"type": "bool", "default": False},
    "pin_file": {"type": "path", "required": True},
}
ARGUMENTS = {
    "machines": {"type": "list", "elements": "dict", "required": True, "options": _MACHINE},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "timeout": {"type": "int", "default": 1200},
    "poll_interval": {"type": "float", "default": 5.0},
}


def pin(module: AwsModule) -> dict[str, dict[str, Any]]:
    """Pin missing keys and return the results by user."""
    params, clock = module.params, Clock()
    pinner = Pinner(
        Consoles(module.client("ec2", config=CLIENT_SETTINGS), clock), clock, params["timeout"], params["poll_interval"]
    )
    missing = pinner.without_pin(params["machines"])
    if module.check_mode:
        for machine in missing:
            planned = {"status": "planned", "changed": True, "reason": "", "fingerprints": []}
            pinner.results[machine["user"]] = planned
    else:
        pinner.pin(missing)
    return pinner.results


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    before = {machine["user"]: PinText.read(machine["pin_file"]) for machine in module.params["machines"]}
    if module.params["state"] == "absent":
        results = forget(module.params["machines"], module.check_mode)
        if reasons := [result["reason"] for result in results.values() if result["reason"]]:
            module.fail_json(msg="\n".join(reasons))
    else:
        results = pin(module)
    module.exit_json(
        changed=any(result["changed"] for result in results.values()),
        diff=differences(before, results),
        machines=results,
        new_users=[user for user, result in results.items() if result["changed"] and result["status"] == "pinned"],
        failed_users=[user for user, result in results.items() if result["status"] == "failed"],
    )


if __name__ == "__main__":
    main()
