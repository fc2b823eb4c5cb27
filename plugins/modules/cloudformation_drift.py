"""Correct what differs between machines and their stacks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudformation_drift
short_description: Put right what differs between machines and their stacks
description:
  - Looks at all machines together, and gives each running one what its stack says, where somebody has changed it by
    hand. These are its registration with the load balancer, its security groups and the stack's tags.
  - What it cannot put right (a target group, rule or security group that was deleted or emptied) is named with the step
    that does.
  - Stacks that are being changed and machines that do not run are left alone.
  - A machine that fails does not fail the module; RV(failed_users) names them.
options:
  users:
    description: Whose machines.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - probcomp_aws
attributes:
  check_mode:
    description: Looks only, and says what would be put right.
    support: full
  diff_mode:
    description: Shows tags and security groups of each machine, and those of its stack.
    support: full
"""

EXAMPLES = r"""
- name: Put the class right
  cloudformation_drift:
    users: [ws-1, ws-2]
  register: drift
"""

RETURN = r"""
machines:
  description: What was found on each machine, by user.
  returned: always
  type: dict
  contains:
    status: {description: C(ready) or C(failed)., type: str}
    changed: {description: Whether something was put right., type: bool}
    health: {description: State of its target in words of the load balancer; empty where it is not known., type: str}
    differences: {description: What differed and is put right., type: list}
    reason: {description: What still differs with the step that puts it right., type: str}
failed_users:
  description: Those whose machine still differs.
  returned: always
  type: list
  elements: str
changed_users:
  description: Those whose machine was put right, or would be in check mode.
  returned: always
  type: list
  elements: str
result_lines:
  description: For people, a line for each machine that differed.
  returned: always
  type: list
  elements: str
"""

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.drift import correct, read_drift
from ansible_collections.probcomp.stack.plugins.module_utils.output.host_summary import said_once

ARGUMENTS = {"users": {"type": "list", "elements": "str", "required": True}}


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    clients, clock = module.raising_clients(), Clock()
    with module.explained():
        drifts = read_drift(clients, clock, module.params["users"])
        if not module.check_mode:
            correct(clients, clock, drifts)
    done = "would be put right" if module.check_mode else "put right"
    changed = [drift for drift in drifts if drift.is_changed or (module.check_mode and drift.differences)]
    module.exit_json(
        changed=bool(changed),
        diff=[drift.as_diff() for drift in changed],
        machines={drift.user: drift.as_data() for drift in drifts},
        failed_users=[drift.user for drift in drifts if drift.problems],
        changed_users=[drift.user for drift in changed],
        result_lines=said_once({drift.user: f"{done}: {'; '.join(drift.differences)}" for drift in changed}),
    )


if __name__ == "__main__":
    main()
