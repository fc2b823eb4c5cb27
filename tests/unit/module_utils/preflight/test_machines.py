"""Preflight's checks of existing resources.

They are stack states, quotas in use, types, images, zones, and names that collide.
"""

from typing import Any

import pytest

from tests.support.preflight_world import READING, REGION, World, machine, texts


def vcpus(found: dict[str, Any]) -> tuple[int, int]:
    """Return the vCPUs in use and needed, zero when none is needed."""
    for item in found["quotas"]:
        if item["code"] == "L-1216C47A":
            return item["used"], item["needed"]
    return 0, 0


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS"]
)
def test_a_machine_that_exists_needs_nothing(account: World, status: str) -> None:
    account.make_machine("alice", status)
    found = account.sweep(machine("alice"), machine("ws-1"))
    assert texts(found) == []
    alice = found["machines"]["alice"]
    assert (alice["exists"], alice["stack_status"], alice["zones"]) == (True, status, [f"{REGION}a", f"{REGION}b"])
    assert not found["machines"]["ws-1"]["exists"] and vcpus(found) == (2, 2)
    assert found["cost"]["new"]["lines"][0]["count"] == 1 and found["cost"]["lines"][0]["count"] == 2
    assert any("exists" in line and line.startswith("alice") for line in found["plan_lines"])


def test_a_machine_that_exists_stays_what_it_is(account: World) -> None:
    account.make_machine("alice", instance="c5.large")
    found = account.sweep(machine("alice", instance="t3.medium", network="other", ami="ami-00000000000000000"))
    assert texts(found) == [] and found["machines"]["alice"]["instance"] == "c5.large"
    assert any("not t3.medium" in note for note in found["notes"])
    assert any("stays in the network shared" in note for note in found["notes"])


@pytest.mark.parametrize(
    "status", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"]
)
def test_what_is_made_anew_needs_quota(account: World, status: str) -> None:
    account.make_stack("probcomp-stack-alice", status)
    found = account.sweep(machine("alice"))
    assert texts(found) == [] and not found["machines"]["alice"]["exists"] and vcpus(found) == (0, 2)
    assert found["machines"]["alice"]["image"] == account.images["x86_64"]


def test_a_machine_terminated_by_hand_is_made_again(account: World) -> None:
    account.make("ec2").terminate_instances(InstanceIds=[account.make_machine("alice")])
    found = account.sweep(machine("alice"))
    assert texts(found) == [] and not found["machines"]["alice"]["exists"] and vcpus(found) == (0, 2)
    assert any("alice: the instance was terminated by hand; it is made again" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("CREATE_FAILED", ["left Queue ", "stack_delete.yml -e user=alice -e confirm=yes"]),
        ("ROLLBACK_FAILED", ["left Queue ", "stack_delete.yml -e user=alice -e confirm=yes"]),
        ("DELETE_FAILED", ["its deletion failed and left Queue "]),
        ("UPDATE_ROLLBACK_FAILED", [f"continue-update-rollback --region {REGION} --stack-name probcomp-stack-alice"]),
    ],
)
def test_a_stack_that_needs_a_person_is_a_problem(account: World, status: str, words: list[str]) -> None:
    account.make_stack("probcomp-stack-alice", status)
    found = texts(account.sweep(machine("alice"), machine("ws-1")))
    assert len(found) == 1 and found[0].startswith(f"alice: stack probcomp-stack-alice is {status}")
    assert all(word in found[0] for word in words)
    assert all(READING.match(request) for request in account.requests)


def make_network(account: World, status: str = "CREATE_COMPLETE", rules: int = 0) -> None:
    """Make the network `shared` with a load balancer and so many rules on it.

    The load balancer is a real one in moto.
    """
    ec2, elbv2 = account.make("ec2"), account.make("elbv2")
    subnets = [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]][:2]
    balancer = elbv2.create_load_balancer(Name="shared", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[answer])
    arn = listener["Listeners"][0]["ListenerArn"]
    for number in range(1, rules + 1):
        group = elbv2.create_target_group(Name=f"group-{number}", Protocol="HTTP", Port=8888, VpcId=vpc)[
            "TargetGroups"
        ][0]
        elbv2.create_rule(
            ListenerArn=arn,
            Priority=number,
            Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [f"u{number}.stack.example.org"]}}],
            Actions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
        )
    outputs = {"ListenerArn": arn, "SubnetAZone": f"{REGION}b", "SubnetBZone": f"{REGION}c"}
    account.make_stack("probcomp-network-shared", status, outputs=outputs)


