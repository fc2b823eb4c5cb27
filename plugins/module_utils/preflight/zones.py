"""Choose the availability zones of networks and of the machines in them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from ..aws.client import AwsClients
from ..aws.region_state import Survey
from ..common.names import network_stack_name
from .findings import Findings
from .machines import MachinePlan, Types


def plan_zones(
    findings: Findings, clients: AwsClients, seen: Survey, plans: dict[str, MachinePlan], known: Types
) -> dict[str, list[str]]:
    """Set the zones of each machine's plan, and return those of each network.

    A network that exists keeps its own; one that fails to have two is a problem.
    """
    zones = {name: _existing_zones(seen, name) for name in {plan.request.network for plan in plans.values()}}
    if not all(zones.values()):
        available = _available_zones(clients)
        if len(available) < 2:
            findings.problem(f"{clients.region} has fewer than two zones for this account", "take another region")
        for name in [name for name, found in zones.items() if not found]:
            wanted = [known.offered.get(p.instance, set()) for p in plans.values() if p.request.network == name]
            zones[name] = choose_zones(available, wanted)
    nowhere: dict[tuple[str, str], list[str]] = {}
    for plan in plans.values():
        network = plan.request.network
        offered = known.offered.get(plan.instance, set())
        plan.zones = sorted({*plan.zones, *(zone for zone in zones[network] if zone in offered)})
        if offered and not plan.zones:
            nowhere.setdefault((plan.instance, network), []).append(plan.request.user)
    for (instance, network), users in nowhere.items():
        what = f"instance type {instance} is not offered in {' or '.join(zones[network])}, where network {network} is"
        findings.problem(
            what, f"take one that is; it is offered in {', '.join(sorted(known.offered[instance]))}", users
        )
    return zones


def choose_zones(available: Iterable[str], wanted: Iterable[set[str]]) -> list[str]:
    """Return the two zones that suit most machines.

    First counts how many machines can be in one of them, then in both; else the first two by name are taken. `wanted`
    are the zones that offer each machine's type.
    """
    machines = list(wanted)

    def rank(pair: tuple[str, ...]) -> tuple[int, int]:
        counts = [len(offered.intersection(pair)) for offered in machines]
        return sum(map(bool, counts)), sum(counts)

    # max keeps the first of equal pairs: the first by name.
    return list(max(combinations(sorted(available), 2), key=rank, default=()))


def _available_zones(clients: AwsClients) -> list[str]:
    filters = [{"Name": "state", "Values": ["available"]}, {"Name": "zone-type", "Values": ["availability-zone"]}]
    zones = clients.read("ec2", "describe_availability_zones", Filters=filters)["AvailabilityZones"]
    return [zone["ZoneName"] for zone in zones]


def _existing_zones(seen: Survey, network: str) -> list[str]:
    if not seen.has_network(network):
        return []
    name = network_stack_name(network)
    # A stack that is being made has no outputs yet.
    outputs, parameters = seen.outputs(name), seen.parameters(name)
    found = [outputs.get(f"Subnet{x}Zone") or parameters.get(f"Zone{x}", "") for x in "AB"]
    return [zone for zone in found if zone]
