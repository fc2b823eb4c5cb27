"""machine_image against the rehearsal: an image is completed.

A failed image leaves nothing that costs.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.rehearsal_process import Server, running

pytestmark = pytest.mark.slow


from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.image import (
    ImageError,
    ImageMaker,
    most_important,
    others_lines,
)

UBUNTU = "ami-0a000000000024041"
QUICK = Clock(sleep=lambda _: time.sleep(0.1))
TAGS = {"Name": "probcomp-20261123-093000", "date": "2026-11-23", "version:jupyterlab": "4.4.1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("rehearsal"), image_delay=0.5) as server:
        yield server


@pytest.fixture
def ec2(server: Server) -> Any:
    return server.client("ec2")


@pytest.fixture
def clients(server: Server) -> Iterator[AwsClients]:
    yield AwsClients(lambda service, _: server.client(service), "us-east-1")
    ec2 = server.client("ec2")
    for image in ec2.describe_images(Owners=["self"])["Images"]:
        ec2.deregister_image(ImageId=image["ImageId"], DeleteAssociatedSnapshots=True)
    server.control("DELETE", "faults")


@pytest.fixture
def stopped(ec2: Any) -> str:
    """Provide a stopped instance."""
    made = ec2.run_instances(ImageId=UBUNTU, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    identity = str(made["Instances"][0]["InstanceId"])
    ec2.get_waiter("instance_running").wait(InstanceIds=[identity], WaiterConfig={"Delay": 1})
    ec2.stop_instances(InstanceIds=[identity])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[identity], WaiterConfig={"Delay": 1})
    return identity


def maker(clients: AwsClients, name: str = TAGS["Name"]) -> ImageMaker:
    return ImageMaker(clients, QUICK, name, "configured", {**TAGS, "Name": name})


def own(ec2: Any) -> tuple[list[str], list[str]]:
    """Return the account's images and snapshots."""
    images = ec2.describe_images(Owners=["self"])["Images"]
    snapshots = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return [image["ImageId"] for image in images], [snapshot["SnapshotId"] for snapshot in snapshots]


def test_an_image_is_complete_with_its_snapshot_and_tags(ec2: Any, clients: AwsClients, stopped: str) -> None:
    made = maker(clients).make(stopped, 30)
    assert made.changed and made.image["State"] == "available"
    snapshot = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"][0]
    assert snapshot["State"] == "completed"
    for thing in (made.image, snapshot):
        assert {tag["Key"]: tag["Value"] for tag in thing["Tags"]} == TAGS


def test_a_second_time_changes_nothing(server: Server, clients: AwsClients, stopped: str) -> None:
    first = maker(clients).make(stopped, 30)
    before = server.counts()["changes"]
    again = maker(clients).make("", 30)
    assert again.image["ImageId"] == first.image["ImageId"] and not again.changed
    assert server.counts()["changes"] == before


def test_an_image_that_an_interrupted_run_began_is_waited_for(ec2: Any, clients: AwsClients, stopped: str) -> None:
    begun = ec2.create_image(InstanceId=stopped, Name=TAGS["Name"])["ImageId"]
    ec2.terminate_instances(InstanceIds=[stopped])
    made = maker(clients).make(stopped, 30)
    assert made.image["ImageId"] == begun and made.image["State"] == "available"
    assert {tag["Key"]: tag["Value"] for tag in made.image["Tags"]} == TAGS


def test_a_lost_answer_makes_no_second_image(server: Server, ec2: Any, clients: AwsClients, stopped: str) -> None:
    fault = {"service": "ec2", "action": "CreateImage", "drop": True, "after": True, "times": 1}
    server.control("POST", "faults", fault)
    made = maker(clients).make(stopped, 30)
    assert own(ec2)[0] == [made.image["ImageId"]]


def test_a_failed_image_goes_with_its_snapshot(server: Server, ec2: Any, clients: AwsClients, stopped: str) -> None:
    server.control("POST", "faults", {"kind": "machine", "effect": "no-image", "times": 1})
    with pytest.raises(ImageError, match=r"could not make image ami-.*Internal error.*tries again"):
        maker(clients).make(stopped, 30)
    assert own(ec2) == ([], [])
    assert maker(clients).make(stopped, 30).image["State"] == "available"


def test_one_that_failed_while_nobody_looked_is_replaced(
    server: Server, ec2: Any, clients: AwsClients, stopped: str
) -> None:
    server.control("POST", "faults", {"kind": "machine", "effect": "no-image", "times": 1})
    failed = ec2.create_image(InstanceId=stopped, Name=TAGS["Name"])["ImageId"]
    time.sleep(1)
    made = maker(clients).make(stopped, 30)
    assert made.image["ImageId"] != failed and failed in made.notes[0]
    assert [len(things) for things in own(ec2)] == [1, 1]


def test_the_wait_is_bounded_and_says_for_what(
    server: Server, clients: AwsClients, stopped: str, reported: Callable[[], list[str]]
) -> None:
    server.control("POST", "settings", {"image_delay": 5})
    try:
        with pytest.raises(ImageError, match=r"ami-\w+ is not available after 1 s \(snapshot snap-\w+ 0%\)"):
            maker(clients).make(stopped, 1)
        assert reported() == ["image: 0 % after 95 s"]
    finally:
        server.control("POST", "settings", {"image_delay": 0.5})
    assert maker(clients).make("", 30).image["State"] == "available"


def test_no_image_is_made_of_a_machine_that_runs_or_is_gone(ec2: Any, clients: AwsClients, stopped: str) -> None:
    ec2.start_instances(InstanceIds=[stopped])
    for identity, state in ((stopped, "running|pending"), ("i-00000000000000000", "gone"), ("", "gone")):
        with pytest.raises(ImageError, match=f"({state}): ansible-playbook ami_bake.yml -e cancel=yes"):
            maker(clients).make(identity, 30)
    assert own(ec2)[0] == []


def test_earlier_images_are_listed_with_the_machines_made_of_them(ec2: Any, clients: AwsClients, stopped: str) -> None:
    unused = maker(clients, "probcomp-20260101-000000").make(stopped, 30).image["ImageId"]
    used = maker(clients, "probcomp-20260201-000000").make(stopped, 30).image["ImageId"]
    ec2.create_image(InstanceId=stopped, Name="of somebody else")
    foreign = ec2.create_image(InstanceId=stopped, Name="probcomp-like-ours")["ImageId"]
    ec2.run_instances(ImageId=used, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    lines = "\n".join(others_lines(clients, TAGS["Name"]))
    assert foreign not in lines, "no command to remove it is given"
    assert f"{unused}  probcomp-20260101-000000  8 GiB  available  no machine" in lines
    assert f"{used}  probcomp-20260201-000000  8 GiB  available  1 machine" in lines
    assert f"deregister-image --region us-east-1 --image-id {unused} --delete-associated-snapshots" in lines
    assert f"--image-id {used}" not in lines and "somebody" not in lines


def test_tags_are_as_many_and_as_long_as_aws_bears() -> None:
    tags = most_important(
        {"Name": "x", "owner": "", "none": None, "long": "y" * 300, **{f"n{n}": n for n in range(90)}}
    )
    assert len(tags) == 50 and "owner" not in tags and "none" not in tags and len(tags["long"]) == 256
