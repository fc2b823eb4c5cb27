"""The table "stack states and the right answer" for wanted stacks.

The answers are literal ones of AWS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

from tests.support.cloudformation_fakes import (
    NAME,
    FakePages,
    FakeRules,
    Lab,
    client_error,
    event,
    plain_reason,
)


@pytest.fixture
def lab() -> Lab:
    return Lab()


# These tests create stacks.


def test_makes_what_is_missing(lab: Lab) -> None:
    result = lab.make()["alice"]
    assert (result["status"], result["changed"], result["action"]) == ("ready", True, "create")
    (request,) = lab.client.requests("create_stack")
    assert request["EnableTerminationProtection"] is True
    assert {"ParameterKey": "RulePriority", "ParameterValue": "1"} in request["Parameters"]


@pytest.mark.parametrize("state", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_leaves_alone_what_is_complete(lab: Lab, state: str) -> None:
    lab.client.add(NAME, state)
    result = lab.make()["alice"]
    assert (result["status"], result["changed"]) == ("ready", False)
    assert lab.client.called() == []


def test_waits_for_what_is_under_way(lab: Lab) -> None:
    lab.client.add(NAME, "CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    assert lab.make()["alice"]["status"] == "ready"
    assert lab.client.called() == []


def test_makes_again_after_somebodys_deletion(lab: Lab) -> None:
    lab.client.add(NAME, "DELETE_IN_PROGRESS", "DELETE_COMPLETE")
    assert lab.make()["alice"]["status"] == "ready"
    assert lab.client.called() == ["create_stack"]


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_deletes_and_makes_again_what_can_only_be_deleted(lab: Lab, state: str) -> None:
    lab.client.events = [event("Instance", "CREATE_FAILED", "no capacity")]
    lab.client.add(NAME, state, EnableTerminationProtection=True)
    result = lab.make()["alice"]
    assert (result["status"], result["action"]) == ("ready", "replace")
    assert lab.client.called() == ["update_termination_protection", "delete_stack", "create_stack"]
    if state == "ROLLBACK_COMPLETE":
        assert lab.warnings == ["alice: an earlier attempt failed (Instance: no capacity); made again"]


@pytest.mark.parametrize("state", ["CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"])
def test_refuses_what_needs_a_person(lab: Lab, state: str) -> None:
    lab.client.add(NAME, state)
    lab.client.leftover_states = ["CREATE_COMPLETE"]
    result = lab.make()["alice"]
    assert result["status"] == "failed"
    assert state in result["reason"]
    assert "SecurityGroup sg-1" in result["reason"]
    assert lab.client.called() == []


def test_says_how_to_continue_a_rollback(lab: Lab) -> None:
    lab.client.add(NAME, "UPDATE_ROLLBACK_FAILED")
    reason = lab.make()["alice"]["reason"]
    assert reason.endswith(f"aws cloudformation continue-update-rollback --region eu-west-1 --stack-name {NAME}")
    assert lab.client.called() == []


def test_makes_again_a_stack_whose_instance_is_gone(lab: Lab) -> None:
    stack = lab.client.add(NAME, "CREATE_COMPLETE", EnableTerminationProtection=True)
    lab.terminated = {stack["StackId"]}
    result = lab.make()["alice"]
    assert (result["status"], result["replaced_terminated"]) == ("ready", True)
    assert result["stack_id"] != stack["StackId"]


def test_a_failed_creation_is_told_by_its_first_cause(lab: Lab) -> None:
    lab.client.on_create = [["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]]
    lab.client.events = [
        event("TargetGroup", "CREATE_FAILED", "Resource creation cancelled"),
        event("Volume", "CREATE_FAILED", "a later one"),
        event("Instance", "CREATE_FAILED", "You have requested more vCPU capacity than your limit of 5"),
        event("Instance", "CREATE_IN_PROGRESS"),
    ]
    result = lab.make("alice", "bob")
    assert result["alice"]["status"] == "failed"
    assert result["alice"]["reason"] == "Instance: You have requested more vCPU capacity than your limit of 5"
    assert result["bob"]["status"] == "ready"


def test_events_of_an_earlier_operation_do_not_count(lab: Lab) -> None:
    stack = lab.client.add(NAME, "UPDATE_ROLLBACK_COMPLETE")
    lab.client.events = [
        event("Vpc", "UPDATE_FAILED", "now"),
        event(NAME, "UPDATE_IN_PROGRESS", physical_id=stack["StackId"]),
        event("Vpc", "CREATE_FAILED", "long ago"),
    ]
    assert str(lab.api.first_failure(stack["StackId"])) == "Vpc: now"


@pytest.mark.parametrize(
    ("reason", "plain"),
    [
        (
            'Resource handler returned message: "The image id ami-1 does not exist (Service: Ec2, Status Code: 400, '
            'Request ID: 5d2c) (SDK Attempt Count: 1)" (RequestToken: 9c, HandlerErrorCode: NotFound)',
            "The image id ami-1 does not exist (SDK Attempt Count: 1)",
        ),
        ("Not enough\n capacity (for t3)", "Not enough capacity (for t3)"),
        ("", ""),
    ],
)
def test_reasons_are_said_without_request_ids(reason: str, plain: str) -> None:
    assert plain_reason(reason) == plain


# These tests check the priorities of the listener's rules.


def test_priorities_are_the_lowest_free_and_distinct(lab: Lab) -> None:
    lab.rules = FakeRules("default", "1", "4")
    taken = [{"ParameterKey": "RulePriority", "ParameterValue": "2"}]
    lab.client.add("probcomp-stack-zoe", "CREATE_IN_PROGRESS", Parameters=taken)
    lab.client.add("somebody-elses", "CREATE_COMPLETE", Parameters=[{**taken[0], "ParameterValue": "3"}])
    lab.make("ws-1", "ws-2", "ws-3")
    chosen = [
        item["ParameterValue"]
        for request in lab.client.requests("create_stack")
        for item in request["Parameters"]
        if item["ParameterKey"] == "RulePriority"
    ]
    assert chosen == ["3", "5", "6"]


def test_a_priority_taken_by_somebody_else_is_changed_once(lab: Lab) -> None:
    failing = ["CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"]
    lab.client.on_create = [failing]
    lab.client.events = [event("ListenerRule", "CREATE_FAILED", "Priority '1' is currently in use")]
    result = lab.make()["alice"]
    assert result["status"] == "ready"
    assert [item["ParameterValue"] for item in lab.client.requests("create_stack")[1]["Parameters"]][-1] == "2"

    other = Lab()
    other.client.on_create = [failing, list(failing)]
    other.client.events = lab.client.events
    assert other.make()["alice"]["status"] == "failed"
    assert other.client.called("create_stack") == ["create_stack"] * 2


# These tests have requests fail or lose their answers.


def test_a_lost_answer_makes_no_second_stack(lab: Lab) -> None:
    lab.client.errors["create_stack"] = [ConnectionClosedError(endpoint_url="x")]
    result = lab.make()["alice"]
    assert (result["status"], result["changed"]) == ("ready", True)
    assert len(lab.client.stacks) == 1
    tokens = {request["ClientRequestToken"] for request in lab.client.requests("create_stack")}
    assert len(tokens) == 1


def test_throttling_is_waited_out(lab: Lab) -> None:
    throttled = [client_error("Throttling", "Rate exceeded") for _ in range(4)]
    lab.client.errors = {"create_stack": throttled[:2], "list_describe_stacks": throttled[2:]}
    assert lab.make()["alice"]["status"] == "ready"


@pytest.mark.parametrize(
    "error",
    [
        client_error("ExpiredToken", "The security token included in the request is expired"),
        client_error("AccessDenied", "not authorized to perform: cloudformation:DescribeStacks"),
        EndpointConnectionError(endpoint_url="x"),
    ],
)
@pytest.mark.parametrize("work", ["make", "remove"])
@pytest.mark.parametrize("looks", [1, 2])
def test_an_error_while_waiting_is_no_success(lab: Lab, error: Exception, work: str, looks: int) -> None:
    if work == "remove":
        lab.client.add(NAME, "CREATE_COMPLETE")
    real = lab.client.get_paginator
    calls = itertools.count()

    def failing(operation: str) -> FakePages:
        if operation == "describe_stacks" and next(calls) >= looks:
            raise error
        return real(operation)

    lab.client.get_paginator = failing  # type: ignore[method-assign]
    result = getattr(lab, work)()["alice"]
    assert result["status"] == "failed"
    assert "its state is unknown" in result["reason"]


def test_expired_credentials_stop_the_submissions(lab: Lab) -> None:
    lab.client.errors["create_stack"] = [client_error("ExpiredToken", "expired")]
    result = lab.make("ws-1", "ws-2", "ws-3")
    assert {item["status"] for item in result.values()} == {"failed"}
    assert lab.client.called("create_stack") == ["create_stack"]


def test_one_refused_stack_does_not_stop_the_others(lab: Lab) -> None:
    lab.client.errors["create_stack"] = [client_error("ValidationError", "Parameters: [X] do not exist", "CreateStack")]
    lab.client.on_create = [["CREATE_IN_PROGRESS"]]
    result = lab.make("ws-1", "ws-2")
    assert result["ws-1"]["reason"] == "CreateStack: Parameters: [X] do not exist (ValidationError)"
    assert result["ws-2"]["status"] == "ready"


def test_every_wait_has_an_end(lab: Lab) -> None:
    lab.client.on_create = [["CREATE_IN_PROGRESS"]]
    lab.client.leftover_states = ["CREATE_IN_PROGRESS"]
    begin = lab.time.seconds
    result = lab.make(timeout=300)["alice"]
    assert result["reason"] == "not finished after 300 s: CREATE_IN_PROGRESS, waiting for SecurityGroup"
    assert lab.time.seconds - begin < 320


def test_a_stack_that_somebody_deletes_meanwhile_has_failed(lab: Lab) -> None:
    lab.client.on_create = [["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "DELETE_COMPLETE"]]
    assert "deleted by somebody else" in lab.make()["alice"]["reason"]


def test_the_end_is_read_again(lab: Lab) -> None:
    lab.client.add(NAME, "CREATE_COMPLETE", "DELETE_IN_PROGRESS")
    result = lab.make()["alice"]
    assert (result["status"], result["reason"]) == ("failed", "its stack is DELETE_IN_PROGRESS again")


def test_a_fleet_is_submitted_at_a_pace_and_watched_as_one(lab: Lab) -> None:
    lab.client.on_create = [["CREATE_IN_PROGRESS"] * 3 + ["CREATE_COMPLETE"] for _ in range(40)]
    result = lab.make(*(f"ws-{number}" for number in range(1, 41)))
    assert {item["status"] for item in result.values()} == {"ready"}
    times = [at for name, _request, at in lab.client.calls if name == "create_stack"]
    assert all(later - earlier >= 0.499 for earlier, later in itertools.pairwise(times))
    assert len(lab.client.called("list_describe_stacks")) < 10
    assert lab.client.called("describe_stacks") == []


def test_among_a_thousand_stacks_of_others_few_are_asked_for_by_name(lab: Lab) -> None:
    for number in range(1000):
        lab.client.add(f"of-others-{number}", "CREATE_COMPLETE")
    lab.client.on_create = [["CREATE_IN_PROGRESS"] * 5 + ["CREATE_COMPLETE"] for _ in range(3)]
    result = lab.make("ws-1", "ws-2", "ws-3")
    assert {item["status"] for item in result.values()} == {"ready"}
    assert len(lab.client.called("list_describe_stacks")) == 1, "the list has ten pages"
    asked = {request["StackName"] for request in lab.client.requests("describe_stacks")}
    assert asked == {f"probcomp-stack-ws-{number}" for number in (1, 2, 3)}


# These tests check the progress reports.


def test_stacks_that_are_late_are_reported(lab: Lab, reported: Callable[[], list[str]]) -> None:
    lab.client.add("probcomp-stack-ws-1", "CREATE_COMPLETE")
    lab.client.add("probcomp-stack-ws-10", *["CREATE_IN_PROGRESS"] * 6, "CREATE_COMPLETE")
    lab.client.add("probcomp-stack-ws-4", "ROLLBACK_FAILED")
    listings = len(lab.client.called("list_describe_stacks"))
    lab.make("ws-10", "ws-1", "ws-2", "ws-4")
    assert reported() == [
        "stacks: 1 of 4 ready, 1 failed after 95 s; late: ws-2, ws-10",
        "stacks: 2 of 4 ready, 1 failed after 95 s; late: ws-10",
        "stacks: 3 of 4 ready, 1 failed after 95 s",
    ]
    assert listings == 0 and len(lab.client.called("list_describe_stacks")) == 8  # One per round, and the end states.
