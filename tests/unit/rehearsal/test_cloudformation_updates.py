"""The effect of an update on a machine, as AWS decides it.

The machine is kept or replaced; an update may be refused, or rolled back.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.api import faults
from tests.support.cloudformation_machine import MACHINE, altered, machine
from tests.support.cloudformation_server import IMAGE, OTHER_IMAGE, Cloud, tags_of


@pytest.fixture
def stack(cloud: Cloud, place: dict[str, str], request: pytest.FixtureRequest) -> Iterator[str]:
    """Provide the name of a stack of one machine, and delete it after the test."""
    name = "x-" + "".join(char if char.isalnum() else "-" for char in request.node.name)[:100]
    assert cloud.create(name, machine(place))["StackStatus"] == "CREATE_COMPLETE", cloud.events(name)
    yield name
    faults.clear()
    cloud.delete(name)


@pytest.mark.parametrize("name", ["ImageId", "KeyName", "SubnetId", "BlockDeviceMappings"])
def test_a_replacement_makes_the_new_machine_before_the_old_goes(
    cloud: Cloud, place: dict[str, str], stack: str, name: str
) -> None:
    before = cloud.physical_id(stack, "Instance")
    assert cloud.update(stack, altered(place, name))["StackStatus"] == "UPDATE_COMPLETE"
    after = cloud.physical_id(stack, "Instance")
    assert after != before
    assert cloud.instance(before)["State"]["Name"] == "terminated"
    story = [event[1] for event in cloud.events(stack) if event[0] == "Instance"][3:]
    assert story == [
        *("UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
        *("DELETE_IN_PROGRESS", "DELETE_COMPLETE"),
    ]
    assert (stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "") in cloud.events(stack)


def test_a_resize_keeps_the_machine_and_gives_it_a_new_address(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    before = cloud.instance(cloud.physical_id(stack, "Instance"))
    assert cloud.update(stack, machine(place, InstanceType="t3.large"))["StackStatus"] == "UPDATE_COMPLETE"
    after = cloud.instance(before["InstanceId"])
    assert (after["InstanceType"], after["State"]["Name"]) == ("t3.large", "running")
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert cloud.physical_id(stack, "Instance") == before["InstanceId"]


def test_another_architecture_replaces_the_machine(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    before = cloud.physical_id(stack, "Instance")
    cloud.update(stack, machine(place, InstanceType="t4g.medium"))
    assert cloud.physical_id(stack, "Instance") != before


def test_an_impossible_resize_returns_to_the_old_type(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    before = cloud.physical_id(stack, "Instance")
    ended = cloud.update(stack, machine(place, InstanceType="t3.gigantic"))
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    failed = [event for event in cloud.events(stack) if event[1] == "UPDATE_FAILED"]
    assert failed[0][0] == "Instance" and "t3.gigantic" in failed[0][2]
    instance = cloud.instance(before)
    assert (instance["InstanceType"], instance["State"]["Name"]) == ("t3.medium", "running")


def test_a_resize_that_finds_no_capacity_is_taken_back(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    faults.add({"kind": "resource", "match": stack, "message": "Insufficient capacity.", "times": 1})
    ended = cloud.update(stack, machine(place, InstanceType="t3.large"))
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    instance = cloud.instance(cloud.physical_id(stack, "Instance"))
    assert (instance["InstanceType"], instance["State"]["Name"]) == ("t3.medium", "running")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("SecurityGroupIds", lambda machine: [group["GroupName"] for group in machine["SecurityGroups"]] == ["b"]),
        ("MetadataOptions", lambda machine: machine["MetadataOptions"]["HttpPutResponseHopLimit"] == 2),
        ("UserData", lambda machine: machine["State"]["Name"] == "running"),
    ],
)
def test_what_aws_changes_in_place_is_changed_in_place(
    cloud: Cloud, place: dict[str, str], stack: str, name: str, shown: Any
) -> None:
    before = cloud.physical_id(stack, "Instance")
    assert cloud.update(stack, altered(place, name))["StackStatus"] == "UPDATE_COMPLETE"
    assert cloud.physical_id(stack, "Instance") == before
    assert shown(cloud.instance(before))


def test_only_the_fate_of_a_disk_changes_in_place(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    before = cloud.physical_id(stack, "Instance")
    mappings = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": False}}]
    assert cloud.update(stack, machine(place, BlockDeviceMappings=mappings))["StackStatus"] == "UPDATE_COMPLETE"
    assert cloud.physical_id(stack, "Instance") == before
    assert cloud.instance(before)["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is False
    cloud.update(stack, machine(place))


def test_a_failing_replacement_keeps_the_old_machine(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    before = cloud.physical_id(stack, "Instance")
    faults.add({"kind": "resource", "match": stack, "message": "You have requested more vCPU capacity.", "times": 1})
    ended = cloud.update(stack, machine(place, ImageId=OTHER_IMAGE), Tags=[{"Key": "note", "Value": "new"}])
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "failed to update: [Instance]" in next(
        reason for _, status, reason in cloud.events(stack) if status == "UPDATE_ROLLBACK_IN_PROGRESS"
    )
    assert cloud.physical_id(stack, "Instance") == before
    assert cloud.instance(before)["State"]["Name"] == "running"
    assert ended["Tags"] == []
    assert IMAGE in json.dumps(cloud.stacks.get_template(StackName=stack)["TemplateBody"])


def test_a_retained_machine_outlives_its_replacement(cloud: Cloud, place: dict[str, str]) -> None:
    def retaining(**changes: Any) -> str:
        template = json.loads(machine(place, **changes))
        template["Resources"]["Instance"]["UpdateReplacePolicy"] = "Retain"
        return json.dumps(template)

    stack = "retained"
    cloud.create(stack, retaining())
    before = cloud.physical_id(stack, "Instance")
    cloud.update(stack, retaining(ImageId=OTHER_IMAGE))
    assert cloud.physical_id(stack, "Instance") != before
    assert cloud.instance(before)["State"]["Name"] == "running"
    assert ("Instance", "DELETE_SKIPPED", "") in cloud.events(stack)
    cloud.ec2.terminate_instances(InstanceIds=[before])


DENIAL: dict[str, Any] = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": ["Update:Replace", "Update:Delete"],
            "Principal": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"ResourceType": [MACHINE]}},
        },
    ]
}
ALLOWANCE = json.dumps({"Statement": [{**DENIAL["Statement"][0]}]})


def test_a_policy_against_replacement_lets_a_resize_through(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    before = cloud.physical_id(stack, "Instance")
    cloud.stacks.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps(DENIAL))
    ended = cloud.update(stack, machine(place, ImageId=OTHER_IMAGE))
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    reason = next(reason for _, status, reason in cloud.events(stack) if status == "UPDATE_FAILED")
    assert reason.startswith("Action denied by stack policy: Statement [#2] does not allow [Update:Replace]")
    assert cloud.update(stack, machine(place, InstanceType="t3.large"))["StackStatus"] == "UPDATE_COMPLETE"
    assert cloud.physical_id(stack, "Instance") == before
    ended = cloud.update(
        stack, machine(place, InstanceType="t3.large", ImageId=OTHER_IMAGE), StackPolicyDuringUpdateBody=ALLOWANCE
    )
    assert ended["StackStatus"] == "UPDATE_COMPLETE"
    assert cloud.physical_id(stack, "Instance") != before
    assert json.loads(cloud.stacks.get_stack_policy(StackName=stack)["StackPolicyBody"]) == DENIAL


def test_a_policy_denies_what_it_does_not_allow(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    only_other = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "LogicalResourceId/Other"}
    cloud.stacks.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps({"Statement": only_other}))
    assert cloud.update(stack, machine(place, KeyName="two"))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(ClientError, match="Error validating stack policy"):
        cloud.stacks.set_stack_policy(StackName=stack, StackPolicyBody='{"Statement": [{"Effect": "Perhaps"}]}')


def test_stack_tags_reach_the_machine_in_place(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    before = cloud.physical_id(stack, "Instance")
    cloud.update(stack, machine(place), Tags=[{"Key": "expires", "Value": "tomorrow"}])
    assert tags_of(cloud.instance(before))["expires"] == "tomorrow"
    change = cloud.update(stack, machine(place), Tags=[])
    assert change["StackStatus"] == "UPDATE_COMPLETE"
    assert "expires" not in tags_of(cloud.instance(before))
