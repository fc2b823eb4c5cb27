"""Find all AWS resources of users or networks, and their cost. Reads only.

Resources are found by the stack that made them, by what they belong to, or by host name, in requests for all users
together. aws/ownership.py says what is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..aws.client import parts
from ..aws.load_balancers import SSH, Tagged, is_our_record, load_balancers, target_groups
from ..aws.ownership import STACK_NAME_TAG, machine_stacks, network_of, network_stacks
from ..common.names import RESERVED, USER_NAME, absolute_name, nearest
from .billable import GONE, add_load_balancers, as_resource, find_charged, find_endpoints
from .resources import Item, ResourceFinder


def find_machines(finder: ResourceFinder, users: list[str], stack_domain: str, zone: str) -> None:
    """Find all resources of the machines of `users`."""
    stacks = machine_stacks(users)
    finder.stacks(stacks)
    instances = find_charged(finder, users)
    groups = _find_groups(finder, stacks)
    _find_interfaces(finder, groups, instances)
    for tags, item in target_groups(finder.clients):
        if owner := stacks.get(tags.get(STACK_NAME_TAG, "")):
            finder.add(owner, "target group", item["TargetGroupName"])
    names = {absolute_name(f"{user}.{stack_domain}"): user for user in users}
    balancers = list(load_balancers(finder.clients))
    _find_rules(finder, names, [item for tags, item in balancers if network_of(tags)])
    _find_records(finder, names, zone, balancers)


def find_networks(finder: ResourceFinder, networks: list[str]) -> None:
    """Find all resources of `networks`, without the machines in them."""
    stacks = network_stacks(networks)
    finder.stacks(stacks)
    balancers = ((stacks.get(tags.get(STACK_NAME_TAG, "")), item) for tags, item in load_balancers(finder.clients))
    add_load_balancers(finder, ((owner, item) for owner, item in balancers if owner))
    kinds = (
        ("describe_vpcs", "Vpcs", "VPC", "VpcId"),
        ("describe_internet_gateways", "InternetGateways", "internet gateway", "InternetGatewayId"),
        ("describe_subnets", "Subnets", "subnet", "SubnetId"),
    )
    for operation, key, kind, identity in kinds:
        for owner, item in finder.made(operation, key, stacks):
            finder.add(owner, kind, item[identity])
    _find_groups(finder, stacks)
    _find_in_vpcs(finder, *find_endpoints(finder, stacks))


def alike(finder: ResourceFinder, owners: list[str], stack_of: Callable[[str], str]) -> dict[str, list[str]]:
    """Return similar names with a stack for those of `owners` without resources.

    `stack_of` returns the name of an owner's stack.
    """
    named = {name.removeprefix(stack_of("")) for name in finder.stack_names if name.startswith(stack_of(""))}
    known = [name for name in named if USER_NAME.fullmatch(name) and name not in RESERVED]
    missing = set(owners) - {item.owner for item in finder.found}
    return {owner: near for owner in owners if owner in missing and (near := nearest(owner, known))}


def _find_groups(finder: ResourceFinder, stacks: dict[str, str]) -> dict[str, str]:
    groups = {}
    for owner, item in finder.made("describe_security_groups", "SecurityGroups", stacks):
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


def _find_in_vpcs(finder: ResourceFinder, vpcs: dict[str, str], of_endpoints: set[str]) -> None:
    """Add what stops the deletion of the VPCs and is not ours.

    `vpcs` has the network by VPC id. Interfaces `of_endpoints` and of load balancers do not stop it, for they go with
    them. GuardDuty, for one, puts an endpoint and a security group into every VPC with instances.
    """
    for identities in parts(vpcs):
        filters = [{"Name": "vpc-id", "Values": identities}]
        for item in finder.clients.read_all("ec2", "describe_security_groups", "SecurityGroups", Filters=filters):
            # The network's own are found already, and every VPC has a default one that goes with it.
            if item["GroupName"] != "default":
                finder.add(vpcs[item["VpcId"]], "security group", item["GroupId"], has_stranger=True)
        for item in finder.clients.read_all("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=filters):
            identity = item["NetworkInterfaceId"]
            if identity not in of_endpoints and not item.get("Description", "").startswith("ELB "):
                finder.add(vpcs[item["VpcId"]], "network interface", identity, has_stranger=True)
        for instance in finder.clients.instances(filters):
            if instance["State"]["Name"] not in GONE:
                finder.add(vpcs[instance["VpcId"]], *as_resource(instance), has_stranger=True)


def _find_rules(finder: ResourceFinder, hosts: dict[str, str], balancers: list[Item]) -> None:
    """Find rules for `hosts`, absolute names, on the load balancers of our networks."""
    for balancer in balancers:
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


def _find_records(finder: ResourceFinder, hosts: dict[str, str], zone: str, balancers: list[Tagged]) -> None:
    """Find the records of `hosts`, absolute names; `balancers` are all load balancers."""
    wanted = absolute_name(zone)
    answer = finder.clients.read("route53", "list_hosted_zones_by_name", DNSName=wanted, MaxItems="100")
    for hosted in (item for item in answer["HostedZones"] if item["Name"] == wanted):
        request = {"HostedZoneId": hosted["Id"]}
        for record in finder.clients.read_all("route53", "list_resource_record_sets", "ResourceRecordSets", **request):
            if owner := hosts.get(absolute_name(record["Name"]).removeprefix(SSH)):
                add = finder.add if is_our_record(record, balancers) else finder.add_not_known
                add(owner, "record", f"{record['Name']} {record['Type']}")
