"""Find billable resources of users and networks at AWS. Reads only."""

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
"""States of resources in deletion, which are no longer billed."""


def find_charged(finder: ResourceFinder, users: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Find billable resources of `users`; return owners of instances and volumes."""
    owners = {f"{user}/": user for user in users}
    elastic = finder.clients.read("ec2", "describe_addresses")["Addresses"]
    instances = _find_instances(finder, owners, {item.get("PublicIp", "") for item in elastic})
    volumes = _find_volumes(finder, owners, instances)
    _find_kept(finder, owners, volumes)
    _find_addresses(finder, owners, instances, elastic)
    return instances, volumes


def add_load_balancers(finder: ResourceFinder, balancers: Iterable[tuple[str, Item]]) -> None:
    """Add load balancers, each with its owner, and their public addresses.

    There is one address in each zone, and more after AWS has scaled a load balancer up.
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
    """Return the description of a load balancer's network interfaces."""
    return f"ELB {balancer['LoadBalancerArn'].partition(':loadbalancer/')[2]}"


def _find_instances(finder: ResourceFinder, owners: dict[str, str], elastic: set[str]) -> dict[str, str]:
    """Add instances and public addresses, except `elastic` ones; return the owners."""
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
    """Return the price item of a running instance, unlisted for spot and Windows."""
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
    """Yield instances by Name tag, or by stack when the Name tag was changed."""
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
    """Add volumes; return the owner of each."""
    found = {item["VolumeId"]: (owner, item) for owner, item in finder.tagged("describe_volumes", "Volumes", owners)}
    # A volume may have no Name tag when its machine was not created from our template.
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
    """Add the account's images with a Name tag like `names`, and their snapshots.

    Their owner is `image/<name>`.
    """

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
    """Add images and snapshots, also unnamed snapshots of volumes and images."""
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
    """Return the ids of an image's snapshots, which are what is billed."""
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