def test_a_network_that_stands_is_used_and_its_rules_are_counted(account: World) -> None:
    make_network(account, rules=3)
    account.quotas["L-F678F1CE"] = 1
    found = account.sweep(machine("alice"))
    assert texts(found) == [] and found["networks"]["shared"]["exists"]
    assert found["machines"]["alice"]["zones"] == [f"{REGION}b", f"{REGION}c"]
    needs = {item["code"]: (item["used"], item["needed"]) for item in found["quotas"]}
    assert needs["L-7EED9B64"] == (3, 1) and needs["L-822D1B1B"] == (3, 1) and "L-F678F1CE" not in needs
    account.quotas |= {"L-7EED9B64": 4, "L-822D1B1B": 100}
    found = account.sweep(machine("alice"), machine("ws-1"))
    assert len(texts(found)) == 1
    assert "network shared carries at most 4 machines: 2 more asked, 3 in use" in texts(found)[0]
    assert "per hour" in texts(found)[0] and "at most 1 new machines here" in texts(found)[0]


def test_a_network_whose_machines_are_all_gone_has_room(account: World) -> None:
    make_network(account)
    assert texts(account.sweep(machine("alice"))) == []


def test_one_that_no_user_logs_in_to_needs_no_password(account: World) -> None:
    found = texts(account.sweep(machine("alice", has_password=False), machine("bob")))
    assert len(found) == 1 and found[0].startswith("bob: no password file")


def test_a_network_that_needs_a_person_is_a_problem(account: World) -> None:
    account.make_stack("probcomp-network-shared", "ROLLBACK_FAILED")
    found = texts(account.sweep(machine("alice")))
    assert len(found) == 1 and "network_delete.yml -e network=shared -e confirm=yes" in found[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"instance": "t3.medum"}, "alice: there is no instance type 't3.medum': take another, e.g. t3.medium"),
        ({"instance": "u-24tb1.metal"}, "alice: instance type u-24tb1.metal is not offered in eu-central-1"),
        ({"ami": "ami-00000000000000000"}, "alice: there is no image 'ami-00000000000000000' in this region"),
        ({"ami": "no-image"}, "alice: there is no image 'no-image'"),
        ({"ami": "arm64"}, r"is for arm64, t3.medium for x86_64"),
        ({"instance": "t4g.small", "ami": "x86_64"}, "is for x86_64, t4g.small for arm64"),
        ({"volume_size": 9}, "volume_size 9 is less than the 15 GiB of image"),
    ],
)
def test_types_and_images_that_do_not_fit(account: World, options: dict[str, Any], words: str) -> None:
    options = {key: account.images.get(value, value) for key, value in options.items()}
    found = texts(account.sweep(machine("alice", **options), machine("ws-1")))
    assert len(found) == 1 and words in found[0]


def test_each_architecture_has_its_default_image(account: World) -> None:
    found = account.sweep(machine("alice", instance="t4g.small"), machine("ws-1"))
    assert texts(found) == []
    names = ("alice", "ws-1")
    assert [found["machines"][name]["architecture"] for name in names] == ["arm64", "x86_64"]
    assert [found["machines"][name]["root_device_name"] for name in names] == ["/dev/xvda", "/dev/sda1"]


def test_running_machines_of_others_count(account: World) -> None:
    account.make_machine("zoe", instance="c5.large")
    stopped = account.make_machine("yann", instance="c5.large")
    account.make("ec2").stop_instances(InstanceIds=[stopped])
    account.quotas["L-1216C47A"] = 3
    found = account.sweep(machine("alice"))
    assert vcpus(found) == (2, 2) and "2 more asked, 2 in use, the limit is 3" in texts(found)[0]


def test_names_that_collide_are_refused(account: World) -> None:
    account.make_machine("ws-7", fleet="ws")
    account.make_machine("solo")
    for user in ("ws", "ws-7", "solo", "solo-1"):
        account.give_password(user)
    assert "user ws has the name of the fleet ws (ws-7)" in texts(account.sweep(machine("ws")))[0]
    found = texts(account.sweep(machine("solo-1", fleet="solo")))
    assert found == ["solo: the fleet solo has the name of the user solo, who has a machine: take another name"]
    found = texts(account.sweep(machine("ws-7", fleet="people")))
    assert len(found) == 1 and "belongs to the fleet ws, not to people" in found[0]
    found = texts(account.sweep(machine("solo", fleet="people")))
    assert len(found) == 1 and "was made alone" in found[0]
    alone = account.sweep(machine("ws-7"))
    assert texts(alone) == [] and any("belongs to the fleet ws; it stays there" in note for note in alone["notes"])
    assert texts(account.sweep(machine("ws-7", fleet="ws"))) == []


def test_a_stranger_with_the_machines_name_is_noted_and_left_alone(account: World) -> None:
    stranger = account.run_instance("alice/instance")
    found = account.sweep(machine("alice"))
    assert texts(found) == []
    assert f"instance {stranger} is named alice/instance and not ours: it is left alone" in found["notes"]
    assert not found["machines"]["alice"]["exists"]


def test_an_instance_that_an_earlier_stack_left_is_a_problem(account: World) -> None:
    account.stack_made(account.run_instance("renamed"), "probcomp-stack-alice")
    (problem,) = texts(account.sweep(machine("alice")))
    assert "is left of an earlier stack of this user" in problem


