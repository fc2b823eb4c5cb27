"""Remember which of the account's resources belong to strangers."""

from collections import defaultdict
from typing import Any

from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.resources.base import tag_list, tag_specifications

KINDS = (
    *("vpcs", "subnets", "security_groups", "instances", "volumes", "snapshots", "images", "endpoints"),
    *("load_balancers", "target_groups", "records", "stacks"),
)
"""Kinds of resources, the keys of `Register.ids` and of a snapshot."""


class Register:
    """The account's clients, and the ids of strangers' resources by kind."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.ids: defaultdict[str, list[str]] = defaultdict(list)

    def note(self, kind: str, identity: str) -> str:
        """Remember a resource and return its id."""
        self.ids[kind].append(identity)
        return identity

    def security_group(self, vpc: str, group_name: str, name: str) -> str:
        """Make a security group with this Name tag and return its id."""
        request = {"GroupName": group_name, "Description": name, "VpcId": vpc}
        made = self.cloud.ec2.create_security_group(**request, TagSpecifications=named("security-group", name))
        return self.note("security_groups", made["GroupId"])


def named(resource: str, name: str, **tags: str) -> list[dict[str, Any]]:
    """Return a Name tag and other tags, for EC2's calls that create resources."""
    return tag_specifications(resource, {"Name": name, **tags})


def name_tag(name: str) -> list[dict[str, str]]:
    """Return a Name tag in the form of the load balancers' calls."""
    return tag_list({"Name": name})
