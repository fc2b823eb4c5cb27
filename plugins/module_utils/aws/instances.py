"""Read the instances of users' machines, and other instances with such names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..common.names import by_number, stack_name
from .client import AwsClients, parts, tags_of
from .ownership import NAMED_LIKE_MACHINES, OUR_MACHINES, user_named_by, user_of
from .region_state import LIVE_STATES

_LIVE = {"Name": "instance-state-name", "Values": list(LIVE_STATES)}


def users_instances(clients: AwsClients, filters: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the live instances that users' stacks made, by user in natural order.

    A user has more than one after an update that replaced an instance. `filters` are further ones of EC2.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for instance in clients.instances([OUR_MACHINES, _LIVE, *filters]):
        if user := user_of(tags_of(instance)):
            found.setdefault(user, []).append(instance)
    return dict(sorted(found.items(), key=lambda item: by_number(item[0])))


def current_instance(clients: AwsClients, user: str, instances: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one of a user's instances that the stack names."""
    if len(instances) == 1:
        return instances[0]
    stack = clients.read("cloudformation", "describe_stacks", StackName=stack_name(user))["Stacks"][0]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
    return next((item for item in instances if item["InstanceId"] == outputs.get("InstanceId")), instances[0])


def strangers(clients: AwsClients, ours: Iterable[str]) -> list[dict[str, Any]]:
    """Return the live instances with names of users' machines that are not ours.

    No stack of ours made them. `ours` are the ids that are known already.
    """
    named = clients.read_all("ec2", "describe_tags", "Tags", Filters=NAMED_LIKE_MACHINES)
    others = parts({tag["ResourceId"] for tag in named} - set(ours))
    found = [item for part in others for item in clients.instances([{"Name": "instance-id", "Values": part}, _LIVE])]
    return [item for item in found if user_named_by(tags_of(item)) and user_of(tags_of(item)) is None]
