"""Find all AWS resources of users or networks, and their cost. Reads only.

Resources are found by Name tag (`<user>/...`, `network/<network>...`), stack name or host name, in requests for all
users together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..common.names import (
    RESERVED,
    USER_NAME,
    absolute_name,
    nearest,
    network_stack_name,
    stack_name,
)
from .billable import add_load_balancers, find_charged
from .resources import Resource, ResourceFinder, owner_of, parts

__all__ = ["Resource", "ResourceFinder", "alike", "find_machines", "find_networks", "owner_of"]


def find_machines(finder: ResourceFinder, users: list[str], stack_domain: str, zone: str) -> None:
    """Find all resources of the machines of `users`."""
    owners = {f"{user}/": user for user in users}
    finder.stacks({stack_name(user): user for user in users})
    instances, _ = find_charged(finder, users)
    groups = _find_groups(finder, owners)
    _find_interfaces(finder, groups, instances)
    for owner, item in finder.elbv2("describe_target_groups", "TargetGroups", "TargetGroupArn", owners):
        finder.add(owner, "target group", item["TargetGroupName"])
    names = {absolute_name(f"{user}.{stack_domain}"): user for user in users}
    _find_rules(finder, names)
    _find_records(finder, names | {f"ssh.{name}": user for name, user in names.items()}, zone)


def find_networks(finder: ResourceFinder, networks: list[str]) -> None:
    """Find all resources of `networks`, without the machines in them."""
    owners = {f"network/{name}{end}": name for name in networks for end in ("", "/")}
    finder.stacks({network_stack_name(name): name for name in networks})
    add_load_balancers(finder, finder.elbv2("describe_load_balancers", "LoadBalancers", "LoadBalancerArn", owners))
    exact = {name: owner for name, owner in owners.items() if not name.endswith("/")}
    kinds = (
        ("describe_vpcs", "Vpcs", "VPC", "VpcId", exact),
        ("describe_internet_gateways", "InternetGateways", "internet gateway", "InternetGatewayId", exact),
        ("describe_subnets", "Subnets", "subnet", "SubnetId", owners),
    )
    for operation, key, kind, identity, tags in kinds:
        for owner, item in finder.tagged(operation, key, tags):
            finder.add(owner, kind, item[identity])
    groups = _find_groups(finder, owners)
    _find_interfaces(finder, groups, {})


def alike(finder: ResourceFinder, owners: list[str], stack_of: Callable[[str], str]) -> dict[str, list[str]]:
    """Return similar names with a stack for those of `owners` without resources.

    `stack_of` returns the name of an owner's stack.
    """
    named = {name.removeprefix(stack_of("")) for name in finder.stack_names if name.startswith(stack_of(""))}
    known = [name for name in named if USER_NAME.fullmatch(name) and name not in RESERVED]
    missing = set(owners) - {item.owner for item in finder.found}
    return {owner: near for owner in owners if owner in missing and (near := nearest(owner, known))}


def _find_groups(finder: ResourceFinder, owners: dict[str, str]) -> dict[str, str]:
    groups = {}
    for owner, item in finder.tagged("describe_security_groups", "SecurityGroups", owners):
        groups[item["GroupId"]] = owner
        finder.add(owner, "security group", item["GroupId"])
    return groups


def _find_interfaces(finder: ResourceFinder, groups: dict[str, str], instances: dict[str, str]) -> None:
    """Find network interfaces by security group, as they have no Name tags."""
    for identities in parts(groups):
        filters = [{"Name": "group-id", "Values": identities}]
        for item in finder.clients.read_all("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=filters):
            if item.get("Attachment", {}).get("InstanceId", "") in instances:
                continue
            owner = next(groups[group["GroupId"]] for group in item["Groups"] if group["GroupId"] in groups)
            finder.add(owner, "network interface", item["NetworkInterfaceId"])


def _find_rules(finder: ResourceFinder, hosts: dict[str, str]) -> None:
    """Find rules for `hosts`, absolute names, on the load balancers of all networks."""
    for _, balancer in finder.elbv2(
        "describe_load_balancers", "LoadBalancers", "LoadBalancerArn", {"network/": "network"}
    ):
        request = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
        for listener in finder.clients.read_all("elbv2", "describe_listeners", "Listeners", **request):
            arn = listener["ListenerArn"]
            for rule in finder.clients.read_all("elbv2", "describe_rules", "Rules", ListenerArn=arn):
                values = [value for condition in rule["Conditions"] for value in condition_values(condition)]
                # Load balancers ignore case, and rules keep the case in which they were created.
                if owner := next((hosts[name] for name in map(absolute_name, values) if name in hosts), None):
                    finder.add(owner, "listener rule", rule["RuleArn"].rpartition(":")[2])


def condition_values(condition: dict[str, Any]) -> list[str]:
    """Return the host names in a rule's condition."""
    if condition.get("Field") != "host-header":
        return []
    return condition.get("HostHeaderConfig", {}).get("Values") or condition.get("Values", [])


def _find_records(finder: ResourceFinder, names: dict[str, str], zone: str) -> None:
    wanted = absolute_name(zone)
    answer = finder.clients.read("route53", "list_hosted_zones_by_name", DNSName=wanted, MaxItems="100")
    for hosted in (item for item in answer["HostedZones"] if item["Name"] == wanted):
        request = {"HostedZoneId": hosted["Id"]}
        for record in finder.clients.read_all("route53", "list_resource_record_sets", "ResourceRecordSets", **request):
            if owner := names.get(absolute_name(record["Name"])):
                finder.add(owner, "record", f"{record['Name']} {record['Type']}")
