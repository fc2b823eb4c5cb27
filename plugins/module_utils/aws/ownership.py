"""Decide which resources of an account are ours. All commands use this definition.

CloudFormation gives every resource that it makes the tag aws:cloudformation:stack-name. AWS alone writes tags that
begin with `aws:`; nobody can set, change or copy them. A resource is ours when that tag names a stack of ours, whatever
its Name tag says. What CloudFormation does not tag (disks, snapshots, images) is ours when it belongs to such an
instance, or carries the tags that our templates give and has no living owner of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..common.names import (
    instance_tag,
    network_of_stack_name,
    network_stack_name,
    stack_name,
    user_of_instance_tag,
    user_of_stack_name,
)
from .client import parts

STACK_NAME_TAG = "aws:cloudformation:stack-name"
_BAKED_IMAGE = re.compile(r"probcomp-[0-9]{8}-[0-9]{6}")

OUR_MACHINES = {"Name": f"tag:{STACK_NAME_TAG}", "Values": [stack_name("*")]}
"""EC2's filter for the machines of all users."""
NAMED_LIKE_MACHINES = [
    {"Name": "resource-type", "Values": ["instance"]},
    {"Name": "key", "Values": ["Name"]},
    {"Name": "value", "Values": [instance_tag("*")]},
]
"""DescribeTags' filter for instances with a Name tag like those of our machines."""


def user_of(tags: Mapping[str, str]) -> str | None:
    """Return the user whose stack made the resource with these tags, or None."""
    return user_of_stack_name(tags.get(STACK_NAME_TAG, ""))


def network_of(tags: Mapping[str, str]) -> str | None:
    """Return the network whose stack made the resource with these tags, or None."""
    return network_of_stack_name(tags.get(STACK_NAME_TAG, ""))


def user_named_by(tags: Mapping[str, str]) -> str | None:
    """Return the user that the Name tag names, or None; it proves nothing."""
    return user_of_instance_tag(tags.get("Name", ""))


def has_own_name(tags: Mapping[str, str], user: str) -> bool:
    """Return whether the Name tag is that of the machine of `user`."""
    return tags.get("Name", "") == instance_tag(user)


def carries_own_tags(tags: Mapping[str, str]) -> bool:
    """Return whether a disk, snapshot or image carries tags that only we give.

    A machine's disk gets the tags Name and network of its template. An image of ami_bake.yml and its snapshot get the
    image's name and date.
    """
    if _BAKED_IMAGE.fullmatch(tags.get("Name", "")):
        return bool(tags.get("date"))
    return bool(user_named_by(tags) and tags.get("network"))


def by_stack(stacks: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield EC2 filters for what the stacks of these names made."""
    for part in parts(stacks):
        yield [{"Name": f"tag:{STACK_NAME_TAG}", "Values": part}]


def machine_stacks(users: Iterable[str]) -> dict[str, str]:
    """Return the users by the names of their machines' stacks."""
    return {stack_name(user): user for user in users}


def network_stacks(networks: Iterable[str]) -> dict[str, str]:
    """Return the networks by the names of their stacks."""
    return {network_stack_name(network): network for network in networks}
