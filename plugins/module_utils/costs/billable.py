"""Find billable resources of users and networks at AWS. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ..aws import prices
from ..aws.client import parts, tags_of
from ..aws.ownership import by_stack, carries_own_tags, machine_stacks, user_of
from .resources import Item, ResourceFinder, name_filters, owner_of

RUNNING = ("pending", "running")
GONE = ("shutting-down", "terminated", "deleting", "deleted", "delete-complete")
"""States of resources in deletion, which are no longer billed."""


def find_charged(finder: ResourceFinder, users: list[str]) -> dict[str, str]:
    """Find billable resources of `users`; return the owner of each instance."""
    owners = {f"{user}/": user for user in users}
    elastic = finder.clients.read("ec2", "describe_addresses")["Addresses"]
    instances = _find_instances(finder, users, owners, {item.get("PublicIp", "") for item in elastic})
    volumes = _find_volumes(finder, owners, instances)
    images = finder.named("describe_images", "Images", owners, Owners=["self"])
    snapshots = finder.named("describe_snapshots", "Snapshots", owners, OwnerIds=["self"])
    add_kept(finder, [*images, *_images_of(finder, instances)], snapshots, instances, volumes)
    _find_addresses(finder, owners, instances, elastic)
    return instances


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


def find_endpoints(finder: ResourceFinder, stacks: dict[str, str]) -> tuple[dict[str, str], set[str]]:
    """Add the VPC endpoints in the networks of `stacks`, whoever made them.

    Returns the owners of the VPCs, by id, and the network interfaces of the endpoints.
    """
    interfaces: set[str] = set()
    vpcs = {item["VpcId"]: owner for owner, item in finder.made("describe_vpcs", "Vpcs", stacks)}
    for identities in parts(vpcs):
        filters = [{"Name": "vpc-id", "Values": identities}]
        for item in finder.clients.read_all("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=filters):
            interfaces |= set(item.get("NetworkInterfaceIds", []))
            if item["State"].lower() not in GONE:
                zones = len(item.get("SubnetIds", []))
                price = None if item["VpcEndpointType"] == "Gateway" else prices.VPC_ENDPOINT
                kind = f"VPC endpoint {item['ServiceName'].rpartition('.')[2]}"
                finder.add(vpcs[item["VpcId"]], kind, item["VpcEndpointId"], price, max(zones, 1), has_stranger=True)
    return vpcs, interfaces


def _is_public(balancer: Item) -> bool:
    return bool(balancer.get("Scheme", "internet-facing") == "internet-facing")


def _interface_of(balancer: Item) -> str:
    """Return the description of a load balancer's network interfaces."""
    return f"ELB {balancer['LoadBalancerArn'].partition(':loadbalancer/')[2]}"


def _find_instances(
    finder: ResourceFinder, users: list[str], owners: dict[str, str], elastic: set[str]
) -> dict[str, str]:
    """Add instances and public addresses, except `elastic` ones; return the owners."""
    instances: dict[str, str] = {}
    for filters in by_stack(machine_stacks(users)):
        for instance in finder.clients.instances(filters):
            owner = user_of(tags_of(instance))
            if owner and instance["State"]["Name"] not in GONE:
                instances[instance["InstanceId"]] = owner
                finder.add(owner, *as_resource(instance))
                for address in public_addresses(instance):
                    if address not in elastic:
                        finder.add(owner, "public address", address, prices.PUBLIC_ADDRESS)
    for filters in name_filters(owners):
        for instance in finder.clients.instances(filters):
            named = owner_of(tags_of(instance).get("Name", ""), owners)
            if named and user_of(tags_of(instance)) is None and instance["State"]["Name"] not in GONE:
                finder.add_not_known(named, *as_resource(instance), has_stranger=True)
    return instances


def as_resource(instance: Item) -> tuple[str, str, prices.Item | None]:
    """Return kind, id and price item of an instance."""
    state, kind = instance["State"]["Name"], instance["InstanceType"]
    return f"instance {kind} {state}", instance["InstanceId"], priced_as(instance) if state in RUNNING else None


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


