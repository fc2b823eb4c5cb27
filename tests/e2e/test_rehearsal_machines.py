"""A rehearsal's machines as AWS would run them.

The tests see addresses, console, security groups and leftovers. They need root and a container engine, and never touch
a rehearsal that runs already: everything is in a temporary folder.
"""

import os
import shlex
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.first_boot import REAL_CONSOLE, keys_form
from tests.support.own_rehearsal import Rehearsal, eventually, traces

pytestmark = pytest.mark.docker
UBUNTU = "ami-0a000000000024041"
DEBIAN = "ami-0a000000000000121"


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    started = Rehearsal(tmp_path_factory.mktemp("rehearsal") / "home")
    started.up()
    yield started
    started.command("down")
    assert traces(started.home) == {"containers": [], "networks": [], "processes": []}
    assert not started.home.exists()


@pytest.fixture(scope="module")
def ec2(rehearsal: Rehearsal) -> Any:
    return rehearsal.client("ec2")


@pytest.fixture(scope="module")
def ssh_group(ec2: Any) -> str:
    group_id = new_group(ec2, "ssh")
    ec2.authorize_security_group_ingress(
        GroupId=group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="127.0.0.1/32"
    )
    return group_id


def new_group(ec2: Any, name: str) -> str:
    default = [{"Name": "is-default", "Values": ["true"]}]
    vpc_id = ec2.describe_vpcs(Filters=default)["Vpcs"][0]["VpcId"]
    return str(ec2.create_security_group(GroupName=name, Description="test", VpcId=vpc_id)["GroupId"])


def run(ec2: Any, name: str, *group_ids: str, image: str = UBUNTU) -> str:
    answer = ec2.run_instances(
        ImageId=image,
        InstanceType="t3.medium",
        KeyName="rehearsal",
        MinCount=1,
        MaxCount=1,
        SecurityGroupIds=list(group_ids),
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": f"{name}/instance"}]}],
    )
    assert answer["Instances"][0]["State"]["Name"] == "pending"
    return str(answer["Instances"][0]["InstanceId"])


def instance(ec2: Any, instance_id: str) -> dict[str, Any]:
    found: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return found


def in_state(ec2: Any, instance_id: str, state: str) -> dict[str, Any]:
    return dict(
        eventually(
            f"{instance_id} is {state}",
            lambda: (seen := instance(ec2, instance_id))["State"]["Name"] == state and seen,
        )
    )


def reachable(rehearsal: Rehearsal, address: str, user: str = "ubuntu") -> None:
    eventually(f"{user}@{address} by ssh", lambda: rehearsal.ssh(address, "true", user).returncode == 0)


@pytest.fixture(scope="module")
def alice(rehearsal: Rehearsal, ec2: Any, ssh_group: str) -> str:
    instance_id = run(ec2, "alice", ssh_group)
    address = in_state(ec2, instance_id, "running")["PublicIpAddress"]
    reachable(rehearsal, address)
    return instance_id


def test_the_console_shows_the_keys_that_sshd_has(rehearsal: Rehearsal, ec2: Any, alice: str) -> None:
    end = "-----END SSH HOST KEY KEYS-----"
    output = eventually(
        "the keys on the console",
        lambda: end in (text := ec2.get_console_output(InstanceId=alice).get("Output", "")) and text,
    )
    block = output.partition("-----BEGIN SSH HOST KEY KEYS-----")[2].partition(end)[0]
    shown = {" ".join(line.split()[:2]) for line in block.strip().splitlines()}
    address = instance(ec2, alice)["PublicIpAddress"]
    scan = subprocess.run(
        ["ssh-keyscan", "-p", str(rehearsal.described["ssh_port"]), address], capture_output=True, text=True
    )
    scanned = {" ".join(line.split()[1:3]) for line in scan.stdout.splitlines() if not line.startswith("#")}
    assert shown == scanned
    assert len(shown) == 3
    assert "-----BEGIN SSH HOST KEY FINGERPRINTS-----" in output
    assert "\x1b" not in output


