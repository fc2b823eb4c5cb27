"""The states of a stack: its operations in each, and its remains on failure."""

import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from rehearsal.api import faults
from rehearsal.cloudformation.read_actions import STACKS_PER_PAGE
from rehearsal.settings import SETTINGS
from tests.support.cloudformation_server import IMAGE, Cloud

GATEWAYS = """
Resources:
  First: {Type: AWS::EC2::InternetGateway}
  Second: {Type: AWS::EC2::InternetGateway, DependsOn: First}
  Third: {Type: AWS::EC2::InternetGateway, DependsOn: Second}
"""
VPC = "Resources: {Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.9.0.0/16}}}"
MACHINE = f"Resources: {{Instance: {{Type: AWS::EC2::Instance, Properties: {{ImageId: {IMAGE}}}}}}}"


@pytest.fixture(autouse=True)
def no_faults() -> Iterator[None]:
    yield
    faults.clear()
    SETTINGS.seconds_per_resource = 0.0


def gateways(cloud: Cloud) -> int:
    return len(cloud.ec2.describe_internet_gateways()["InternetGateways"])


def test_create_answers_at_once_and_takes_its_time(cloud: Cloud) -> None:
    SETTINGS.seconds_per_resource = 1.0
    began = time.monotonic()
    stack_id = cloud.stacks.create_stack(StackName="slow", TemplateBody=GATEWAYS)["StackId"]
    stack = cloud.describe("slow")
    assert (stack["StackStatus"], stack.get("Outputs", [])) == ("CREATE_IN_PROGRESS", [])
    with pytest.raises(ClientError, match="is in CREATE_IN_PROGRESS state and can not be updated"):
        cloud.stacks.update_stack(StackName="slow", TemplateBody=VPC)
    with pytest.raises(ClientError, match=r"Stack \[slow\] already exists") as caught:
        cloud.stacks.create_stack(StackName="slow", TemplateBody=GATEWAYS)
    assert caught.value.response["Error"]["Code"] == "AlreadyExistsException"
    assert cloud.ended(stack_id)["StackStatus"] == "CREATE_COMPLETE"
    assert time.monotonic() - began > 3 * 1.0


def test_a_failing_resource_rolls_everything_back(cloud: Cloud) -> None:
    before = gateways(cloud)
    faults.add({"kind": "resource", "match": "broken", "logical_id": "Third", "message": "no more gateways"})
    stack = cloud.create("broken", GATEWAYS)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloud.events("broken")
    first_failed = next(event for event in events if event[1] == "CREATE_FAILED")
    assert first_failed[0] == "Third" and "no more gateways" in first_failed[2]
    rollback = next(reason for _, status, reason in events if status == "ROLLBACK_IN_PROGRESS")
    assert rollback == "The following resource(s) failed to create: [Third]. Rollback requested by user."
    deleted = [logical_id for logical_id, status, _ in events if status == "DELETE_COMPLETE"]
    assert deleted == ["Third", "Second", "First"]
    assert gateways(cloud) == before
    with pytest.raises(ClientError, match="already exists"):
        cloud.stacks.create_stack(StackName="broken", TemplateBody=GATEWAYS)


