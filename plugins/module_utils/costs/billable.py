"""What of users and networks AWS takes money for: machines, disks, snapshots, images, addresses, load balancers.

Used by probcomp_leftovers for the plan and the proof of a deletion, and by the burn rate. Reads only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ..aws import prices
from ..aws.client import tags_of
from ..common.names import stack_name
from .resources import Item, ResourceFinder, name_filters, owner_of, parts

_STACK_TAG = "aws:cloudformation:stack-name"
RUNNING = ("pending", "running")
GONE = ("shutting-down", "terminated", "deleting", "deleted", "delete-complete")
"""States of things that are on their way out and cost no more."""


def find_charged(finder: ResourceFinder, users: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Find what of `users` AWS takes money for; return the owners of instances, and of volumes, by id."""
    owners = {f"{user}/": user for user in users}
    elastic = finder.clients.read("ec2", "describe_addresses")["Addresses"]
    instances = _find_instances(finder, owners, {item.get("PublicIp", "") for item in elastic})
    volumes = _find_volumes(finder, owners, instances)
    _find_kept(finder, owners, volumes)
    _find_addresses(finder, owners, instances, elastic)
    return instances, volumes


def add_load_balancers(finder: ResourceFinder, balancers: Iterable[tuple[str, Item]]) -> None:
    """Add load balancers, each with its owner, and their public addresses.

    One address in each zone, more when AWS has scaled it up; the interfaces of all are asked for together.
    """
    found = list(balancers)
    public = {_interface_of(item) for _, item in found if _is_public(item)}
    seen: Counter[str] = Counter()
    for descriptions in parts(sorted(public)):
        filters = [{"Name": "description", "Values": descriptions}]
        for node in finder.clients.read_all("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=filters):
            seen[node["Description"]] += bool(node.get("Association", {}).get("PublicIp"))
    for owner, item in found:
        name, zones = item["LoadBalancerName"], len(item.get("AvailabilityZones", []))
        finder.add(owner, "load balancer", name, prices.LOAD_BALANCER)
        if _is_public(item):
            count = max(seen[_interface_of(item)], zones)
            finder.add(owner, "addresses of load balancer", name, prices.PUBLIC_ADDRESS, count)


def _is_public(balancer: Item) -> bool:
    return bool(balancer.get("Scheme", "internet-facing") == "internet-facing")


def _interface_of(balancer: Item) -> str:
    """Return how AWS describes the network interfaces of a load balancer."""
    return f"ELB {balancer['LoadBalancerArn'].partition(':loadbalancer/')[2]}"


def _find_instances(finder: ResourceFinder, owners: dict[str, str], elastic: set[str]) -> dict[str, str]:
    """Return the owner of each instance that is not on its way out. Addresses in `elastic` are found elsewhere."""
    instances: dict[str, str] = {}
    for owner, instance in _instances(finder, owners):
        state, identity = instance["State"]["Name"], instance["InstanceId"]
        if state in GONE:
            continue
        instances[identity] = owner
        kind = instance["InstanceType"]
        price = priced_as(instance) if state in RUNNING else None
        finder.add(owner, f"instance {kind} {state}", identity, price)
        for address in public_addresses(instance):
            if address not in elastic:
                finder.add(owner, "public address", address, prices.PUBLIC_ADDRESS)
    return instances


def priced_as(instance: Item) -> prices.Item:
    """Return what a running instance is charged as; one that we did not make so (spot, Windows) has no known price."""
    kind = instance["InstanceType"]
    ours = "InstanceLifecycle" not in instance and "Platform" not in instance
    tenancy = instance.get("Placement", {}).get("Tenancy", "default")
    return prices.instance(kind) if ours and tenancy == "default" else prices.unlisted(f"instance/{kind}")


def public_addresses(instance: Item) -> list[str]:
    """Return the public IPv4 addresses of all interfaces of an instance."""
    interfaces = instance.get("NetworkInterfaces", [])
    private = [item for interface in interfaces for item in interface.get("PrivateIpAddresses", [])]
    found = [item.get("Association", {}).get("PublicIp") for item in [*interfaces, *private]]
    return sorted({address for address in [instance.get("PublicIpAddress"), *found] if address})


def _instances(finder: ResourceFinder, owners: dict[str, str]) -> Iterator[tuple[str, Item]]:
    """Yield instances by their Name tag, and those of a user's stack whose Name tag somebody changed."""
    stacks = {stack_name(owner): owner for owner in owners.values()}
    by_stack = ([{"Name": f"tag:{_STACK_TAG}", "Values": part}] for part in parts(stacks))
    seen = set()
    for filters in (*name_filters(owners), *by_stack):
        for reservation in finder.clients.read_all("ec2", "describe_instances", "Reservations", Filters=filters):
            for instance in reservation["Instances"]:
                tags = tags_of(instance)
                owner = owner_of(tags.get("Name", ""), owners) or stacks.get(tags.get(_STACK_TAG, ""))
                if owner and instance["InstanceId"] not in seen:
                    seen.add(instance["InstanceId"])
                    yield owner, instance


def _find_volumes(finder: ResourceFinder, owners: dict[str, str], instances: dict[str, str]) -> dict[str, str]:
    """Return the owner of each volume."""
    found = {item["VolumeId"]: (owner, item) for owner, item in finder.tagged("describe_volumes", "Volumes", owners)}
    # The disk of a machine that was not made by our template may bear no name.
    for identities in parts(instances):
        filters = [{"Name": "attachment.instance-id", "Values": identities}]
        for item in finder.clients.read_all("ec2", "describe_volumes", "Volumes", Filters=filters):
            found.setdefault(item["VolumeId"], (instances[item["Attachments"][0]["InstanceId"]], item))
    for identity, (owner, item) in found.items():
        if item["State"] not in GONE:
            kind = item.get("VolumeType", "gp2")
            state = "" if item.get("Attachments") else " unattached"
            size = item["Size"]
            finder.add(owner, f"volume {size} GiB {kind}{state}", identity, prices.volume(kind), size)
            if extra := prices.provisioned(kind, item.get("Iops", 0), item.get("Throughput", 0)):
                finder.add(owner, f"disk {kind} of extra speed", identity, extra)
    return {identity: owner for identity, (owner, _) in found.items()}


def find_images(finder: ResourceFinder, names: str) -> None:
    """Find the account's images whose Name tag fits `names`, for the owner `image/<name>`, and what they consist of."""

    def named(operation: str, key: str, **request: Any) -> Iterator[tuple[str, Item]]:
        filters = [{"Name": "tag:Name", "Values": [names]}]
        for item in finder.clients.read_all("ec2", operation, key, Filters=filters, **request):
            yield f"image/{tags_of(item)['Name']}", item

    snapshots = named("describe_snapshots", "Snapshots", OwnerIds=["self"])
    _add_kept(finder, snapshots, named("describe_images", "Images", Owners=["self"]), {})


def _find_kept(finder: ResourceFinder, owners: dict[str, str], volumes: dict[str, str]) -> None:
    snapshots = finder.tagged("describe_snapshots", "Snapshots", owners, OwnerIds=["self"])
    _add_kept(finder, snapshots, finder.tagged("describe_images", "Images", owners, Owners=["self"]), volumes)


def _add_kept(
    finder: ResourceFinder,
    snapshots: Iterable[tuple[str, Item]],
    images: Iterable[tuple[str, Item]],
    volumes: dict[str, str],
) -> None:
    """Add images and snapshots; somebody's snapshot of a disk, or one behind an image, may bear no name of its own."""
    found = {item["SnapshotId"]: (owner, item) for owner, item in snapshots}
    behind: dict[str, str] = {}
    for owner, image in images:
        finder.add(owner, "image", image["ImageId"])
        behind |= dict.fromkeys(snapshots_of(image), owner)
    for name, whose in (("volume-id", volumes), ("snapshot-id", behind)):
        for identities in parts(sorted(whose.keys() - found.keys())):
            request = {"OwnerIds": ["self"], "Filters": [{"Name": name, "Values": identities}]}
            for item in finder.clients.read_all("ec2", "describe_snapshots", "Snapshots", **request):
                owner = whose.get(item["VolumeId"]) or whose[item["SnapshotId"]]
                found.setdefault(item["SnapshotId"], (owner, item))
    for identity, (owner, item) in found.items():
        size = item["VolumeSize"]
        finder.add(owner, f"snapshot of up to {size} GiB", identity, prices.SNAPSHOT, size)


def snapshots_of(image: Item) -> list[str]:
    """Return the ids of the snapshots that an image consists of; they are what is charged for it."""
    mappings = image.get("BlockDeviceMappings", [])
    return [mapping["Ebs"]["SnapshotId"] for mapping in mappings if mapping.get("Ebs", {}).get("SnapshotId")]


def _find_addresses(
    finder: ResourceFinder, owners: dict[str, str], instances: dict[str, str], elastic: list[Item]
) -> None:
    for item in elastic:
        owner = owner_of(tags_of(item).get("Name", ""), owners) or instances.get(item.get("InstanceId", ""))
        if owner:
            price = prices.PUBLIC_ADDRESS if item.get("AssociationId") else prices.IDLE_ADDRESS
            finder.add(owner, "elastic address", item["PublicIp"], price)
