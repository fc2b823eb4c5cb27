"""What there is of users or networks at AWS, and what it costs: the plan and the proof of a deletion. Reads only.

Everything is found by its Name tag (`<user>/...`, `network/<network>...`), its stack's name or its host name, in
requests for all users together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ansible.module_utils import probcomp_prices as prices
from ansible.module_utils.probcomp_names import network_stack_name, stack_name
from ansible.module_utils.probcomp_preflight import Cloud, tags_of

Item = dict[str, Any]
"""Something as AWS describes it."""
VALUES_PER_FILTER = 200
"""Most values that a filter of EC2 takes."""
ARNS_PER_REQUEST = 20
"""Most load balancers or target groups whose tags are answered at once."""
RUNNING = ("pending", "running")
GONE = ("shutting-down", "terminated", "deleting", "deleted", "delete-complete")
"""States of things that are on their way out and cost no more."""


@dataclass(frozen=True)
class Leftover:
    """One thing of `owner`. `per_hour` in dollars, 0 for what is free, None for an unknown price."""

    owner: str
    kind: str
    id: str
    per_hour: Decimal | None = Decimal(0)

    @property
    def per_day(self) -> str | None:
        """Dollars per day as text, None when the price is unknown."""
        return None if self.per_hour is None else prices.dollars(self.per_hour * 24)

    @property
    def text(self) -> str:
        """The thing in one line."""
        cost = f"${self.per_day} per day" if self.per_hour else "free"
        if self.per_hour is None:
            cost = "price unknown"
        return f"{self.owner}: {self.kind} {self.id} ({cost})"

    def as_data(self) -> dict[str, Any]:
        """Return the thing as plain data."""
        return {"user": self.owner, "kind": self.kind, "id": self.id, "per_day": self.per_day, "text": self.text}


@dataclass
class Search:
    """Looks for the things of some owners."""

    cloud: Cloud
    listed: prices.PriceList
    found: list[Leftover] = field(default_factory=list)

    def add(self, owner: str, kind: str, identity: str, item: prices.Item | None = None, count: int = 1) -> None:
        """Add a thing; `item` is what is charged for it, `count` times."""
        unit = Decimal(0) if item is None else self.listed.per_hour(item)
        self.found.append(Leftover(owner, kind, identity, None if unit is None else unit * count))

    def stacks(self, names: dict[str, str]) -> None:
        """Find the stacks with `names`, by name whose."""
        for stack in self.cloud.read_all("cloudformation", "describe_stacks", "Stacks"):
            owner = names.get(stack["StackName"])
            if owner and stack["StackStatus"] != "DELETE_COMPLETE":
                self.add(owner, "stack", f"{stack['StackName']} {stack['StackStatus']}")

    def tagged(self, operation: str, key: str, owners: dict[str, str], **request: Any) -> Iterator[tuple[str, Item]]:
        """Yield what EC2 has under Name tags that begin with one of `owners` (prefix -> owner), with its owner."""
        for filters in name_filters(owners):
            for item in self.cloud.read_all("ec2", operation, key, Filters=filters, **request):
                if owner := owner_of(tags_of(item).get("Name", ""), owners):
                    yield owner, item

    def elbv2(self, operation: str, key: str, arn: str, owners: dict[str, str]) -> list[tuple[str, Item]]:
        """Return load balancers or target groups whose Name tag begins with one of `owners`, with their owner."""
        items = {item[arn]: item for item in self.cloud.read_all("elbv2", operation, key)}
        arns = sorted(items)
        matching = []
        for start in range(0, len(arns), ARNS_PER_REQUEST):
            part = arns[start : start + ARNS_PER_REQUEST]
            for entry in self.cloud.read("elbv2", "describe_tags", ResourceArns=part)["TagDescriptions"]:
                if owner := owner_of(tags_of(entry).get("Name", ""), owners):
                    matching.append((owner, items[entry["ResourceArn"]]))
        return matching


def owner_of(name: str, owners: dict[str, str]) -> str | None:
    """Return whose a Name tag is: `owners` maps a whole tag, or its beginning up to a slash, to the owner."""
    if name in owners:
        return owners[name]
    parts = name.split("/")
    beginnings = ("/".join(parts[:count]) + "/" for count in range(1, len(parts)))
    return next((owners[beginning] for beginning in beginnings if beginning in owners), None)


def name_filters(owners: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield EC2's filters for Name tags that begin with one of `owners`."""
    for part in _parts(owners):
        yield [{"Name": "tag:Name", "Values": [f"{prefix}*" for prefix in part]}]