def _find_volumes(finder: ResourceFinder, owners: dict[str, str], instances: dict[str, str]) -> dict[str, str]:
    """Add volumes; return the owner of each that is ours.

    Ours are those of our instances, and those that are attached to nothing and carry our tags.
    """
    found: dict[str, str] = {}
    for part in parts(instances):
        filters = [{"Name": "attachment.instance-id", "Values": part}]
        for item in finder.clients.read_all("ec2", "describe_volumes", "Volumes", Filters=filters):
            attached = (instances.get(disk["InstanceId"]) for disk in item["Attachments"])
            _add_volume(finder, found, next(owner for owner in attached if owner), item)
    for named, item in finder.named("describe_volumes", "Volumes", owners):
        if item["VolumeId"] in found or item["State"] in GONE:
            continue
        if not item.get("Attachments") and carries_own_tags(tags_of(item)):
            _add_volume(finder, found, named, item)
        else:
            kind, price, size = _volume_kind(item)
            finder.add_not_known(named, kind, item["VolumeId"], price, size, bool(item.get("Attachments")))
    return found


def _add_volume(finder: ResourceFinder, found: dict[str, str], owner: str, item: Item) -> None:
    if item["State"] in GONE:
        return
    found[item["VolumeId"]] = owner
    kind, price, size = _volume_kind(item)
    finder.add(owner, kind, item["VolumeId"], price, size)
    name = item.get("VolumeType", "gp2")
    if extra := prices.provisioned(name, item.get("Iops", 0), item.get("Throughput", 0)):
        finder.add(owner, f"disk {name} of extra speed", item["VolumeId"], extra)


def _volume_kind(item: Item) -> tuple[str, prices.Item, int]:
    """Return kind, price item and GiB of a volume."""
    kind, size = item.get("VolumeType", "gp2"), item["Size"]
    state = "" if item.get("Attachments") else " unattached"
    return f"volume {size} GiB {kind}{state}", prices.volume(kind), size


def find_images(finder: ResourceFinder, names: str) -> None:
    """Find the images of ami_bake, by their Name tags `names`, and their snapshots.

    Their owner is `image/<name>`.
    """

    def named(operation: str, key: str, **request: Any) -> list[tuple[str, Item]]:
        filters = [{"Name": "tag:Name", "Values": [names]}]
        items = finder.clients.read_all("ec2", operation, key, Filters=filters, **request)
        return [(f"image/{tags_of(item)['Name']}", item) for item in items]

    snapshots = named("describe_snapshots", "Snapshots", OwnerIds=["self"])
    add_kept(finder, named("describe_images", "Images", Owners=["self"]), snapshots, {}, {})


def _images_of(finder: ResourceFinder, instances: dict[str, str]) -> Iterator[tuple[str, Item]]:
    """Yield the images that were made of our instances, whatever their names are."""
    for part in parts(instances):
        filters = [{"Name": "source-instance-id", "Values": part}]
        for item in finder.clients.read_all("ec2", "describe_images", "Images", Owners=["self"], Filters=filters):
            yield instances[item["SourceInstanceId"]], item


