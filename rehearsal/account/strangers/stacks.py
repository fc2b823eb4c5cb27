"""Make strangers' stacks, in CREATE_COMPLETE, of things that exist already."""

import json
from datetime import timedelta

from rehearsal.account.strangers.machines import LAUNCHED
from rehearsal.account.strangers.register import Register
from rehearsal.cloudformation.stacks import STACK_TYPE, STACKS, Intent, Stack, StackResource
from rehearsal.cloudformation.template import Template, parse

Resources = dict[str, tuple[str, str]]
"""Type and physical id by logical id."""
_PLACEHOLDER = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "of somebody else"}}


def make_stack(register: Register, name: str) -> Stack:
    """Add an empty stack; `fill` gives it resources, whose tags name the stack's id."""
    return _add(register, name, parse(json.dumps({"Resources": {"Group": _PLACEHOLDER}})))


def fill(stack: Stack, resources: Resources) -> None:
    """Give a stack its resources, which exist already."""
    for logical_id, (kind, physical_id) in resources.items():
        stack.resources[logical_id] = StackResource(
            logical_id, kind, physical_id, status="CREATE_COMPLETE", changed=LAUNCHED
        )


def make_many(register: Register, count: int) -> None:
    """Add as many stacks without resources, `service-1` and so on."""
    template = parse(json.dumps({"Resources": {"Group": _PLACEHOLDER}}))
    for number in range(1, count + 1):
        _add(register, f"service-{number}", template)


def stack_tags(stack: Stack, logical_id: str) -> dict[str, str]:
    """Return the tags that CloudFormation gives to a resource of the stack."""
    values = {"stack-name": stack.name, "stack-id": stack.stack_id, "logical-id": logical_id}
    return {f"aws:cloudformation:{key}": value for key, value in values.items()}


def _add(register: Register, name: str, template: Template) -> Stack:
    cloud = register.cloud
    stacks = STACKS[cloud.account, cloud.region]
    created = LAUNCHED - timedelta(minutes=5)
    stack = Stack(name, cloud, Intent(template, {}, {"team": "payroll"}), stacks.new_id(cloud, name), created=created)
    stack.status = "CREATE_COMPLETE"
    stack.note(name, stack.stack_id, STACK_TYPE, stack.status)
    stacks.add(stack)
    register.note("stacks", stack.stack_id)
    return stack
