#!/usr/bin/python
"""Find the roles that have something to do on a machine, in one request.

Runs on the machine as root.

Tasks use the action plugin of the same name, which compares the password and puts the machine into groups.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: role_drift
short_description: Find which roles have something to do on a machine
description:
  - Compares a machine with what roles leave there, all roles in one task, and changes nothing. A role whose tasks would
    find nothing to do costs the controller as much as one that works; so plays take only the machines that need it.
  - The machine gets into the group C(drifted_<role>) of each role that has something to do there.
  - What cannot be looked at counts as different, so that the role says in its own words what is wrong.
options:
  roles:
    description:
      - What each role expects, by the role's name. A role's own variable C(__<role>_expected) says it, beside the tasks
        that make it so.
      - C(after) is a list of roles; when one of them has something to do, so has this one.
      - C(packages) is a list of names. C(files) is a list of C(path), with C(sha256), C(mode) and C(line) where they
        matter; C(template) is a file on the controller, whose result has that sum.
      - C(account) has C(name), C(home), C(shell), C(comment). C(hostname) is a name.
      - C(record) has C(path), a file of sums as sha256sum writes it, and C(settings), the words of its first line.
      - C(python_environment) has the C(path), C(python) and C(system_site_packages) of the module of that name, and in
        C(requirements) the sha256 of its list.
      - C(content) has the options of C(content_deploy); C(installer) has C(owner), C(script) and C(force) of
        C(content_installer).
      - C(password) has the options of C(jupyter_password).
    type: dict
    required: true
  cloud_init_timeout:
    description:
      - Seconds that the cloud-init of the machine's present boot may still take. Before its end nothing is compared;
        after this time the task fails. A machine without cloud-init waits for nothing.
    type: int
    default: 600
  content_address:
    description: The secret C(address) among the options of C(content_deploy), which is not logged here.
    type: str
    default: ""
attributes:
  check_mode:
    description: It changes nothing in any mode.
    support: full
"""

EXAMPLES = r"""
- name: Find which roles have something to do
  role_drift:
    roles:
      logs:
        packages: [rsync]
"""

RETURN = r"""
drifted:
  description: The roles that have something to do, and for each what differs.
  returned: success
  type: dict
  sample: {"logs": ["package rsync: not installed"]}
cloud_init_failure:
  description: What failed in the machine's cloud-init, for which the machine is not left out; empty if nothing did.
  returned: success
  type: str
  sample: ""
"""

import contextlib
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.drift.checks import CHECKS, differences
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError, find_account
from ansible_collections.probcomp.stack.plugins.module_utils.machine.cloud_init import failure, is_done
from ansible_collections.probcomp.stack.plugins.module_utils.machine.jupyter_service import Service, look

ARGUMENTS = {
    "roles": {"type": "dict", "required": True},
    "cloud_init_timeout": {"type": "int", "default": 600},
    "content_address": {"type": "str", "default": "", "no_log": True},
}
_WAIT_SECONDS = 60
"""Seconds after which the controller hears that cloud-init still runs.

The controller then asks again.
"""
_OF_THIS_MODULE = frozenset({"after", "password"})


def password_state(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the machine's password hash, and whether only its comparison remains."""
    account = find_account(wanted["owner"])
    if account is not None:
        with contextlib.suppress(MachineError, OSError, subprocess.SubprocessError):
            return look(account, Service(wanted["service"], wanted["port"], wanted["timeout"]))
    return {"hash": "", "is_well": False}


def drift(roles: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Return the differences by role, in the order of `roles`.

    Roles without a difference are left out.
    """
    found: dict[str, list[str]] = {}
    for role, expected in roles.items():
        checked = {kind: value for kind, value in expected.items() if kind not in _OF_THIS_MODULE}
        sooner = [f"{other} comes before it" for other in expected.get("after", ()) if other in found]
        if reasons := differences(checked) + sooner:
            found[role] = reasons
    return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    roles = module.params["roles"]
    for expected in roles.values():
        if "content" in expected:
            expected["content"] = {**expected["content"], "address": module.params["content_address"]}
    unknown = {kind for expected in roles.values() for kind in expected} - CHECKS.keys() - _OF_THIS_MODULE
    # A URL in the options may hold a password.
    shown = {"module_args": {"roles": sorted(roles)}}
    if unknown:
        module.fail_json(msg=f"role_drift: there is nothing to expect by the name {min(unknown)}", invocation=shown)
    if not is_done(min(module.params["cloud_init_timeout"], _WAIT_SECONDS)):
        module.exit_json(changed=False, cloud_init_runs=True, invocation=shown)
    passwords = {name: password_state(role["password"]) for name, role in roles.items() if "password" in role}
    answer = {"drifted": drift(roles), "passwords": passwords, "cloud_init_failure": failure()}
    module.exit_json(changed=False, **answer, invocation=shown)


if __name__ == "__main__":
    main()
