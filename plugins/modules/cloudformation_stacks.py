"""Create or delete many CloudFormation stacks of one template."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudformation_stacks
short_description: Make or delete many stacks of one template together
description:
  - Submits all stacks at a steady rate, then looks at all of them with one paginated request per round until each has
    come to its end or the time is over, and reads the end states again by stack id.
  - A stack that is complete is left alone. One that is busy is waited for. One whose creation was rolled back, or that
    never got beyond a change set, is deleted and made again. One that needs a person is refused, what is left named.
  - A stack that fails does not stop the others; RV(failed_users) names them. The module itself fails only when nothing
    could be done at all.
  - Answers of AWS that got lost, throttling and cut connections are waited out within bounds.
options:
  state:
    description: Whether the stacks shall exist.
    type: str
    choices: [present, absent]
    default: present
  template_body:
    description: The template as text. Required for O(state=present).
    type: str
  stack_policy:
    description: Stack policy as JSON text, set when a stack is made.
    type: str
  termination_protection:
    description: Whether a stack that is made is protected. O(state=absent) lifts the protection.
    type: bool
    default: false
  allocate_priority:
    description:
      - Choose the priority of each new stack's listener rule, the lowest that no rule of the listener and no stack
        whose name begins with C(probcomp-stack-) has. A stack that exists keeps its own.
      - When somebody else takes it at the same moment, another one is tried once.
    type: dict
    suboptions:
      parameter:
        description: Name of the parameter for the priority.
        type: str
        required: true
      listener_parameter:
        description: Name of the parameter that holds the ARN of the listener.
        type: str
        required: true
  other_subnets:
    description: Make a stack once more, in another subnet, when EC2 has no capacity for its machine in the first one.
    type: dict
    suboptions:
      parameter:
        description: Name of the parameter for the subnet.
        type: str
        required: true
      subnets:
        description: By user, the subnets in which the machine may lie, each with its C(id) and C(zone).
        type: dict
        required: true
  instance_logical_id:
    description:
      - Name of the instance in the template.
      - With O(state=present) and when given, a complete stack whose instance was terminated is deleted and made again.
    type: str
  saved_instances:
    description:
      - With O(state=absent), by user, the id of the instance whose data was saved; empty for none.
      - A stack whose O(instance_logical_id) is another instance that lives is not deleted.
    type: dict
  update:
    description:
      - Update a stack whose template, given parameters or tags differ from what is wanted.
      - Leave it off for machines, which an update can replace.
    type: bool
    default: false
  kept:
    description:
      - By parameter, the output of an existing stack that an update gives it, whatever O(stacks) says. A stack that is
        made takes what O(stacks) says.
    type: dict
    default: {}
  submissions_per_second:
    description: Highest rate of CreateStack, UpdateStack and DeleteStack.
extends_documentation_fragment:
  - probcomp_stacks
  - probcomp_aws
attributes:
  check_mode:
    description: Says what would be done, with read-only requests alone.
    support: full
"""

EXAMPLES = r"""
- name: Make the machines
  cloudformation_stacks:
    template_body: "{{ lookup('ansible.builtin.file', 'stack.cfn.yml') }}"
    termination_protection: true
    instance_logical_id: Instance
    allocate_priority:
      parameter: RulePriority
      listener_parameter: ListenerArn
    stacks:
      - name: probcomp-stack-alice
        user: alice
        parameters: {User: alice, ListenerArn: "{{ listener_arn }}"}
        tags: {owner: alice}
  register: made

- name: Delete them
  cloudformation_stacks:
    state: absent
    stacks:
      - {name: probcomp-stack-alice, user: alice}
"""

RETURN = r"""
changed_users:
  description: Whose machines were made, changed or deleted, or would be.
  returned: with O(instance_logical_id)
  type: list
  elements: str
stacks:
  description: What became of each stack, by user.
  returned: always
  type: dict
  contains:
    status:
      description: C(ready), C(absent) or C(failed); in check mode C(planned) for what would be done.
      type: str
    changed:
      description: Whether something was submitted for it.
      type: bool
    action:
      description: C(none), C(create), C(replace), C(update) or C(delete).
      type: str
    stack_id:
      description: The stack's id.
      type: str
    stack_status:
      description: CloudFormation's word for its state.
      type: str
    outputs:
      description: The stack's outputs.
      type: dict
    parameters:
      description: The stack's parameters.
      type: dict
    reason:
      description: Why it failed, in words; for a stack that is ready, why its last update was undone.
      type: str
    replaced_terminated:
      description: Whether it was made again because its instance was terminated.
      type: bool
    retained:
      description: Resources that could not be deleted and were left behind.
      type: list
failed_users:
  description: Those whose stack failed.
  returned: always
  type: list
  elements: str
"""

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import CLIENT_SETTINGS, Clock
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.api import StackApi
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.batch import (
    run_batch,
    verify_ready,
    without_instance,
)
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.create import StackCreator, Wanted
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.delete import StackDeleter, refuse_unsaved
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.elsewhere import Elsewhere
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.job import Job, jobs_of
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.rule_priorities import Priorities
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import STACKS

