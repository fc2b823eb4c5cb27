"""Deleted stacks, and stacks whose instance is gone.

The answers of CloudFormation and EC2 are literal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cloudformation_fakes import NAME, Lab, client_error, without_instance


@pytest.fixture
def lab() -> Lab:
    return Lab()


# These tests delete stacks.


def test_deletes_and_asks_by_id(lab: Lab) -> None:
    stack = lab.client.add(NAME, "CREATE_COMPLETE", EnableTerminationProtection=True)
    result = lab.remove()["alice"]
    assert (result["status"], result["changed"], result["stack_status"]) == ("absent", True, "DELETE_COMPLETE")
    assert lab.client.called() == ["update_termination_protection", "delete_stack"]
    assert lab.client.requests("describe_stacks") == [{"StackName": stack["StackId"]}]


def test_lifts_a_protection_that_the_list_does_not_tell(lab: Lab) -> None:
    lab.client.add(NAME, "CREATE_COMPLETE")
    assert lab.remove()["alice"]["status"] == "absent"
    assert lab.client.called() == ["update_termination_protection", "delete_stack"]


def test_what_is_absent_stays_absent(lab: Lab) -> None:
    lab.client.add("probcomp-stack-bob", "CREATE_COMPLETE")
    result = lab.remove()["alice"]
    assert (result["status"], result["changed"]) == ("absent", False)
    assert lab.client.called() == []


def test_waits_for_a_deletion_that_goes_on(lab: Lab) -> None:
    lab.client.add(NAME, "DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", "DELETE_COMPLETE")
    assert lab.remove()["alice"]["status"] == "absent"
    assert lab.client.called() == []


def test_waits_for_an_update_before_it_deletes(lab: Lab) -> None:
    lab.client.add(NAME, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", EnableTerminationProtection=False)
    assert lab.remove()["alice"]["status"] == "absent"
    assert lab.client.called() == ["delete_stack"]


FAILING = ["DELETE_IN_PROGRESS", "DELETE_FAILED"]


def test_a_failed_deletion_is_tried_again(lab: Lab) -> None:
    lab.client.add(NAME, "CREATE_COMPLETE", EnableTerminationProtection=False)
    lab.client.on_delete = [list(FAILING)]
    lab.client.leftover_states = ["DELETE_FAILED"]
    result = lab.remove()["alice"]
    assert (result["status"], result["retained"]) == ("absent", [])
    assert lab.client.called() == ["delete_stack", "delete_stack"]


@pytest.mark.parametrize("state", ["CREATE_COMPLETE", "DELETE_FAILED"])
def test_what_cannot_be_deleted_is_left_by_name(lab: Lab, state: str) -> None:
    lab.client.add(NAME, state)
    lab.client.on_delete = [list(FAILING)] * (1 if state == "DELETE_FAILED" else 2)
    lab.client.leftover_states = ["DELETE_FAILED"]
    result = lab.remove()["alice"]
    assert result["status"] == "absent"
    assert [item["physical_id"] for item in result["retained"]] == ["sg-1"]
    assert "sg-1 (in use)" in result["reason"]
    assert "may cost money" in lab.warnings[0]
    assert lab.client.requests("delete_stack")[-1]["RetainResources"] == ["SecurityGroup"]


def test_a_deletion_that_never_works_has_failed(lab: Lab) -> None:
    lab.client.add(NAME, "CREATE_COMPLETE")
    lab.client.on_delete = [list(FAILING) for _ in range(9)]
    lab.client.leftover_states = ["DELETE_FAILED"]
    result = lab.remove()["alice"]
    assert result["status"] == "failed"
    assert "left over: SecurityGroup sg-1" in result["reason"]
    assert len(lab.client.called("delete_stack")) == 4


def test_one_deletion_touches_nobody_else(lab: Lab) -> None:
    bob = lab.client.add("probcomp-stack-bob", "CREATE_COMPLETE")
    lab.client.add(NAME, "CREATE_COMPLETE")
    lab.remove()
    assert all(request["StackName"] != bob["StackId"] for request in lab.client.requests("delete_stack"))


# These tests look at the instances of stacks.


class FakeInstances:
    """A fake of EC2 with instance states; those in `stacks` have a stack's tags."""

    def __init__(self, states: dict[str, str], stacks: dict[str, str]) -> None:
        self.states = states
        self.stacks = stacks

    def get_paginator(self, _operation: str) -> FakeInstances:
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        ids = request.get("InstanceIds")
        if ids and ids[0] not in self.states:
            raise client_error("InvalidInstanceID.NotFound", "no such instance")
        for instance_id, state in self.states.items():
            if (ids and instance_id in ids) or (not ids and state == "running" and instance_id in self.stacks):
                tags = [{"Key": "aws:cloudformation:stack-id", "Value": self.stacks.get(instance_id, "")}]
                found = {"InstanceId": instance_id, "State": {"Name": state}, "Tags": tags}
                yield {"Reservations": [{"Instances": [found]}]}


@pytest.mark.parametrize(
    ("states", "tagged", "is_dead"),
    [
        ({"sg-1": "running"}, True, False),
        ({"sg-1": "running"}, False, False),  # The tags are lost: EC2 is asked by id before a stack is deleted.
        ({"sg-1": "stopped"}, False, False),
        ({"sg-1": "terminated"}, True, True),
        ({"sg-1": "shutting-down"}, True, True),
        ({}, False, True),
    ],
)
def test_which_stacks_have_lost_their_instance(lab: Lab, states: dict[str, str], tagged: bool, is_dead: bool) -> None:
    stack = lab.client.add(NAME, "CREATE_COMPLETE")
    lab.client.leftover_states = ["CREATE_COMPLETE"]
    ec2 = FakeInstances(states, {"sg-1": stack["StackId"]} if tagged else {})
    found = without_instance(ec2, lab.api, [stack], "SecurityGroup", lab.clock)
    assert found == ({stack["StackId"]} if is_dead else set())
