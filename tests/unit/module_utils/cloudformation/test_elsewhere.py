"""A machine for which a zone has no room, and one whose creation AWS throttled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.elsewhere import (
    Elsewhere,
    is_throttled,
    is_without_capacity,
)  # isort: skip

from rehearsal.api import faults
from tests.support.cloudformation_lab import Lab, running_lab

FULL = (
    "We currently do not have sufficient t3.medium capacity in the Availability Zone you requested (us-east-1a). Our "
    "system will be working on provisioning additional capacity. You can currently get t3.medium capacity by not "
    "specifying an Availability Zone in your request or choosing us-east-1b. (Service: Ec2, Status Code: 500, "
    "Request ID: 0) (RequestToken: 0, HandlerErrorCode: InsufficientCapacity)"
)


@pytest.mark.parametrize(
    ("reason", "full", "throttled"),
    [
        (FULL, True, False),
        ("InsufficientInstanceCapacity", True, False),
        ("There is not sufficient c5.4xlarge capacity", True, False),
        ("Rate exceeded (Service: ElasticLoadBalancingV2, Status Code: 400, Request ID: 0)", False, True),
        ("Request limit exceeded. (Service: Ec2, Status Code: 503, Error Code: RequestLimitExceeded)", False, True),
        ("You have requested more vCPU capacity than your current vCPU limit of 16 allows", False, False),
        ("The capacity of the account is sufficient", False, False),
        ("", False, False),
    ],
)
def test_which_failures_deserve_another_attempt(reason: str, full: bool, throttled: bool) -> None:
    assert (is_without_capacity(reason), is_throttled(reason)) == (full, throttled)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def anywhere(lab: Lab) -> Iterator[list[str]]:
    """Let all machines lie in both subnets, whose ids are returned."""
    subnets = [lab.network["SubnetAId"], lab.network["SubnetBId"]]
    users = [f"ws-{number}" for number in range(1, 5)]
    lab.elsewhere = Elsewhere("SubnetId", dict.fromkeys(users, subnets), {subnets[0]: "zone-a", subnets[1]: "zone-b"})
    yield subnets
    faults.clear()
    lab.remove(*users)
    lab.elsewhere = None


def fail(user: str, message: str, times: int) -> None:
    faults.add(
        {"kind": "resource", "match": f"stack-{user}", "logical_id": "Instance", "message": message, "times": times}
    )


def test_half_of_a_fleet_is_made_in_the_other_zone(lab: Lab, anywhere: list[str]) -> None:
    for user in ("ws-1", "ws-3"):
        fail(user, FULL, 1)
    made = lab.make("ws-1", "ws-2", "ws-3", "ws-4")
    assert {user: item["status"] for user, item in made.items()} == dict.fromkeys(made, "ready")
    where = {user: anywhere.index(item["parameters"]["SubnetId"]) for user, item in made.items()}
    assert where == {"ws-1": 1, "ws-2": 0, "ws-3": 1, "ws-4": 0}
    assert lab.warnings == ["ws-1, ws-3: AWS has no room in zone-a; tried in zone-b"], "one line for all"


def test_two_full_zones_are_a_failure_after_one_attempt_in_each(lab: Lab, anywhere: list[str]) -> None:
    fail("ws-1", FULL, 3)
    made = lab.make("ws-1", "ws-2")
    assert (made["ws-1"]["status"], made["ws-2"]["status"]) == ("failed", "ready")
    assert made["ws-1"]["reason"].startswith("Instance: We currently do not have sufficient t3.medium capacity")
    assert [fault["hits"] for fault in faults.listing()] == [2]


def test_a_machine_that_may_lie_in_one_subnet_only_is_not_moved(lab: Lab) -> None:
    fail("ws-1", FULL, 1)
    assert lab.make("ws-1")["ws-1"]["status"] == "failed"
    faults.clear()
    lab.remove("ws-1")


def test_a_throttled_creation_is_made_once_more(lab: Lab, anywhere: list[str]) -> None:
    throttled = "Rate exceeded (Service: Ec2, Status Code: 503, Request ID: 0)"
    fail("ws-1", throttled, 1)
    fail("ws-2", throttled, 2)
    made = lab.make("ws-1", "ws-2")
    assert (made["ws-1"]["status"], made["ws-2"]["status"]) == ("ready", "failed")
    assert "ws-1, ws-2: AWS throttled CloudFormation (Rate exceeded); made again" in lab.warnings