def add_kept(
    finder: ResourceFinder,
    images: Iterable[tuple[str, Item]],
    snapshots: Iterable[tuple[str, Item]],
    instances: dict[str, str],
    volumes: dict[str, str],
) -> None:
    """Add images and snapshots, also unnamed snapshots of our volumes and images.

    Snapshots of our volumes and images are added without a name of ours, too. An image is ours when it was made of one
    of our `instances`, a snapshot when it is of one of our `volumes` or images. Those with our tags are ours, too,
    unless what they were made of belongs to others.
    """
    by_id = {image["ImageId"]: (owner, image) for owner, image in images}
    sources = {image.get("SourceInstanceId", "") for _, image in by_id.values()} - {*instances, ""}
    strangers = _strangers(finder, sources)
    behind: dict[str, str] = {}
    for identity, (owner, image) in by_id.items():
        source = image.get("SourceInstanceId", "")
        if source in instances or (carries_own_tags(tags_of(image)) and source not in strangers):
            behind |= dict.fromkeys(snapshots_of(image), owner)
            finder.add(owner, "image", identity)
        else:
            finder.add_not_known(owner, "image", identity, has_stranger=source in strangers)
    found = {item["SnapshotId"]: (owner, item) for owner, item in snapshots}
    for name, whose in (("volume-id", volumes), ("snapshot-id", behind)):
        for identities in parts(sorted(whose.keys() - found.keys())):
            request = {"OwnerIds": ["self"], "Filters": [{"Name": name, "Values": identities}]}
            for item in finder.clients.read_all("ec2", "describe_snapshots", "Snapshots", **request):
                found.setdefault(item["SnapshotId"], ("", item))
    _add_snapshots(finder, found, volumes, behind)


def _add_snapshots(
    finder: ResourceFinder, found: dict[str, tuple[str, Item]], volumes: dict[str, str], behind: dict[str, str]
) -> None:
    """Add snapshots, by id, each with the user or image that its Name tag names."""
    unclear = {item["VolumeId"] for identity, (_, item) in found.items() if identity not in behind} - volumes.keys()
    theirs = _volumes_of_strangers(finder, unclear)
    for identity, (named, item) in found.items():
        kind, size = f"snapshot of up to {item['VolumeSize']} GiB", item["VolumeSize"]
        owner = behind.get(identity) or volumes.get(item["VolumeId"])
        if owner or (carries_own_tags(tags_of(item)) and item["VolumeId"] not in theirs):
            finder.add(owner or named, kind, identity, prices.SNAPSHOT, size)
        else:
            finder.add_not_known(named, kind, identity, prices.SNAPSHOT, size, item["VolumeId"] in theirs)


def _strangers(finder: ResourceFinder, instances: Iterable[str]) -> set[str]:
    """Return those of the instance ids that are live and not ours.

    No stack of ours made them.
    """
    found = finder.clients.instances_by_id(sorted(instances))
    return {
        identity
        for identity, instance in found.items()
        if instance["State"]["Name"] not in GONE and user_of(tags_of(instance)) is None
    }


def _volumes_of_strangers(finder: ResourceFinder, volumes: Iterable[str]) -> set[str]:
    """Return those of the volume ids that are attached to others' instances."""
    attached: dict[str, set[str]] = {}
    for part in parts(sorted(volumes)):
        filters = [{"Name": "volume-id", "Values": part}]
        for item in finder.clients.read_all("ec2", "describe_volumes", "Volumes", Filters=filters):
            attached[item["VolumeId"]] = {disk["InstanceId"] for disk in item.get("Attachments", [])}
    strangers = _strangers(finder, {identity for found in attached.values() for identity in found})
    return {identity for identity, found in attached.items() if found & strangers}


def snapshots_of(image: Item) -> list[str]:
    """Return the ids of an image's snapshots, which are what is billed."""
    mappings = image.get("BlockDeviceMappings", [])
    return [mapping["Ebs"]["SnapshotId"] for mapping in mappings if mapping.get("Ebs", {}).get("SnapshotId")]


def _find_addresses(
    finder: ResourceFinder, owners: dict[str, str], instances: dict[str, str], elastic: list[Item]
) -> None:
    for item in elastic:
        price = prices.PUBLIC_ADDRESS if item.get("AssociationId") else prices.IDLE_ADDRESS
        named = owner_of(tags_of(item).get("Name", ""), owners)
        is_free = not item.get("AssociationId")
        if owner := instances.get(item.get("InstanceId", "")):
            finder.add(owner, "elastic address", item["PublicIp"], price)
        elif named and is_free and carries_own_tags(tags_of(item)):
            finder.add(named, "elastic address", item["PublicIp"], price)
        elif named:
            finder.add_not_known(named, "elastic address", item["PublicIp"], price, has_stranger=not is_free)
