"""Read load balancers and target groups with their tags.

The module also tells our DNS records from those of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..common.names import absolute_name
from .client import AwsClients, tags_of
from .ownership import network_of

SSH = "ssh."
"""Beginning of the name of a user's record for ssh."""
_ARNS_PER_REQUEST = 20
"""Maximum number of load balancers or target groups in a DescribeTags request."""

Tagged = tuple[dict[str, str], dict[str, Any]]
"""The tags of a resource, and the resource as AWS describes it."""


def load_balancers(clients: AwsClients) -> Iterator[Tagged]:
    """Yield all load balancers of the region."""
    return _with_tags(clients, "describe_load_balancers", "LoadBalancers", "LoadBalancerArn")


def target_groups(clients: AwsClients) -> Iterator[Tagged]:
    """Yield all target groups of the region."""
    return _with_tags(clients, "describe_target_groups", "TargetGroups", "TargetGroupArn")


def _with_tags(clients: AwsClients, operation: str, key: str, arn: str) -> Iterator[Tagged]:
    items = {item[arn]: item for item in clients.read_all("elbv2", operation, key)}
    arns = sorted(items)
    for start in range(0, len(arns), _ARNS_PER_REQUEST):
        part = arns[start : start + _ARNS_PER_REQUEST]
        for entry in clients.read("elbv2", "describe_tags", ResourceArns=part)["TagDescriptions"]:
            yield tags_of(entry), items[entry["ResourceArn"]]


def is_our_record(record: dict[str, Any], balancers: list[Tagged]) -> bool:
    """Return whether a record at a machine's name has the form of our records.

    For browsers that is an alias of a load balancer that is not of others; `balancers` are all of the region. For ssh
    it is a single address.
    """
    if record["Type"] != "A" or "SetIdentifier" in record:
        return False
    if absolute_name(record["Name"]).startswith(SSH):
        return len(record.get("ResourceRecords", [])) == 1
    target = absolute_name(record.get("AliasTarget", {}).get("DNSName", "")).removeprefix("dualstack.")
    theirs = {absolute_name(item["DNSName"]) for tags, item in balancers if not network_of(tags)}
    return ".elb." in target and target not in theirs