@pytest.mark.parametrize(
    ("record", "is_in_the_way"),
    [
        ({"Name": "alice.stack.example.org", "Type": "CNAME", "TTL": 60, "Value": "x.example.net"}, True),
        ({"Name": "alice.stack.example.org", "Type": "A", "TTL": 60, "Value": "192.0.2.9"}, True),
        ({"Name": "alice.stack.example.org", "Type": "TXT", "TTL": 60, "Value": '"x"'}, False),
        ({"Name": "ssh.alice.stack.example.org", "Type": "A", "TTL": 60, "Value": "192.0.2.9"}, False),
        ({"Name": "bob.stack.example.org", "Type": "A", "TTL": 60, "Value": "192.0.2.9"}, False),
    ],
)
def test_a_record_of_others_is_not_overwritten(account: World, record: dict[str, Any], is_in_the_way: bool) -> None:
    route53 = account.make("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    given = {**record, "ResourceRecords": [{"Value": record["Value"]}]}
    del given["Value"]
    change = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": given}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)
    said = (
        f"alice: the record {record['Name']}. {record['Type']} exists already and is not ours: take another user name"
    )
    assert any(text.startswith(said) for text in texts(account.sweep(machine("alice")))) == is_in_the_way
    account.make_machine("alice")
    assert texts(account.sweep(machine("alice"))) == [], "a machine that exists keeps its names"


def test_the_zones_of_a_new_network_are_those_of_its_machines(account: World) -> None:
    for subnet in account.make("ec2").describe_subnets()["Subnets"]:
        account.make("ec2").delete_subnet(SubnetId=subnet["SubnetId"])
    found = account.sweep(machine("alice"))
    assert texts(found) == [] and found["zones"] == {"shared": [f"{REGION}a", f"{REGION}b"]}
    # By AWS's list, which moto has, the second type is offered in zone c alone.
    found = account.sweep(machine("alice"), machine("ws-1", instance="g5g.xlarge"))
    assert texts(found) == [] and found["zones"] == {"shared": [f"{REGION}a", f"{REGION}c"]}
    assert found["machines"]["ws-1"]["zones"] == [f"{REGION}c"]


def test_a_network_that_stands_or_is_being_made_keeps_its_zones(account: World) -> None:
    make_network(account)
    assert account.sweep(machine("alice"))["zones"] == {"shared": [f"{REGION}b", f"{REGION}c"]}
    parameters = {"ZoneA": f"{REGION}c", "ZoneB": f"{REGION}a"}
    account.make_stack("probcomp-network-other", "CREATE_IN_PROGRESS", parameters)
    found = account.sweep(machine("alice", network="other"))
    assert found["zones"] == {"other": [f"{REGION}c", f"{REGION}a"]}


OLD = f"arn:aws:acm:{REGION}:123456789012:certificate/11111111-2222-3333-4444-555555555555"
CHANGED = "from 11111111-2222-3333-4444-555555555555 to "


@pytest.mark.parametrize(
    ("parameters", "settings", "changes"),
    [
        ({}, {}, []),
        ({"CertificateArn": OLD}, {}, [CHANGED]),
        ({"AdminCidr": "192.0.2.1/32"}, {}, ["from 192.0.2.1/32 to 203.0.113.7/32"]),
        (
            {"AdminCidr": "203.0.113.7/32", "AdminCidr2": "192.0.2.1/32", "AdminCidr3": ""},
            {"admin_cidr": ["203.0.113.7/32", "198.51.100.0/24"]},
            ["from 203.0.113.7/32, 192.0.2.1/32 to 203.0.113.7/32, 198.51.100.0/24"],
        ),
        (
            {"AdminCidr": "192.0.2.1/32", "AdminCidr2": "203.0.113.7/32"},
            {"admin_cidr": "203.0.113.7/32,192.0.2.1/32"},
            [],
        ),
        ({"CertificateArn": OLD, "AdminCidr": "192.0.2.1/32"}, {}, [CHANGED, "from 192.0.2.1/32 to 203.0.113.7/32"]),
    ],
)
def test_what_changes_at_a_network_that_exists_is_said(
    account: World, parameters: dict[str, str], settings: dict[str, Any], changes: list[str]
) -> None:
    as_it_is = {"CertificateArn": account.settings.certificate_arn, "AdminCidr": "203.0.113.7/32"}
    account.make_stack("probcomp-network-shared", parameters={**as_it_is, **parameters})
    account.make_stack("probcomp-network-other", parameters={"CertificateArn": OLD})
    found = account.sweep(machine("ws-1"), **settings)
    notes = [note for note in found["notes"] if note.startswith("network ")]
    assert len(notes) == len(changes) and all(change in note for note, change in zip(notes, changes, strict=True)), (
        notes
    )
    assert all(note in found["plan_lines"] and "network shared: a create changes" in note for note in notes)


def test_a_network_that_is_made_anew_has_nothing_to_change(account: World) -> None:
    account.make_stack("probcomp-network-shared", "ROLLBACK_COMPLETE", {"CertificateArn": OLD})
    assert not any("a create changes" in note for note in account.sweep(machine("ws-1"))["notes"])
