"""EC2 in the rehearsal, without containers.

It checks, records and refuses as AWS does.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.rehearsal_process import Server, running

UBUNTU = "ami-0a000000000024041"
ARM = "ami-0a000000000024042"
DEBIAN = "ami-0a000000000000121"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("ec2"), requests_per_second=0) as started:
        yield started


@pytest.fixture(scope="module")
def ec2(server: Server) -> Any:
    return server.client("ec2")


def launch(ec2: Any, **changes: Any) -> str:
    values = {"ImageId": UBUNTU, "InstanceType": "t3.medium", "KeyName": "rehearsal", "MinCount": 1, "MaxCount": 1}
    return str(ec2.run_instances(**{**values, **changes})["Instances"][0]["InstanceId"])


def look(ec2: Any, instance_id: str) -> dict[str, Any]:
    return dict(ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0])


def in_state(ec2: Any, instance_id: str, state: str) -> dict[str, Any]:
    end = time.monotonic() + 10
    while (seen := look(ec2, instance_id))["State"]["Name"] != state:
        assert time.monotonic() < end, f"{instance_id} is {seen['State']['Name']}, not {state}"
        time.sleep(0.02)
    return seen


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return str(error.value.response["Error"]["Code"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"KeyName": "nobodys"}, "InvalidKeyPair.NotFound"),
        ({"InstanceType": "t3.gigantic"}, "InvalidParameterValue"),
        ({"ImageId": ARM}, "InvalidParameterValue"),
        ({"InstanceType": "t4g.small"}, "InvalidParameterValue"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        (
            {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 2}}]},
            "InvalidBlockDeviceMapping",
        ),
    ],
)
def test_what_cannot_be_launched_is_refused(ec2: Any, changes: dict[str, Any], code: str) -> None:
    assert code_of(lambda: launch(ec2, **changes)) == code


def test_an_arm_image_runs_on_arm_types(ec2: Any) -> None:
    instance_id = launch(ec2, ImageId=ARM, InstanceType="t4g.small")
    assert in_state(ec2, instance_id, "running")["Architecture"] == "arm64"


def test_the_root_disk_is_the_images_unless_told_otherwise(ec2: Any) -> None:
    plain = look(ec2, launch(ec2, ImageId=DEBIAN))
    disks = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True}}]
    larger = look(ec2, launch(ec2, ImageId=DEBIAN, BlockDeviceMappings=disks))
    wrong_name = look(ec2, launch(ec2, ImageId=UBUNTU, BlockDeviceMappings=disks))

    def volumes(instance: dict[str, Any]) -> list[tuple[str, int, str, bool, bool]]:
        found = []
        for disk in instance["BlockDeviceMappings"]:
            volume = ec2.describe_volumes(VolumeIds=[disk["Ebs"]["VolumeId"]])["Volumes"][0]
            goes = disk["Ebs"]["DeleteOnTermination"]
            found.append((disk["DeviceName"], volume["Size"], volume["VolumeType"], volume["Encrypted"], goes))
        return found

    assert volumes(plain) == [("/dev/xvda", 8, "gp3", False, True)]
    assert volumes(larger) == [("/dev/xvda", 30, "gp3", True, True)]
    # A mapping under another name than the image's root device is a second disk.
    assert [name for name, *_ in volumes(wrong_name)] == ["/dev/sda1", "/dev/xvda"]


def test_a_machine_has_addresses_of_its_subnet_and_of_the_loopback_network(ec2: Any) -> None:
    seen = in_state(ec2, launch(ec2), "running")
    assert seen["PublicIpAddress"].startswith("127.")
    assert seen["PrivateIpAddress"].startswith("172.31.")
    assert not seen["PublicIpAddress"].startswith("127.0.")


def test_freed_addresses_are_not_given_out_again_soon(ec2: Any) -> None:
    instance_id = launch(ec2)
    seen = {in_state(ec2, instance_id, "running")["PublicIpAddress"]}
    for _ in range(5):
        ec2.stop_instances(InstanceIds=[instance_id])
        assert "PublicIpAddress" not in in_state(ec2, instance_id, "stopped")
        ec2.start_instances(InstanceIds=[instance_id])
        address = in_state(ec2, instance_id, "running")["PublicIpAddress"]
        assert address not in seen
        seen.add(address)


def test_termination_takes_disks_and_interfaces_along(ec2: Any) -> None:
    instance_id = launch(ec2)
    seen = in_state(ec2, instance_id, "running")
    answer = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "shutting-down")
    in_state(ec2, instance_id, "terminated")
    volume_id = seen["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    interface_id = seen["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert code_of(lambda: ec2.describe_volumes(VolumeIds=[volume_id])) == "InvalidVolume.NotFound"
    interfaces = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert interface_id not in [item["NetworkInterfaceId"] for item in interfaces]
    for call in (ec2.start_instances, ec2.stop_instances, ec2.reboot_instances):
        assert code_of(lambda call=call: call(InstanceIds=[instance_id])) == "IncorrectInstanceState"  # type: ignore[misc]
    again = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert again["CurrentState"]["Name"] == "terminated"


def test_the_type_changes_only_while_stopped_and_within_the_architecture(ec2: Any) -> None:
    instance_id = launch(ec2)
    in_state(ec2, instance_id, "running")

    def resize(name: str) -> None:
        ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": name})

    assert code_of(lambda: resize("t3.large")) == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[instance_id])
    in_state(ec2, instance_id, "stopped")
    assert code_of(lambda: resize("t4g.large")) == "InvalidParameterValue"
    assert code_of(lambda: resize("t3.gigantic")) == "InvalidParameterValue"
    resize("t3.large")
    assert look(ec2, instance_id)["InstanceType"] == "t3.large"


def test_protected_machines_are_not_terminated(ec2: Any) -> None:
    instance_id = launch(ec2)
    ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": True})
    assert code_of(lambda: ec2.terminate_instances(InstanceIds=[instance_id])) == "OperationNotPermitted"
    in_state(ec2, instance_id, "running")


def test_the_live_console_is_for_nitro_types_only(ec2: Any) -> None:
    old = launch(ec2, InstanceType="t2.micro")
    assert code_of(lambda: ec2.get_console_output(InstanceId=old, Latest=True)) == "UnsupportedOperation"
    assert not ec2.get_console_output(InstanceId=old).get("Output")


def test_the_quota_of_vcpus_counts_what_runs(server: Server, ec2: Any) -> None:
    running_now = [
        instance["InstanceId"]
        for reservation in ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
        if instance["State"]["Name"] == "running"
    ]
    for instance_id in running_now:
        ec2.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=running_now)
    server.control("POST", "quotas", {"service": "ec2", "code": "L-1216C47A", "value": 5})
    try:
        first, second = launch(ec2), launch(ec2)
        assert code_of(lambda: launch(ec2)) == "VcpuLimitExceeded"
        in_state(ec2, first, "running")
        ec2.stop_instances(InstanceIds=[first])
        in_state(ec2, first, "stopped")
        in_state(ec2, launch(ec2), "running")
        assert code_of(lambda: ec2.start_instances(InstanceIds=[first])) == "VcpuLimitExceeded"
        in_state(ec2, second, "running")
    finally:
        server.control("DELETE", "quotas")
