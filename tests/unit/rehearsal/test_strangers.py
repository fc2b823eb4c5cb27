"""What others have in the rehearsal's account, and how a change of it shows."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from rehearsal.cli.options import parser
from rehearsal.cli.status_text import status_text
from rehearsal.services.ec2.instances import InstanceLife
from rehearsal.settings import Settings
from tests.support import in_process
from tests.support.cloudformation_server import NETWORK_TEMPLATE, ZONES, parameter_list, tags_of
from tests.support.rehearsal_process import Server, running
from tests.support.strangers import differences, untouched

COPIES = {"ws-1/instance", "alice/instance"}
NAMES = {"payroll/instance", "web/instance", "WebStack/Instance", "bastion-dev/instance", "db-1", *COPIES}
STACKS = ["PayrollNetwork", "payroll", "WebStack"]
FOREIGN = 250


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    quick: dict[str, Any] = {"requests_per_second": 0, "seconds_per_resource": 0, "record_delay": 0}
    home = tmp_path_factory.mktemp("rehearsal")
    with running(home, clean=False, foreign_stacks=FOREIGN, **quick) as server:
        server.control("GET", "strangers")
        server.described["first_counts"] = server.counts()
        yield server


def of(server: Server, name: str) -> str:
    """Return the id of the instance with this Name tag."""
    return next(
        identity for identity, item in server.control("GET", "strangers")["instances"].items()
        if tags_of(item)["Name"] == name
    )  # fmt: skip


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def seen(server: Server) -> dict[str, list[str]]:
    """Return what any user of the account sees in it, by the API."""
    ec2, elbv2 = server.client("ec2"), server.client("elbv2")
    zone = server.client("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    records = server.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    instances = [one for group in ec2.describe_instances()["Reservations"] for one in group["Instances"]]
    return {
        "instances": sorted(tags_of(one)["Name"] for one in instances),
        "volumes": [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]],
        "snapshots": [one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]],
        "images": [one["Name"] for one in ec2.describe_images(Owners=["self"])["Images"]],
        "vpcs": [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"] if not one["IsDefault"]],
        "load balancers": [one["LoadBalancerName"] for one in elbv2.describe_load_balancers()["LoadBalancers"]],
        "target groups": [one["TargetGroupName"] for one in elbv2.describe_target_groups()["TargetGroups"]],
        "records": [f"{one['Name']} {one['Type']}" for one in records if one["Type"] not in ("NS", "SOA")],
        "stacks": [one["StackName"] for one in server.client("cloudformation").describe_stacks()["Stacks"]],
    }


def test_others_are_in_the_account_by_default(server: Server) -> None:
    found = seen(server)
    assert found["instances"] == sorted(NAMES)
    assert (len(found["volumes"]), len(found["snapshots"]), found["images"]) == (len(NAMES) + 1, 3, ["web/image"])
    assert len(found["vpcs"]) == 1 and found["load balancers"] == found["target groups"] == ["payroll"]
    assert set(found["records"]) == {
        "localhost. MX", "localhost. TXT", "www.localhost. A", "payroll.stack.localhost. CNAME",
    }  # fmt: skip


def test_a_clean_account_has_nothing_of_others(tmp_path: Path) -> None:
    with running(tmp_path, clean=True) as server:
        assert not [kind for kind, found in seen(server).items() if found]
        assert not [kind for kind, found in server.control("GET", "strangers").items() if found]
        assert "of others" not in status_text(server.control("GET", "status"))


def test_up_has_the_two_options_and_they_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args(["up"]).clean is None
    assert parser().parse_args(["up", "--clean"]).clean is True
    assert parser().parse_args(["up", "--foreign-stacks", "1000"]).foreign_stacks == 1000
    with pytest.raises(SystemExit):
        parser().parse_args(["up", "--clean", "--foreign-stacks", "1"])
    assert "not allowed with" in capsys.readouterr().err


def test_nobody_asked_and_no_machine_or_address_is_taken(server: Server) -> None:
    status = server.control("GET", "status")
    assert status["machines"] == [] and status["strangers"]["instances"] == len(NAMES)
    assert "of others: " in status_text(status) and f"{len(NAMES)} instances" in status_text(status)
    instances = server.control("GET", "strangers")["instances"].values()
    assert not any("PublicIpAddress" in one or one["Placement"]["Tenancy"] != "default" for one in instances)
    states = {tags_of(one)["Name"]: one["State"]["Name"] for one in instances}
    assert states == {**dict.fromkeys(NAMES, "running"), "web/instance": "stopped"}


def test_making_and_reading_them_counts_no_request(server: Server) -> None:
    counts = server.described["first_counts"]
    assert (counts["reads"], counts["changes"], counts["mark"]) == (0, 0, 0)


class Alone:
    """Containers that nobody may touch."""

    def watch(self, _: object) -> None:
        """Accept the callback for machines that end unexpectedly, and ignore it."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a container is touched: {name}")


