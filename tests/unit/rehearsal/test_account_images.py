"""The rehearsal's machine images, as AWS makes them.

They are pending first, have a snapshot that outlives them, and are refused as on AWS.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.rehearsal_process import Server, running

UBUNTU = "ami-0a000000000024041"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("rehearsal"), image_delay=0.5) as server:
        yield server


@pytest.fixture
def ec2(server: Server) -> Any:
    return server.client("ec2")


@pytest.fixture
def instance(ec2: Any) -> str:
    """Provide a running instance with a disk of 12 GiB."""
    disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 12, "VolumeType": "gp3", "Encrypted": True}}
    made = ec2.run_instances(
        ImageId=UBUNTU, InstanceType="t3.micro", MinCount=1, MaxCount=1, BlockDeviceMappings=[disk]
    )
    identity = str(made["Instances"][0]["InstanceId"])
    until(lambda: state_of(ec2, identity) == "running")
    return identity


def state_of(ec2: Any, instance: str) -> str:
    return str(ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["State"]["Name"])


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def image(ec2: Any, identity: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = ec2.describe_images(ImageIds=[identity], Owners=["self"])["Images"]
    return found[0]


def snapshot(ec2: Any, identity: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = ec2.describe_snapshots(SnapshotIds=[identity], OwnerIds=["self"])["Snapshots"]
    return found[0]


def code(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


def tagged(**tags: str) -> list[dict[str, Any]]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"ResourceType": kind, "Tags": pairs} for kind in ("image", "snapshot")]


def test_an_image_is_pending_then_available_and_is_what_the_instance_is(ec2: Any, instance: str) -> None:
    ec2.stop_instances(InstanceIds=[instance])
    until(lambda: state_of(ec2, instance) == "stopped")
    made = ec2.create_image(InstanceId=instance, Name="baked", TagSpecifications=tagged(Name="baked", date="today"))
    seen = image(ec2, made["ImageId"])
    disk = seen["BlockDeviceMappings"][0]["Ebs"]
    assert seen["State"] == "pending" and snapshot(ec2, disk["SnapshotId"])["State"] == "pending"
    assert (disk["VolumeSize"], disk["VolumeType"], disk["Encrypted"]) == (12, "gp3", True)
    assert (seen["Architecture"], seen["RootDeviceName"], seen["RootDeviceType"]) == ("x86_64", "/dev/sda1", "ebs")
    assert seen["OwnerId"] == "123456789012" and not seen["Public"]
    launch = {"ImageId": made["ImageId"], "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    assert code(lambda: ec2.run_instances(**launch)) == "InvalidAMIID.Unavailable"
    until(lambda: image(ec2, made["ImageId"])["State"] == "available")
    stored = snapshot(ec2, disk["SnapshotId"])
    assert (stored["State"], stored["Progress"], stored["VolumeSize"]) == ("completed", "100%", 12)
    for thing in (image(ec2, made["ImageId"]), stored):
        assert {tag["Key"]: tag["Value"] for tag in thing["Tags"]} == {"Name": "baked", "date": "today"}
    smaller = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 10}}]
    assert code(lambda: ec2.run_instances(**launch, BlockDeviceMappings=smaller)) == "InvalidBlockDeviceMapping"
    machine = ec2.run_instances(**launch)["Instances"][0]
    assert machine["ImageId"] == made["ImageId"]


def test_a_name_is_given_once(ec2: Any, instance: str) -> None:
    ec2.create_image(InstanceId=instance, Name="twice")
    assert code(lambda: ec2.create_image(InstanceId=instance, Name="twice")) == "InvalidAMIName.Duplicate"
    assert code(lambda: ec2.create_image(InstanceId=instance, Name="a?*")) == "InvalidAMIName.Malformed"


def test_a_snapshot_outlives_its_image_and_costs_until_it_is_deleted(ec2: Any, instance: str) -> None:
    identity = ec2.create_image(InstanceId=instance, Name="to go")["ImageId"]
    kept = image(ec2, identity)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert code(lambda: ec2.delete_snapshot(SnapshotId=kept)) == "InvalidSnapshot.InUse"
    ec2.deregister_image(ImageId=identity)
    assert snapshot(ec2, kept)["SnapshotId"] == kept
    ec2.delete_snapshot(SnapshotId=kept)
    assert code(lambda: snapshot(ec2, kept)) == "InvalidSnapshot.NotFound"
    launch = {"ImageId": identity, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    assert code(lambda: ec2.run_instances(**launch)) == "InvalidAMIID.Unavailable"


def test_an_image_and_its_snapshot_can_go_together(ec2: Any, instance: str) -> None:
    identity = ec2.create_image(InstanceId=instance, Name="to go whole")["ImageId"]
    kept = image(ec2, identity)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ec2.deregister_image(ImageId=identity, DeleteAssociatedSnapshots=True)
    assert code(lambda: snapshot(ec2, kept)) == "InvalidSnapshot.NotFound"
    assert code(lambda: ec2.deregister_image(ImageId=UBUNTU)) == "AuthFailure"


def test_an_image_can_fail(server: Server, ec2: Any, instance: str) -> None:
    server.control("POST", "faults", {"kind": "machine", "effect": "no-image", "match": instance, "times": 1})
    identity = ec2.create_image(InstanceId=instance, Name="never")["ImageId"]
    until(lambda: image(ec2, identity)["State"] == "failed")
    failed = image(ec2, identity)
    assert "Client.InternalError" in failed["StateReason"]["Code"]
    assert snapshot(ec2, failed["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])["State"] == "error"


def test_an_instance_that_ended_after_the_call_still_gives_its_image(ec2: Any, instance: str, tmp_path: Path) -> None:
    identity = ec2.create_image(InstanceId=instance, Name="of the ended")["ImageId"]
    ec2.terminate_instances(InstanceIds=[instance])
    until(lambda: image(ec2, identity)["State"] == "available")
    assert image(ec2, identity)["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 12