_PRIORITY = {
    "parameter": {"type": "str", "required": True},
    "listener_parameter": {"type": "str", "required": True},
}
_SUBNETS = {"parameter": {"type": "str", "required": True}, "subnets": {"type": "dict", "required": True}}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **STACKS,
    "template_body": {"type": "str"},
    "stack_policy": {"type": "str"},
    "termination_protection": {"type": "bool", "default": False},
    "allocate_priority": {"type": "dict", "options": _PRIORITY},
    "other_subnets": {"type": "dict", "options": _SUBNETS},
    "instance_logical_id": {"type": "str"},
    "saved_instances": {"type": "dict"},
    "update": {"type": "bool", "default": False},
    "kept": {"type": "dict", "default": {}},
}


def make(module: AwsModule, jobs: list[Job], api: StackApi, clock: Clock) -> list[str]:
    """Create the stacks and return warnings."""
    params = module.params
    wanted = Wanted(
        template=params["template_body"],
        policy=params["stack_policy"] or "",
        termination_protection=params["termination_protection"],
        update=params["update"],
        kept=params["kept"],
    )
    creator = StackCreator(api, wanted, clock)
    if option := params["allocate_priority"]:
        elbv2 = module.client("elbv2", config=CLIENT_SETTINGS)
        creator.priorities = Priorities(elbv2, option["parameter"], option["listener_parameter"], clock)
    if option := params["other_subnets"]:
        every = [subnet for subnets in option["subnets"].values() for subnet in subnets]
        creator.elsewhere = Elsewhere(
            option["parameter"],
            {user: [subnet["id"] for subnet in subnets] for user, subnets in option["subnets"].items()},
            {subnet["id"]: subnet["zone"] for subnet in every},
        )
    # A priority must differ from those of all stacks.
    stacks = api.all() if creator.priorities else api.named([job.name for job in jobs])
    if params["instance_logical_id"]:
        ours = [stacks[job.name] for job in jobs if job.name in stacks]
        ec2 = module.client("ec2", config=CLIENT_SETTINGS)
        creator.terminated = without_instance(ec2, api, ours, params["instance_logical_id"], clock)
    if module.check_mode:
        for job in jobs:
            stack = stacks.get(job.name)
            job.action = creator.decide(job, stack)
            job.is_changed = job.action in ("create", "replace", "update")
            status = {"ready": "ready", "refuse": "failed"}.get(job.action, "planned")
            job.finish(status, stack, "" if status != "failed" else creator.refusal(job, stacks[job.name]))
        return []
    run_batch(jobs, creator, api, stacks, clock, params["timeout"])
    verify_ready(jobs, api)
    return creator.warnings


def remove(module: AwsModule, jobs: list[Job], api: StackApi, clock: Clock) -> list[str]:
    """Delete the stacks and return warnings."""
    stacks = api.named([job.name for job in jobs])
    if (saved := module.params["saved_instances"]) is not None:
        refuse_unsaved(module.raising_clients(), api, jobs, stacks, module.params["instance_logical_id"], saved)
    pending = [job for job in jobs if not job.result]
    if module.check_mode:
        for job in pending:
            job.is_changed = job.name in stacks
            job.action = "delete" if job.is_changed else "none"
            job.finish("planned" if job.is_changed else "absent", stacks.get(job.name))
        return []
    deleter = StackDeleter(api, clock)
    run_batch(pending, deleter, api, stacks, clock, module.params["timeout"], "deleted")
    return deleter.warnings


def main() -> None:
    """Run the module."""
    module = AwsModule(
        ARGUMENTS,
        required_if=[("state", "present", ["template_body"])],
        required_by={"saved_instances": ["instance_logical_id"]},
    )
    try:
        jobs = jobs_of(Job, module.params["stacks"], module.params["submissions_per_second"])
    except ValueError as error:
        module.fail_json(msg=str(error))
    for job in jobs:
        # CloudFormation refuses empty values.
        job.tags = {key: value for key, value in job.tags.items() if value}
    clock = Clock()
    api = StackApi(
        module.client("cloudformation", config=CLIENT_SETTINGS), clock, module.params["submissions_per_second"]
    )
    work = make if module.params["state"] == "present" else remove
    with module.explained():
        warnings = work(module, jobs, api, clock)
    for warning in warnings:
        module.warn(warning)
    changed = [job.user for job in jobs if job.is_changed and job.result["status"] != "failed"]
    module.exit_json(
        changed=any(job.is_changed for job in jobs),
        stacks={job.user: job.result for job in jobs},
        failed_users=[job.user for job in jobs if job.result["status"] == "failed"],
        # The callback counts changed_users as changed machines, and a network is none.
        **({"changed_users": changed} if module.params["instance_logical_id"] else {}),
    )


if __name__ == "__main__":
    main()