def test_an_instance_that_is_a_record_has_no_container() -> None:
    life = InstanceLife(Settings(image_delay=0), Alone(), None)  # type: ignore[arg-type]
    image = SimpleNamespace(id="ami-1", finish=lambda is_made: made.append(is_made))
    made: list[bool] = []
    instance: Any = SimpleNamespace(id="i-1", image_id="ami-0", get_tags=list, state="pending")
    with life.records_only():
        life.launch(instance)
    assert instance._state.name == "running"
    for act, state in ((life.stop, "stopped"), (life.start, "running"), (life.terminate, "terminated")):
        instance.state = {"stopped": "stopping", "running": "pending"}.get(state, "")
        act(instance)
        until(lambda state=state: instance._state.name == state)  # type: ignore[misc]
    life.reboot(instance)
    life.make_image(instance, image, reboots=True)
    assert life.console(instance, 0) == ""
    life.close()
    assert made == [True]


def test_hundreds_of_stacks_come_in_pages(server: Server) -> None:
    pages = list(server.client("cloudformation").get_paginator("describe_stacks").paginate())
    assert max(len(page["Stacks"]) for page in pages) <= 100 and len(pages) > FOREIGN // 100
    names = [stack["StackName"] for page in pages for stack in page["Stacks"]]
    assert len(names) == len(set(names)) == FOREIGN + len(STACKS) and set(STACKS) < set(names)
    states = {stack["StackStatus"] for page in pages for stack in page["Stacks"]}
    assert states == {"CREATE_COMPLETE"}


def test_only_a_stack_gives_its_tags(server: Server) -> None:
    tags = {tags_of(one)["Name"]: tags_of(one) for one in server.control("GET", "strangers")["instances"].values()}
    stacks = {name: own.get("aws:cloudformation:stack-name", "") for name, own in tags.items()}
    assert stacks == {
        "payroll/instance": "payroll", "web/instance": "WebStack", "WebStack/Instance": "WebStack",
        "bastion-dev/instance": "", "db-1": "", **dict.fromkeys(COPIES, ""),
    }  # fmt: skip
    for name in COPIES:
        assert {"network", "owner", "purpose"} <= set(tags[name])
    assert {one["StackName"] for one in server.control("GET", "strangers")["stacks"].values()} > set(STACKS)


def test_a_snapshot_of_an_account_at_rest_does_not_change(server: Server) -> None:
    with untouched(lambda: server.control("GET", "strangers")):
        time.sleep(1.1)


def test_our_modules_leave_them_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in in_process.environment(server).items():
        monkeypatch.setenv(name, value)
    with untouched(lambda: server.control("GET", "strangers")):
        account = in_process.Account(server)
        assert sorted(account.machines()) == sorted(account.users)
        account.note_ids()
        account.power("stopped")
        account.power("started")
        account.update("x")
        account.point("192.0.2.1")
        account.point("192.0.2.1", "absent")
        account.delete()
        assert account.machines() == {}


