"""Check the account's quotas and the capacity of networks for new machines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ..aws import quotas
from ..aws.client import AwsClients
from ..aws.region_state import Survey
from ..common.names import network_stack_name, stack_name
from .findings import Findings
from .instance_types import vcpus
from .machines import MachinePlan, Types

COUNTING_STATES = ("pending", "running")
"""States in which an instance counts towards the vCPU quotas."""


@dataclass
class Room:
    """The needs, each with the account's limit, None when unknown."""

    needs: list[tuple[quotas.Need, int | None]] = field(default_factory=list)

    def as_data(self) -> list[dict[str, Any]]:
        """Return the needs as plain data."""
        return [quotas.as_data(need, limit) for need, limit in self.needs]


def check_room(
    findings: Findings,
    clients: AwsClients,
    seen: Survey,
    plans: dict[str, MachinePlan],
    known: Types,
    limits: quotas.Quotas,
    cost: str,
) -> Room:
    """Return the need of each quota; report insufficient ones.

    `cost` is the fleet's cost as text.
    """
    new = [plan for plan in plans.values() if not plan.exists]
    needs = vcpu_needs(findings, seen, new, known)
    networks = sorted({plan.request.network for plan in new})
    with findings.checking("networks and load balancers in use"):
        needs += network_needs(clients, seen, networks)
    with findings.checking("rules of the load balancers"):
        for network in networks:
            names = [plan.request.user for plan in new if plan.request.network == network]
            needs += rule_needs(clients, seen, network, names)
    stacks = sum(not seen.status(stack_name(plan.request.user)) for plan in new)
    stacks += sum(not seen.status(network_stack_name(network)) for network in networks)
    needs.append(quotas.Need(quotas.STACKS, len(seen.stacks), stacks))
    room = Room([(need, limits.limit(need.quota)) for need in needs if need.needed])
    for need, limit in room.needs:
        check_quota(findings, need, limit, cost)
    for note in limits.notes:
        findings.note(note)
    return room


def vcpu_needs(findings: Findings, seen: Survey, new: list[MachinePlan], known: Types) -> list[quotas.Need]:
    """Return the vCPUs needed from each quota."""
    used: Counter[quotas.Quota] = Counter()
    for instance in seen.instances:
        quota = quotas.vcpu_quota(instance["InstanceType"])
        description = known.described.get(instance["InstanceType"])
        is_counted = instance["State"]["Name"] in COUNTING_STATES and instance.get("InstanceLifecycle") != "spot"
        if quota and description and is_counted and instance["Placement"].get("Tenancy") != "host":
            used[quota] += vcpus(description)
    needed: Counter[quotas.Quota] = Counter()
    for plan in new:
        quota = quotas.vcpu_quota(plan.instance)
        if quota is None:
            findings.note(f"the vCPU quota of {plan.instance} is not checked: it is not one that we know")
        else:
            needed[quota] += plan.vcpus
    return [quotas.Need(quota, used[quota], count) for quota, count in needed.items()]


def network_needs(clients: AwsClients, seen: Survey, networks: list[str]) -> list[quotas.Need]:
    """Return the needs of new networks: a VPC, gateway and load balancer each."""
    count = sum(not seen.has_network(network) for network in networks)
    if not count:
        return []
    vpcs = clients.read_all("ec2", "describe_vpcs", "Vpcs")
    gateways = clients.read_all("ec2", "describe_internet_gateways", "InternetGateways")
    balancers = clients.read_all("elbv2", "describe_load_balancers", "LoadBalancers")
    applications = [balancer for balancer in balancers if balancer.get("Type") == "application"]
    return [
        quotas.Need(quotas.VPCS, len(vpcs), count),
        quotas.Need(quotas.INTERNET_GATEWAYS, len(gateways), count),
        quotas.Need(quotas.LOAD_BALANCERS, len(applications), count),
    ]


def rule_needs(clients: AwsClients, seen: Survey, network: str, users: list[str]) -> list[quotas.Need]:
    """Return the rules and target groups that new machines need of a load balancer."""
    rules = groups = 0
    listener = seen.outputs(network_stack_name(network)).get("ListenerArn") if seen.has_network(network) else None
    if listener:
        found = clients.read("elbv2", "describe_listeners", ListenerArns=[listener])["Listeners"]
        balancer = found[0]["LoadBalancerArn"]
        for item in clients.read_all("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=balancer):
            listed = clients.read_all("elbv2", "describe_rules", "Rules", ListenerArn=item["ListenerArn"])
            rules += sum(not rule["IsDefault"] for rule in listed)
        groups = _count_target_groups(clients, balancer)
    whose = f"network {network}"
    return [
        quotas.Need(quotas.RULES, rules, len(users), whose),
        quotas.Need(quotas.TARGET_GROUPS, groups, len(users), whose),
    ]


def _count_target_groups(clients: AwsClients, balancer: str) -> int:
    try:
        return len(clients.read_all("elbv2", "describe_target_groups", "TargetGroups", LoadBalancerArn=balancer))
    except clients.client("elbv2").exceptions.TargetGroupNotFoundException:
        return 0  # The response for a load balancer without target groups: its network has no machines.


def check_quota(findings: Findings, need: quotas.Need, limit: int | None, cost: str) -> None:
    """Report a need that exceeds its limit; `cost` is the fleet's cost as text."""
    if limit is None or need.used + need.needed <= limit:
        return
    counted = f"{need.needed} more asked, {need.used} in use, the limit is {limit}"
    if need.whose:
        free = max(0, limit - need.used)
        findings.problem(
            f"{need.whose} carries at most {limit} machines: {counted} ({need.quota.name}, {need.quota.code}); "
            f"all that is asked costs {cost}",
            f"name at most {free} new machines here and the rest with another network=",
        )
        return
    remedy = "take fewer or smaller machines" if "vCPU" in need.quota.name else "delete what is not needed"
    findings.problem(
        f"quota of {need.quota.name} ({need.quota.code}): {counted}",
        f"ask for more under Service Quotas, or {remedy}",
    )