def test_a_machine_that_ends_itself_fails_its_stack(cloud: Cloud) -> None:
    SETTINGS.seconds_per_resource = 0.5
    cloud.stacks.create_stack(StackName="dies", TemplateBody=MACHINE)
    instance_id, end = "", time.monotonic() + 20
    while not instance_id:
        assert time.monotonic() < end
        time.sleep(0.02)
        events = cloud.stacks.describe_stack_events(StackName="dies")["StackEvents"]
        instance_id = next((e["PhysicalResourceId"] for e in events if e["PhysicalResourceId"].startswith("i-")), "")
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    assert cloud.ended("dies")["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = next(reason for _, status, reason in cloud.events("dies") if status == "CREATE_FAILED")
    assert instance_id in reason and "User initiated shutdown" in reason


def test_a_delete_interrupts_a_create(cloud: Cloud) -> None:
    before = gateways(cloud)
    SETTINGS.seconds_per_resource = 0.2
    stack_id = cloud.stacks.create_stack(StackName="regretted", TemplateBody=GATEWAYS)["StackId"]
    cloud.stacks.delete_stack(StackName="regretted")
    stack = cloud.ended(stack_id)
    assert stack["StackStatus"] == "DELETE_COMPLETE"
    assert ("regretted", "CREATE_COMPLETE", "") not in cloud.events(stack_id)
    assert gateways(cloud) == before


def test_termination_protection_keeps_a_stack(cloud: Cloud) -> None:
    cloud.create("kept", GATEWAYS, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match=r"Stack \[kept\] cannot be deleted while TerminationProtection is enabled"):
        cloud.stacks.delete_stack(StackName="kept")
    assert cloud.describe("kept")["StackStatus"] == "CREATE_COMPLETE"
    cloud.stacks.update_termination_protection(StackName="kept", EnableTerminationProtection=False)
    assert cloud.delete("kept")["StackStatus"] == "DELETE_COMPLETE"


def test_what_cannot_go_stays_and_can_be_left_behind(cloud: Cloud) -> None:
    vpc = cloud.physical_id(cloud.create("stuck", VPC)["StackName"], "Vpc")
    subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(ClientError, match="DELETE_FAILED state"):
        cloud.stacks.delete_stack(StackName="stuck", RetainResources=["Vpc"])
    stack = cloud.delete("stuck")
    assert (stack["StackStatus"], stack["StackStatusReason"]) == (
        "DELETE_FAILED",
        "The following resource(s) failed to delete: [Vpc]. ",
    )
    resource = cloud.stacks.list_stack_resources(StackName="stuck")["StackResourceSummaries"][0]
    assert resource["ResourceStatus"] == "DELETE_FAILED"
    assert "has dependencies and cannot be deleted" in resource["ResourceStatusReason"]
    assert cloud.delete("stuck", RetainResources=["Vpc"])["StackStatus"] == "DELETE_COMPLETE"
    cloud.ec2.delete_subnet(SubnetId=subnet)
    cloud.ec2.delete_vpc(VpcId=vpc)


def test_a_retained_resource_outlives_its_stack(cloud: Cloud) -> None:
    template = GATEWAYS.replace("  First: {", "  First: {DeletionPolicy: Retain, ")
    stack = cloud.create("retaining", template)
    first = cloud.physical_id("retaining", "First")
    cloud.delete("retaining")
    assert ("First", "DELETE_SKIPPED", "") in cloud.events(stack["StackId"])
    assert cloud.ec2.describe_internet_gateways(InternetGatewayIds=[first])["InternetGateways"]
    cloud.ec2.delete_internet_gateway(InternetGatewayId=first)


def test_a_resource_removed_by_hand_does_not_hinder_the_delete(cloud: Cloud) -> None:
    cloud.create("by-hand", GATEWAYS)
    cloud.ec2.delete_internet_gateway(InternetGatewayId=cloud.physical_id("by-hand", "Second"))
    assert cloud.delete("by-hand")["StackStatus"] == "DELETE_COMPLETE"


def test_a_terminated_machine_does_not_hinder_the_delete(cloud: Cloud) -> None:
    cloud.create("ended", MACHINE)
    cloud.ec2.terminate_instances(InstanceIds=[cloud.physical_id("ended", "Instance")])
    assert cloud.describe("ended")["StackStatus"] == "CREATE_COMPLETE"
    assert cloud.delete("ended")["StackStatus"] == "DELETE_COMPLETE"


def test_a_request_sent_again_is_the_same_request(cloud: Cloud) -> None:
    request = {"StackName": "again", "TemplateBody": GATEWAYS, "ClientRequestToken": "one"}
    assert cloud.stacks.create_stack(**request)["StackId"] == cloud.stacks.create_stack(**request)["StackId"]
    cloud.ended("again")
    with pytest.raises(ClientError, match="already exists"):
        cloud.stacks.create_stack(**{**request, "ClientRequestToken": "two"})


def test_names_can_be_used_again_and_ids_stay(cloud: Cloud) -> None:
    first = cloud.create("twice", GATEWAYS)["StackId"]
    cloud.delete("twice")
    cloud.stacks.delete_stack(StackName="twice")
    second = cloud.create("twice", GATEWAYS)["StackId"]
    assert first != second and cloud.describe("twice")["StackId"] == second
    assert cloud.describe(first)["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.events(first)[-1][:2] == ("twice", "DELETE_COMPLETE")


def test_a_reviewed_stack_is_made_by_its_change_set(cloud: Cloud) -> None:
    cloud.stacks.create_change_set(
        StackName="reviewed", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=GATEWAYS
    )
    assert cloud.describe("reviewed")["StackStatus"] == "REVIEW_IN_PROGRESS"
    change_set = cloud.stacks.describe_change_set(StackName="reviewed", ChangeSetName="first")
    assert [change["ResourceChange"]["Action"] for change in change_set["Changes"]] == ["Add"] * 3
    cloud.stacks.execute_change_set(StackName="reviewed", ChangeSetName="first")
    assert cloud.ended("reviewed")["StackStatus"] == "CREATE_COMPLETE"


def test_a_change_set_wants_an_existing_stack(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="Stack with id nobody does not exist"):
        cloud.stacks.create_change_set(StackName="nobody", ChangeSetName="x", TemplateBody=GATEWAYS)
    with pytest.raises(ClientError, match="Stack with id nobody does not exist"):
        cloud.describe("nobody")


def test_many_stacks_come_in_pages(cloud: Cloud) -> None:
    names = [f"many-{number}" for number in range(STACKS_PER_PAGE + 3)]
    for name in names:
        cloud.stacks.create_stack(StackName=name, TemplateBody=GATEWAYS)
    pages = list(cloud.stacks.get_paginator("describe_stacks").paginate())
    assert len(pages) == 2
    seen = [stack["StackName"] for page in pages for stack in page["Stacks"]]
    assert set(names) <= set(seen) and len(seen) == len(set(seen))
    for name in names:
        cloud.ended(name)