CHANGES: dict[str, Callable[[Server], object]] = {
    "start": lambda server: server.client("ec2").start_instances(InstanceIds=[of(server, "web/instance")]),
    "stop": lambda server: server.client("ec2").stop_instances(InstanceIds=[of(server, "payroll/instance")]),
    "tag": lambda server: server.client("ec2").create_tags(
        Resources=[of(server, "db-1")], Tags=[{"Key": "note", "Value": "x"}]
    ),
    "terminate": lambda server: server.client("ec2").terminate_instances(
        InstanceIds=[of(server, "bastion-dev/instance")]
    ),
    "rule of a group": lambda server: server.client("ec2").authorize_security_group_ingress(
        GroupId=next(iter(server.control("GET", "strangers")["security_groups"])),
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    ),
    "target": lambda server: server.client("elbv2").deregister_targets(
        TargetGroupArn=next(iter(server.control("GET", "strangers")["target_groups"])),
        Targets=[{"Id": of(server, "payroll/instance")}],
    ),
    "volume": lambda server: server.client("ec2").delete_volume(VolumeId=unattached(server)),
    "record": lambda server: change_record(server, "DELETE"),
    "protection": lambda server: server.client("cloudformation").update_termination_protection(
        StackName="WebStack", EnableTerminationProtection=True
    ),
    "stack": lambda server: server.client("cloudformation").delete_stack(StackName="service-7"),
}


def unattached(server: Server) -> str:
    """Return the volume that belongs to no instance any more."""
    volumes = server.control("GET", "strangers")["volumes"].items()
    return next(identity for identity, volume in volumes if not volume["Attachments"])


def change_record(server: Server, action: str) -> None:
    route53 = server.client("route53")
    record = {
        "Name": "www.localhost", "Type": "A", "TTL": 300, "ResourceRecords": [{"Value": "198.51.100.10"}],
    }  # fmt: skip
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


@pytest.mark.parametrize("name", CHANGES)
def test_what_touches_a_stranger_shows(server: Server, name: str) -> None:
    before = server.control("GET", "strangers")
    CHANGES[name](server)
    until(lambda: bool(differences(before, server.control("GET", "strangers"))))
    with pytest.raises(AssertionError), untouched(lambda: server.control("GET", "strangers")):
        server.client("ec2").create_tags(
            Resources=[of(server, "payroll/instance")], Tags=[{"Key": "at", "Value": str(time.monotonic())}]
        )


def test_a_stack_of_theirs_is_deleted_with_what_is_in_it(server: Server) -> None:
    identity = of(server, "WebStack/Instance")
    cloudformation = server.client("cloudformation")
    cloudformation.update_termination_protection(StackName="WebStack", EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName="WebStack")
    until(lambda: server.control("GET", "strangers")["instances"][identity]["State"]["Name"] == "terminated")


def test_a_guarded_network_cannot_be_deleted(server: Server) -> None:
    cloudformation = server.client("cloudformation")
    given = {
        "Network": "own",
        "CertificateArn": server.described["certificate_arn"],
        "AdminCidr": "127.0.0.1/32",
        **ZONES,
    }
    stack = cloudformation.create_stack(
        StackName="probcomp-network-own", TemplateBody=NETWORK_TEMPLATE, Parameters=parameter_list(given)
    )["StackId"]

    def described() -> dict[str, Any]:
        return dict(cloudformation.describe_stacks(StackName=stack)["Stacks"][0])

    until(lambda: described()["StackStatus"] == "CREATE_COMPLETE")
    outputs = {item["OutputKey"]: item["OutputValue"] for item in described()["Outputs"]}
    guard = server.control("POST", "guard", {"vpc": outputs["VpcId"]})
    assert server.control("GET", "strangers")["endpoints"][guard["endpoint"]]["VpcId"] == outputs["VpcId"]
    cloudformation.delete_stack(StackName=stack)
    until(lambda: described()["StackStatus"] == "DELETE_FAILED")
    assert guard["security_group"] in server.control("GET", "strangers")["security_groups"]
    with pytest.raises(requests.HTTPError):
        server.control("POST", "guard", {"vpc": "vpc-none"})
    server.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[guard["endpoint"]])
    assert guard["endpoint"] not in server.control("GET", "strangers")["endpoints"]


def test_a_machine_launched_by_anybody_else_is_no_stranger(server: Server) -> None:
    ec2 = server.client("ec2")
    launch = {"ImageId": "ami-0a000000000024041", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    identity = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
    strangers = server.control("GET", "strangers")["instances"]
    shown = {row["id"] for row in server.control("GET", "status")["machines"]}
    assert identity in shown and not shown & set(strangers)