def find_machines(search: Search, users: list[str], stack_domain: str, zone: str) -> None:
    """Find what there is of the machines of `users`."""
    owners = {f"{user}/": user for user in users}
    search.stacks({stack_name(user): user for user in users})
    instances = _find_instances(search, owners)
    _find_volumes(search, owners, instances)
    _find_kept(search, owners)
    _find_addresses(search, owners, instances)
    groups = _find_groups(search, owners)
    _find_interfaces(search, groups, instances)
    for owner, item in search.elbv2("describe_target_groups", "TargetGroups", "TargetGroupArn", owners):
        search.add(owner, "target group", item["TargetGroupName"])
    _find_rules(search, {f"{user}.{stack_domain}": user for user in users})
    names = {f"{user}.{stack_domain}.": user for user in users}
    _find_records(search, names | {f"ssh.{name}": user for name, user in names.items()}, zone)


def find_networks(search: Search, networks: list[str]) -> None:
    """Find what there is of `networks` themselves, without the machines in them."""
    owners = {f"network/{name}{end}": name for name in networks for end in ("", "/")}
    search.stacks({network_stack_name(name): name for name in networks})
    for owner, item in search.elbv2("describe_load_balancers", "LoadBalancers", "LoadBalancerArn", owners):
        search.add(owner, "load balancer", item["LoadBalancerName"], prices.LOAD_BALANCER)
        zones = len(item.get("AvailabilityZones", []))
        search.add(owner, "addresses of load balancer", item["LoadBalancerName"], prices.PUBLIC_ADDRESS, zones)
    exact = {name: owner for name, owner in owners.items() if not name.endswith("/")}
    kinds = (
        ("describe_vpcs", "Vpcs", "VPC", "VpcId", exact),
        ("describe_internet_gateways", "InternetGateways", "internet gateway", "InternetGatewayId", exact),
        ("describe_subnets", "Subnets", "subnet", "SubnetId", owners),
    )
    for operation, key, kind, identity, tags in kinds:
        for owner, item in search.tagged(operation, key, tags):
            search.add(owner, kind, item[identity])
    groups = _find_groups(search, owners)
    _find_interfaces(search, groups, {})


def _find_instances(search: Search, owners: dict[str, str]) -> dict[str, str]:
    """Return the owner of each instance that is not on its way out."""
    instances: dict[str, str] = {}
    for owner, instance in _instances(search, owners):
        state, identity = instance["State"]["Name"], instance["InstanceId"]
        if state in GONE:
            continue
        instances[identity] = owner
        kind = instance["InstanceType"]
        search.add(owner, f"instance {kind} {state}", identity, prices.instance(kind) if state in RUNNING else None)
        if address := instance.get("PublicIpAddress"):
            search.add(owner, "public address", address, prices.PUBLIC_ADDRESS)
    return instances


def _instances(search: Search, owners: dict[str, str]) -> Iterator[tuple[str, Item]]:
    for filters in name_filters(owners):
        for reservation in search.cloud.read_all("ec2", "describe_instances", "Reservations", Filters=filters):
            for instance in reservation["Instances"]:
                if owner := owner_of(tags_of(instance).get("Name", ""), owners):
                    yield owner, instance


def _find_volumes(search: Search, owners: dict[str, str], instances: dict[str, str]) -> None:
    found = {item["VolumeId"]: (owner, item) for owner, item in search.tagged("describe_volumes", "Volumes", owners)}
    # The disk of a machine that was not made by our template may bear no name.
    for identities in _parts(instances):
        filters = [{"Name": "attachment.instance-id", "Values": identities}]
        for item in search.cloud.read_all("ec2", "describe_volumes", "Volumes", Filters=filters):
            found.setdefault(item["VolumeId"], (instances[item["Attachments"][0]["InstanceId"]], item))
    for identity, (owner, item) in found.items():
        if item["State"] not in GONE:
            kind = item.get("VolumeType", "gp2")
            search.add(owner, f"volume {item['Size']} GiB {kind}", identity, prices.volume(kind), item["Size"])