def test_the_console_is_empty_at_first_and_live_on_request(rehearsal: Rehearsal, ec2: Any, ssh_group: str) -> None:
    instance_id = run(ec2, "late", ssh_group, image=DEBIAN)
    in_state(ec2, instance_id, "running")
    assert not ec2.get_console_output(InstanceId=instance_id).get("Output")
    end = "-----END SSH HOST KEY KEYS-----\r\n"
    live = eventually(
        "live console",
        lambda: end in (text := ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")) and text,
    )
    # It is as cloud-init prints it on a real machine of Debian 12, byte for byte but for keys and times.
    assert keys_form(live) == keys_form(REAL_CONSOLE)
    ec2.terminate_instances(InstanceIds=[instance_id])


def test_the_machine_is_the_administrators(rehearsal: Rehearsal, ec2: Any, alice: str) -> None:
    seen = instance(ec2, alice)
    done = rehearsal.ssh(seen["PublicIpAddress"], "sudo -n id -un; hostname; cat /etc/machine-id")
    root, hostname, machine_id = done.stdout.split()
    assert root == "root"
    assert hostname == "ip-" + seen["PrivateIpAddress"].replace(".", "-")
    assert len(machine_id) == 32
    assert rehearsal.ssh(seen["PublicIpAddress"], "true", user="root").returncode != 0


def test_stop_and_start_keep_the_disk_and_change_the_address(rehearsal: Rehearsal, ec2: Any, alice: str) -> None:
    before = instance(ec2, alice)
    rehearsal.ssh(before["PublicIpAddress"], "echo kept > note")
    answer = ec2.stop_instances(InstanceIds=[alice])["StoppingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "stopping")
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[alice])
    stopped = in_state(ec2, alice, "stopped")
    assert "PublicIpAddress" not in stopped
    ec2.modify_instance_attribute(InstanceId=alice, InstanceType={"Value": "t3.small"})
    ec2.start_instances(InstanceIds=[alice])
    after = in_state(ec2, alice, "running")
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["LaunchTime"] > before["LaunchTime"]
    reachable(rehearsal, after["PublicIpAddress"])
    assert rehearsal.ssh(after["PublicIpAddress"], "cat note").stdout == "kept\n"
    with pytest.raises(OSError):
        socket.create_connection((before["PublicIpAddress"], rehearsal.described["ssh_port"]), 1).close()


def test_start_of_a_running_machine_changes_nothing(ec2: Any, alice: str) -> None:
    before = instance(ec2, alice)
    answer = ec2.start_instances(InstanceIds=[alice])["StartingInstances"][0]
    assert (answer["PreviousState"]["Name"], answer["CurrentState"]["Name"]) == ("running", "running")
    assert instance(ec2, alice) == before
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.modify_instance_attribute(InstanceId=alice, InstanceType={"Value": "t3.medium"})


@pytest.mark.parametrize("from_inside", [False, True])
def test_a_reboot_keeps_the_address(rehearsal: Rehearsal, ec2: Any, alice: str, from_inside: bool) -> None:
    before = instance(ec2, alice)
    booted = "cat /proc/1/stat | cut -d' ' -f22"
    first = rehearsal.ssh(before["PublicIpAddress"], booted).stdout
    if from_inside:
        rehearsal.ssh(before["PublicIpAddress"], "sudo systemctl reboot")
    else:
        ec2.reboot_instances(InstanceIds=[alice])
    eventually(
        "booted again",
        lambda: (again := rehearsal.ssh(before["PublicIpAddress"], booted)).returncode == 0 and again.stdout != first,
    )
    assert instance(ec2, alice) == before


def test_a_machine_that_powers_itself_off_is_stopped(rehearsal: Rehearsal, ec2: Any, alice: str) -> None:
    rehearsal.ssh(instance(ec2, alice)["PublicIpAddress"], "sudo systemctl poweroff")
    stopped = in_state(ec2, alice, "stopped")
    assert stopped["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    ec2.start_instances(InstanceIds=[alice])
    reachable(rehearsal, in_state(ec2, alice, "running")["PublicIpAddress"])


def test_security_groups_alone_let_machines_reach_each_other(
    rehearsal: Rehearsal, ec2: Any, ssh_group: str, alice: str
) -> None:
    alices_group, bobs_group = new_group(ec2, "alice"), new_group(ec2, "bob")
    ec2.modify_instance_attribute(InstanceId=alice, Groups=[ssh_group, alices_group])
    bob = run(ec2, "bob", ssh_group, bobs_group, image=DEBIAN)
    bobs = in_state(ec2, bob, "running")
    reachable(rehearsal, bobs["PublicIpAddress"], "admin")
    server = "sudo systemd-run --quiet python3 -m http.server 8888 --bind 0.0.0.0"
    assert rehearsal.ssh(bobs["PublicIpAddress"], server, "admin").returncode == 0
    alices_address = instance(ec2, alice)["PublicIpAddress"]

    def connects(port: int, address: str = bobs["PrivateIpAddress"]) -> bool:
        attempt = f"timeout 1 bash -c '</dev/tcp/{address}/{port}'"
        return rehearsal.ssh(alices_address, attempt).returncode == 0

    other_address = rehearsal.ssh(
        bobs["PublicIpAddress"], "ip -o -4 address show eth0 | awk 'NR==1 {print $4}' | cut -d/ -f1", "admin"
    ).stdout.strip()
    assert not connects(22)
    assert not connects(8888)
    assert not connects(8888, other_address)
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 8888,
        "ToPort": 8888,
        "UserIdGroupPairs": [{"GroupId": alices_group}],
    }
    ec2.authorize_security_group_ingress(GroupId=bobs_group, IpPermissions=[rule])
    eventually("alice reaches bob's 8888", lambda: connects(8888), 5)
    assert not connects(22)
    ec2.revoke_security_group_ingress(GroupId=bobs_group, IpPermissions=[rule])
    eventually("alice is shut out again", lambda: not connects(8888), 5)
    ec2.terminate_instances(InstanceIds=[bob])


def test_a_machine_reads_what_is_signed_and_nothing_else(rehearsal: Rehearsal, ec2: Any, alice: str) -> None:
    address = instance(ec2, alice)["PublicIpAddress"]
    s3 = rehearsal.client("s3")
    s3.create_bucket(Bucket="private-things")
    s3.put_object(Bucket="private-things", Key="secret", Body=b"secret")
    program = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)"

    def fetch(url: str) -> str:
        done = rehearsal.ssh(address, f"python3 -c {shlex.quote(program)} {url} 2>&1 | tail -1")
        return done.stdout.strip()

    store = rehearsal.described["object_store"]
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": "private-things", "Key": "secret"})
    assert fetch(shlex.quote(signed.replace(rehearsal.described["api"], store))) == "200"
    assert "403" in fetch(f"{store}/{rehearsal.described['content_url'].removeprefix('s3://')}")
    assert "403" in fetch(f"{store}/private-things/secret")
    assert "403" in fetch(f"{store}/private-things")
    assert "404" in fetch(f"{store}/rehearsal/status")


