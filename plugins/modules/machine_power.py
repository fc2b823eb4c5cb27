"""Start or stop many machines together."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_power
short_description: Start or stop many machines together
description:
  - Submits one request for all that are not in the wanted state, looks at all of them with one request per round until
    each has come to its end or the time is over, and tells the state and address that EC2 showed last.
  - A machine that is on its way to a state is waited for before it is asked for another.
  - When the request for all is refused, each machine is asked for by itself, so that one cannot keep back the others.
  - A machine that fails does not fail the module; RV(failed_users) names them.
options:
  state:
    description: The wanted state. A started machine is running and has a public address.
    type: str
    choices: [started, stopped]
    required: true
  machines:
    description: The machines.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description: Whose machine.
        type: str
        required: true
      instance_id:
        description: Its instance.
        type: str
        required: true
  timeout:
    description: Seconds for all machines together.
    type: int
    default: 600
extends_documentation_fragment:
  - probcomp_aws
attributes:
  check_mode:
    description: Looks only, and says what would be done.
    support: full
"""

EXAMPLES = r"""
- name: Start the class
  machine_power:
    state: started
    machines:
      - {user: ws-1, instance_id: i-0123456789abcdef0}
  register: power
"""

RETURN = r"""
machines:
  description: What became of each machine, by user.
  returned: always
  type: dict
  contains:
    status: {description: C(ready) or C(failed)., type: str}
    changed: {description: Whether it was started or stopped by this call., type: bool}
    was: {description: Its state at first., type: str}
    state: {description: Its state at last., type: str}
    address: {description: Its public address at last; empty for none., type: str}
    reason: {description: Why it failed., type: str}
failed_users:
  description: Those whose machine failed.
  returned: always
  type: list
  elements: str
changed_users:
  description: Those whose machine was started or stopped, or would be in check mode.
  returned: always
  type: list
  elements: str
result_lines:
  description: For people, what became of the machines, once what is the same for many.
  returned: always
  type: list
  elements: str
"""


from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.power import (
    Power,
    PowerOperation,
    foreseen_lines,
    result_lines,
)

_MACHINE = {"user": {"type": "str", "required": True}, "instance_id": {"type": "str", "required": True}}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
    "machines": {"type": "list", "elements": "dict", "required": True, "options": _MACHINE},
    "timeout": {"type": "int", "default": 600},
}


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    target = "running" if module.params["state"] == "started" else "stopped"
    machines = [Power(**machine) for machine in module.params["machines"]]
    operation = PowerOperation(module.raising_clients(), Clock(), target, machines)
    with module.explained():
        if module.check_mode:
            operation.read_states()
            changed = [machine.user for machine in machines if operation.would_change(machine)]
            lines = foreseen_lines(operation)
        else:
            operation.run(module.params["timeout"])
            changed = [machine.user for machine in machines if machine.submitted_at is not None]
            lines = result_lines(machines, target)
    module.exit_json(
        changed=bool(changed),
        machines={machine.user: machine.as_data() for machine in machines},
        failed_users=[machine.user for machine in machines if machine.reason],
        changed_users=changed,
        result_lines=lines,
    )


if __name__ == "__main__":
    main()