def _find_kept(search: Search, owners: dict[str, str]) -> None:
    for owner, item in search.tagged("describe_snapshots", "Snapshots", owners, OwnerIds=["self"]):
        size = item["VolumeSize"]
        search.add(owner, f"snapshot of up to {size} GiB", item["SnapshotId"], prices.SNAPSHOT, size)
    for owner, item in search.tagged("describe_images", "Images", owners, Owners=["self"]):
        search.add(owner, "image", item["ImageId"])


def _find_addresses(search: Search, owners: dict[str, str], instances: dict[str, str]) -> None:
    for item in search.cloud.read("ec2", "describe_addresses")["Addresses"]:
        owner = owner_of(tags_of(item).get("Name", ""), owners) or instances.get(item.get("InstanceId", ""))
        if owner:
            price = prices.PUBLIC_ADDRESS if item.get("AssociationId") else prices.IDLE_ADDRESS
            search.add(owner, "elastic address", item["PublicIp"], price)


def _find_groups(search: Search, owners: dict[str, str]) -> dict[str, str]:
    groups = {}
    for owner, item in search.tagged("describe_security_groups", "SecurityGroups", owners):
        groups[item["GroupId"]] = owner
        search.add(owner, "security group", item["GroupId"])
    return groups


def _find_interfaces(search: Search, groups: dict[str, str], instances: dict[str, str]) -> None:
    """Network interfaces have no names of ours; those that keep one of our security groups from going are ours."""
    for identities in _parts(groups):
        filters = [{"Name": "group-id", "Values": identities}]
        for item in search.cloud.read_all("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=filters):
            if item.get("Attachment", {}).get("InstanceId", "") in instances:
                continue
            owner = next(groups[group["GroupId"]] for group in item["Groups"] if group["GroupId"] in groups)
            search.add(owner, "network interface", item["NetworkInterfaceId"])


def _find_rules(search: Search, hosts: dict[str, str]) -> None:
    """Find the rules for `hosts` on the load balancers of all our networks."""
    for _, balancer in search.elbv2(
        "describe_load_balancers", "LoadBalancers", "LoadBalancerArn", {"network/": "network"}
    ):
        request = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
        for listener in search.cloud.read_all("elbv2", "describe_listeners", "Listeners", **request):
            arn = listener["ListenerArn"]
            for rule in search.cloud.read_all("elbv2", "describe_rules", "Rules", ListenerArn=arn):
                values = [value for condition in rule["Conditions"] for value in condition_values(condition)]
                if owner := next((hosts[value] for value in values if value in hosts), None):
                    search.add(owner, "listener rule", rule["RuleArn"].rpartition(":")[2])


def condition_values(condition: dict[str, Any]) -> list[str]:
    """Return the host names of a rule's condition."""
    if condition.get("Field") != "host-header":
        return []
    return condition.get("HostHeaderConfig", {}).get("Values") or condition.get("Values", [])


def _find_records(search: Search, names: dict[str, str], zone: str) -> None:
    wanted = zone.rstrip(".").lower() + "."
    answer = search.cloud.read("route53", "list_hosted_zones_by_name", DNSName=wanted, MaxItems="100")
    for hosted in (item for item in answer["HostedZones"] if item["Name"] == wanted):
        request = {"HostedZoneId": hosted["Id"]}
        for record in search.cloud.read_all("route53", "list_resource_record_sets", "ResourceRecordSets", **request):
            if owner := names.get(record["Name"].lower()):
                search.add(owner, "record", f"{record['Name']} {record['Type']}")


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    items = list(values)
    for start in range(0, len(items), VALUES_PER_FILTER):
        yield items[start : start + VALUES_PER_FILTER]
