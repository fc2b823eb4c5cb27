"""The burn rate: current cost of all billable resources in a region, by owner.

Reads only. Sums are exact Decimals; unknown prices are listed and not part of a sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ..aws import prices
from ..aws.client import AwsClients
from ..aws.load_balancers import load_balancers
from ..aws.ownership import network_of
from ..common.names import by_number, instance_tag, network_stack_name, user_of_instance_tag
from ..ec2.image import NAMES as IMAGE_NAMES
from ..fleet.machines import FleetMachine, end_date
from .billable import add_load_balancers, find_charged, find_endpoints, find_images
from .resources import Resource, ResourceFinder

KINDS = {
    "instance": "machines",
    "volume": "disks",
    "public-address": "addresses",
    "idle-address": "addresses",
    "load-balancer": "load balancers",
    "vpc-endpoint": "endpoints",
    "snapshot": "snapshots",
}
"""Kinds of cost in sums, by the first part of an item's name."""
SHARED = "network/"
"""Prefix of the owner of a network's resources."""
_UNITS = {"volume": "{} disks, GiB", "snapshot": "snapshots, GiB", "instance": "{} machines"}
_NAMES = {
    "public-address": "public IPv4 addresses",
    "idle-address": "idle elastic addresses",
    "load-balancer": "load balancers",
    "vpc-endpoint": "VPC endpoints, zones",
}
_PHRASES = {"public-address": "address", "idle-address": "idle address", "vpc-endpoint": "zone of VPC endpoint"}


@dataclass(frozen=True)
class Row:
    """The cost of one user or shared network; `machine` is None when there is none."""

    owner: str
    resources: tuple[Resource, ...]
    machine: FleetMachine | None = None
    days_over: int = 0
    """Days since the end date, 0 before it."""

    @property
    def name(self) -> str:
        """The owner as displayed."""
        return self.owner.replace("/", " ", 1)

    @property
    def per_hour(self) -> Decimal:
        """Dollars per hour of the resources with a known price."""
        return total(self.resources)

    @property
    def unknown(self) -> list[str]:
        """Kind and id of the resources whose price is unknown."""
        return [f"{resource.kind} {resource.id}" for resource in self.resources if resource.per_hour is None]

    @property
    def what(self) -> str:
        """A short description of the billed resources."""
        return ", ".join(_phrases(self.resources))


def total(resources: Iterable[Resource]) -> Decimal:
    """Return dollars per hour of the resources with a known price."""
    return sum((resource.per_hour for resource in resources if resource.per_hour is not None), Decimal(0))


def kind_of(resource: Resource) -> str:
    """Return the kind in KINDS that a resource counts towards."""
    return KINDS.get(resource.item.name.partition("/")[0], "disks") if resource.item else "machines"


def by_kind(resources: Iterable[Resource]) -> dict[str, Decimal]:
    """Return dollars per hour by kind, in the order of KINDS, without zeros."""
    sums = dict.fromkeys(KINDS.values(), Decimal(0))
    for resource in resources:
        if resource.per_hour:
            sums[kind_of(resource)] += resource.per_hour
    return {kind: amount for kind, amount in sums.items() if amount}


def find_everything(finder: ResourceFinder, machines: list[FleetMachine], networks: Iterable[str]) -> list[Resource]:
    """Return all billable resources of the fleet, the networks and what is left.

    They belong to users with a stack or machine, to users of whom a disk was left, to images of ami_bake, and to
    networks. What is named like ours and may be anybody's goes to `finder.not_known`.
    """
    find_images(finder, IMAGE_NAMES)
    users = sorted({machine.user for machine in machines} | set(_named_users(finder.clients)), key=by_number)
    if users:
        find_charged(finder, users)
    own = {machine.user for machine in machines if machine.network == machine.user}
    owners = {network: network if network in own else f"{SHARED}{network}" for network in networks}
    balancers = ((owners.get(network_of(tags) or ""), item) for tags, item in load_balancers(finder.clients))
    add_load_balancers(finder, ((owner, item) for owner, item in balancers if owner))
    find_endpoints(finder, {network_stack_name(network): owner for network, owner in owners.items()})
    return finder.found


def rows(found: Iterable[Resource], machines: list[FleetMachine], today: date) -> list[Row]:
    """Return a row for each owner: overdue first, then by cost, shared ones last.

    Rows with an unknown price come before others, as they may cost the most.
    """
    by_user = {machine.user: machine for machine in machines}
    resources: dict[str, list[Resource]] = {}
    for resource in found:
        if resource.item or resource.kind.startswith("instance"):
            resources.setdefault(resource.owner, []).append(resource)
    made = []
    for owner, own in resources.items():
        machine = by_user.get(owner)
        end = end_date(machine.expires) if machine else None
        days_over = max((today - end).days, 0) if end else 0
        made.append(Row(owner, tuple(own), machine, days_over))
    return sorted(
        made, key=lambda row: ("/" in row.owner, -row.days_over, not row.unknown, -row.per_hour, by_number(row.owner))
    )


def bill(found: Iterable[Resource], listed: prices.PriceList) -> prices.Bill:
    """Return the bill by price item, with the day of the oldest price."""
    items: dict[str, prices.Item] = {}
    counts: Counter[str] = Counter()
    for resource in found:
        if resource.item:
            items[resource.item.name] = resource.item
            counts[resource.item.name] += resource.count
    order = list(KINDS)
    names = sorted(items, key=lambda name: (_kind_index(name, order), name))
    lines = tuple(prices.Line(_label(name), counts[name], listed.per_hour(items[name])) for name in names)
    return prices.Bill(lines, listed.as_of(items.values()))


def _named_users(clients: AwsClients) -> list[str]:
    """Return users found by Name tags; some may own a disk without a stack."""
    filters = [{"Name": "key", "Values": ["Name"]}, {"Name": "value", "Values": ["*/instance"]}]
    names = {
        tag["Value"].partition("/")[0] for tag in clients.read_all("ec2", "describe_tags", "Tags", Filters=filters)
    }
    return [name for name in names if user_of_instance_tag(instance_tag(name)) == name]


def _kind_index(name: str, order: list[str]) -> int:
    first = name.partition("/")[0]
    return order.index(first) if first in order else len(order)


def _label(name: str) -> str:
    first, _, rest = name.partition("/")
    return _UNITS[first].format(rest) if first in _UNITS else _NAMES.get(first, name)


def _phrases(resources: Iterable[Resource]) -> list[str]:
    """Return phrases such as "t3.medium running" or "30 GiB gp3", equal kinds summed."""
    machines: list[str] = []
    disks, others, snapshots = Counter[str](), Counter[str](), list[int]()
    for resource in resources:
        first = resource.item.name.partition("/")[0] if resource.item else "instance"
        if resource.kind.startswith("instance "):
            machines.append(resource.kind.removeprefix("instance "))
        elif first == "volume":
            disks[resource.kind.partition(" GiB ")[2]] += resource.count
        elif first == "snapshot":
            snapshots.append(resource.count)
        else:
            others[_PHRASES.get(first, resource.kind)] += resource.count
    phrases = [*machines, *(f"{size} GiB {kind}" for kind, size in sorted(disks.items()))]
    phrases += [_counted(count, what) for what, count in sorted(others.items())]
    return [*phrases, f"{_counted(len(snapshots), 'snapshot')} of up to {sum(snapshots)} GiB"] if snapshots else phrases


def _counted(count: int, what: str) -> str:
    plural = "" if count == 1 else "es" if what.endswith("s") else "s"
    return f"{count} {what}{plural}"
