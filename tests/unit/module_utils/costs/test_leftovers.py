"""Leftovers: everything of a user is found, nothing of anybody else.

Each has its price or the word unknown.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws import prices
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.common.names import network_stack_name, stack_name
from ansible_collections.probcomp.stack.plugins.module_utils.costs.leftovers import (
    alike,
    find_machines,
    find_networks,
)
from ansible_collections.probcomp.stack.plugins.module_utils.costs.leftovers_report import (
    costs,
    plan_lines,
    proof_lines,
)
from ansible_collections.probcomp.stack.plugins.module_utils.costs.resources import Resource, ResourceFinder, owner_of
from botocore.exceptions import ClientError

from tests.support.preflight_world import READING, REGION, World, world


@pytest.fixture
def account(tmp_path: Path) -> Iterator[World]:
    """Provide an account with nothing of ours in it."""
    with world(tmp_path) as made:
        yield made


def finder(account: World) -> ResourceFinder:
    """Return a finder of resources in `account`, and forget the requests made so far."""
    account.requests.clear()
    clients = AwsClients(account.client, REGION)
    listed = prices.PriceList(lambda: clients.client("pricing", "us-east-1"), REGION, errors=(ClientError,))
    return ResourceFinder(clients, listed)


def machines(account: World, *users: str) -> list[Resource]:
    """Return the resources of `users`, found with read-only requests alone."""
    looking = finder(account)
    find_machines(looking, list(users), "stack.example.org", "example.org.")
    assert all(READING.match(name) for name in account.requests)
    return looking.found


def tags(kind: str, name: str, **more: str) -> list[dict[str, object]]:
    return [
        {"ResourceType": kind, "Tags": [{"Key": key, "Value": text} for key, text in {"Name": name, **more}.items()]}
    ]


def fill(account: World, user: str) -> None:
    """Make one of each kind of thing for `user`, as our stacks and commands make them."""
    ec2, elbv2 = account.make("ec2"), account.make("elbv2")
    instance = account.make_machine(user)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.create_security_group(
        GroupName=user, Description="x", VpcId=vpc, TagSpecifications=tags("security-group", f"{user}/security-group")
    )["GroupId"]
    account.stack_made(group, f"probcomp-stack-{user}")
    ec2.create_network_interface(SubnetId=subnet, Groups=[group])
    own = tags("volume", f"{user}/instance", network="shared")
    volume = ec2.create_volume(Size=100, VolumeType="gp3", AvailabilityZone=f"{REGION}a", TagSpecifications=own)[
        "VolumeId"
    ]
    ec2.create_snapshot(VolumeId=volume, TagSpecifications=tags("snapshot", "by hand"))
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], InstanceId=instance)
    assert ec2.create_image(InstanceId=instance, Name=user)["ImageId"]
    target = elbv2.create_target_group(
        Name=user, Protocol="HTTP", Port=8888, VpcId=vpc, Tags=[{"Key": "Name", "Value": f"{user}/target-group"}]
    )["TargetGroups"][0]["TargetGroupArn"]
    account.stack_made_elbv2(target, f"probcomp-stack-{user}")
    arn = listener(account)
    host = [{"Field": "host-header", "HostHeaderConfig": {"Values": [f"{user}.stack.example.org"]}}]
    number, actions = (
        len(elbv2.describe_rules(ListenerArn=arn)["Rules"]),
        [{"Type": "forward", "TargetGroupArn": target}],
    )
    elbv2.create_rule(ListenerArn=arn, Priority=number, Conditions=host, Actions=actions)
    balancer = elbv2.describe_load_balancers(Names=["shared"])["LoadBalancers"][0]
    target = {"DNSName": balancer["DNSName"], "HostedZoneId": balancer["CanonicalHostedZoneId"]}
    record(account, f"{user}.stack.example.org", AliasTarget={**target, "EvaluateTargetHealth": False})
    record(account, f"ssh.{user}.stack.example.org", TTL=60, ResourceRecords=[{"Value": "192.0.2.1"}])


def record(account: World, name: str, kind: str = "A", **content: Any) -> None:
    route53 = account.make("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    change = {"Action": "CREATE", "ResourceRecordSet": {"Name": name, "Type": kind, **content}}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})


def listener(account: World) -> str:
    """Return the listener of the network `shared`, made at its first use."""
    ec2, elbv2 = account.make("ec2"), account.make("elbv2")
    balancers = elbv2.describe_load_balancers()["LoadBalancers"]
    if balancers:
        arn = balancers[0]["LoadBalancerArn"]
        return str(elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"])
    subnets = [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]][:2]
    name = [{"Key": "Name", "Value": "network/shared"}]
    made = elbv2.create_load_balancer(Name="shared", Subnets=subnets, Tags=name)["LoadBalancers"]
    balancer = made[0]["LoadBalancerArn"]
    account.stack_made_elbv2(balancer, "probcomp-network-shared")
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    made = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[answer])
    return str(made["Listeners"][0]["ListenerArn"])


KINDS = {
    "stack",
    "instance t3.medium running",
    "volume 100 GiB gp3 unattached",
    "snapshot of up to 100 GiB",
    "image",
    "elastic address",
    "security group",
    "network interface",
    "target group",
    "listener rule",
    "record",
}


def test_all_of_a_user_is_found_and_nothing_of_another(account: World) -> None:
    fill(account, "alice")
    fill(account, "alice-2")
    found = machines(account, "alice")
    assert {item.owner for item in found} == {"alice"}
    assert {item.kind for item in found} >= KINDS, KINDS - {item.kind for item in found}
    assert sorted(item.id for item in found if item.kind == "record") == [
        "alice.stack.example.org. A",
        "ssh.alice.stack.example.org. A",
    ]
    volume = next(item for item in found if item.kind == "volume 100 GiB gp3 unattached")
    assert volume.per_day == str((100 * Decimal("0.0952") / 730 * 24).quantize(Decimal("0.01")))
    # This list has no price for snapshots: the price is marked, not 0.
    snapshot = next(item for item in found if item.kind.startswith("snapshot"))
    assert snapshot.per_day is None and "price unknown" in snapshot.text
    assert [item for item in machines(account, "bob", "al")] == []


def test_rules_and_records_are_found_whatever_the_case_of_their_names(account: World) -> None:
    fill(account, "Alice")
    kinds = {item.kind for item in machines(account, "alice")}
    assert kinds == {"listener rule", "record"}
    looking = finder(account)
    find_machines(looking, ["alice"], "stack.example.org", "Example.org")
    assert {item.kind for item in looking.found} == kinds


def test_many_users_cost_no_more_requests_than_one(account: World) -> None:
    for user in ("alice", "bob", "cleo"):
        fill(account, user)
    machines(account, "alice")
    one = len(account.requests)
    assert {item.owner for item in machines(account, "alice", "bob", "cleo")} == {"alice", "bob", "cleo"}
    assert len(account.requests) == one


def test_what_is_gone_is_not_left_and_what_is_stopped_costs_its_disk(account: World) -> None:
    ec2 = account.make("ec2")
    ec2.terminate_instances(InstanceIds=[account.make_machine("alice", "DELETE_COMPLETE")])
    assert machines(account, "alice") == []
    instance = account.make_machine("bob", "DELETE_FAILED")
    ec2.stop_instances(InstanceIds=[instance])
    found = {item.kind: item for item in machines(account, "bob")}
    assert found["instance t3.medium stopped"].per_hour == 0
    assert found["stack"].id == "probcomp-stack-bob DELETE_FAILED"
    assert any(kind.startswith("volume") for kind in found)


def test_a_network_is_found_with_its_price(account: World) -> None:
    listener(account)
    ec2 = account.make("ec2")
    vpc, others = (
        ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=tags("vpc", "network/shared"))["Vpc"]["VpcId"]
        for _ in range(2)
    )
    account.stack_made(vpc, "probcomp-network-shared")
    account.make_stack("probcomp-network-shared")
    looking = finder(account)
    find_networks(looking, ["shared"])
    kinds = [item.kind for item in looking.found]
    assert sorted(kinds) == ["VPC", "addresses of load balancer", "load balancer", "stack"]
    assert others not in str(looking.found)
    assert all(READING.match(name) for name in account.requests)
    assert costs(looking.found) == f"${prices.dollars((Decimal('0.027') + 2 * Decimal('0.005')) * 24)} per day"


def test_what_others_put_into_a_network_is_found(account: World) -> None:
    """Find everything that stops the deletion of the VPC.

    GuardDuty's endpoint and security group are the example.
    """
    ec2 = account.make("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    account.stack_made(vpc, "probcomp-network-shared")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="GuardDutyManaged", Description="x", VpcId=vpc)["GroupId"]
    service = f"com.amazonaws.{REGION}.guardduty-data"
    made = {"VpcEndpointType": "Interface", "SubnetIds": [subnet], "SecurityGroupIds": [group]}
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, **made)["VpcEndpoint"]["VpcEndpointId"]
    account.prices["VpcEndpoint-Hours"] = "0.012"
    looking = finder(account)
    find_networks(looking, ["shared"])
    found = {item.id: item for item in looking.found}
    assert {vpc, group, endpoint} <= found.keys()
    assert found[endpoint].kind == "VPC endpoint guardduty-data" and found[endpoint].per_day == "0.29"
    assert {item.owner for item in looking.found} == {"shared"}
    # AWS would not delete the network with these two in it.
    assert {item.id for item in looking.found if item.has_stranger} == {group, endpoint}


def test_what_only_bears_our_names_is_not_ours(account: World) -> None:
    """Tell alice's machine from others' resources with tags or names like hers.

    The others are a second machine with all of her tags and what belongs to it, and a load balancer.
    """
    ec2, elbv2 = account.make("ec2"), account.make("elbv2")
    listener(account)
    ours = account.make_machine("alice")
    copy = account.run_instance("alice/instance", network="shared", fleet="ws")
    loose = {"AvailabilityZone": f"{REGION}a", "VolumeType": "gp3", "Size": 20}
    retained, plain, attached = (
        ec2.create_volume(TagSpecifications=tags("volume", "alice/instance", **more), **loose)["VolumeId"]
        for more in ({"network": "shared"}, {}, {"network": "shared"})
    )
    ec2.attach_volume(VolumeId=attached, InstanceId=copy, Device="/dev/sdz")
    of_copy = ec2.create_snapshot(VolumeId=attached, TagSpecifications=tags("snapshot", "alice/instance", network="x"))
    own = tags("image", "alice/instance", network="x")
    image = ec2.create_image(InstanceId=copy, Name="copied", TagSpecifications=own)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(
        GroupName="x", Description="x", VpcId=vpc, TagSpecifications=tags("security-group", "alice/security-group")
    )["GroupId"]
    name = [{"Key": "Name", "Value": "alice/target-group"}]
    elbv2.create_target_group(Name="foreign", Protocol="HTTP", Port=1, VpcId=vpc, Tags=name)
    subnets = [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]][:2]
    foreign = elbv2.create_load_balancer(Name="foreign", Subnets=subnets)["LoadBalancers"][0]
    target = {"DNSName": foreign["DNSName"], "HostedZoneId": foreign["CanonicalHostedZoneId"]}
    record(account, "alice.stack.example.org", AliasTarget={**target, "EvaluateTargetHealth": False})
    record(account, "alice.stack.example.org", "TXT", TTL=60, ResourceRecords=[{"Value": '"x"'}])
    looking = finder(account)
    find_machines(looking, ["alice"], "stack.example.org", "example.org.")
    found, rest = {item.id for item in looking.found}, {item.id for item in looking.not_known}
    assert {ours, retained, "probcomp-stack-alice CREATE_COMPLETE"} <= found
    theirs = {copy, plain, attached, of_copy["SnapshotId"], image["ImageId"]}
    assert rest >= theirs | {"alice.stack.example.org. A", "alice.stack.example.org. TXT"}
    assert not found & (theirs | rest | {group, "foreign"})
    assert not any("record" in item.kind for item in looking.found)
    planned = plan_lines("x", ["alice"], looking.found, None, looking.not_known)
    assert planned[-1] == "not ours, left alone: alice/instance (stack_list.yml)"
    # No proof follows where nothing is found, so the plan itself has the rest.
    without = plan_lines("x", ["alice"], [], None, looking.not_known)
    assert planned[-1] in without and "alice.stack.example.org. TXT" in without[-1]
    proof = "\n".join(proof_lines(["alice"], [], looking.not_known))
    assert proof.startswith("nothing is left of alice\nnot known whose, left alone")
    # What a living machine of others has is plainly theirs.
    assert plain in proof and not any(identity in proof for identity in theirs - {plain})


def test_whose_a_name_is() -> None:
    owners = {"alice/": "alice", "network/shared": "shared", "network/shared/": "shared"}
    assert owner_of("alice/instance", owners) == "alice"
    assert owner_of("network/shared", owners) == owner_of("network/shared/ssh", owners) == "shared"
    assert owner_of("network/shared-2", owners) is None and owner_of("alice-2/instance", owners) is None
    assert owner_of("alice", owners) is None and owner_of("", owners) is None


def test_a_name_of_which_there_is_nothing_comes_with_the_nearest(account: World) -> None:
    for user in ("ws-3", "alice"):
        account.make_stack(stack_name(user))
    account.make_stack(network_stack_name("shared"))
    looking = finder(account)
    find_machines(looking, ["ws-33", "alice", "zoe"], "stack.example.org", "example.org.")
    near = alike(looking, ["ws-33", "alice", "zoe"], stack_name)
    assert near == {"ws-33": ["ws-3"]}
    lines = plan_lines("AWS account 1", ["ws-33", "alice", "zoe"], looking.found, near)
    assert "ws-33: nothing; nearest: ws-3" in lines and "zoe: nothing" in lines
    assert plan_lines("x", ["ws-33"], [], near)[-1] == "there is nothing of ws-33; nearest: ws-3"
    looking = finder(account)
    find_networks(looking, ["sharde"])
    assert alike(looking, ["sharde"], network_stack_name) == {"sharde": ["shared"]}