def test_termination_leaves_nothing(rehearsal: Rehearsal, ec2: Any, ssh_group: str) -> None:
    instance_id = run(ec2, "gone", ssh_group)
    seen = in_state(ec2, instance_id, "running")
    volume_id = seen["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    answer = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert answer["CurrentState"]["Name"] == "shutting-down"
    in_state(ec2, instance_id, "terminated")
    with pytest.raises(ClientError, match=r"InvalidVolume\.NotFound"):
        ec2.describe_volumes(VolumeIds=[volume_id])
    assert not [name for name in traces(rehearsal.home)["containers"] if instance_id in name]
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        ec2.start_instances(InstanceIds=[instance_id])


def test_a_machine_that_cannot_boot_is_terminated_with_its_reason(
    rehearsal: Rehearsal, ec2: Any, ssh_group: str
) -> None:
    rehearsal.command("fault", "add", "--kind", "machine", "--effect", "no-boot", "--match", "ill/", "--times", "1")
    instance_id = run(ec2, "ill", ssh_group)
    assert in_state(ec2, instance_id, "terminated")["StateReason"]["Code"] == "Server.InternalError"


def test_a_second_up_changes_nothing(rehearsal: Rehearsal) -> None:
    before = (rehearsal.home / "rehearsal.json").read_text()
    rehearsal.command("up")
    assert (rehearsal.home / "rehearsal.json").read_text() == before
    assert "running" in rehearsal.command("status")


def test_up_and_down_clean_up_after_a_server_that_was_killed(tmp_path: Path) -> None:
    victim = Rehearsal(tmp_path / "home")
    victim.up()
    ec2 = victim.client("ec2")
    in_state(ec2, run(ec2, "orphan", new_group(ec2, "orphan")), "running")
    os.kill(victim.described["pid"], 9)
    eventually("the server is gone", lambda: not traces(victim.home)["processes"])
    assert traces(victim.home)["containers"]
    assert "died" in victim.command("env", status=1)
    victim.up()
    assert not traces(victim.home)["containers"]
    # The rehearsal ends even without any file that records it.
    for name in ("run.json", "rehearsal.json"):
        (victim.home / name).unlink()
    victim.command("down")
    assert traces(victim.home) == {"containers": [], "networks": [], "processes": []}
