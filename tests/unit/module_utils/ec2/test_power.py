"""machine_power against literal answers of EC2; time passes only by sleeping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.cloudformation_fakes import FakeTime, client_error

from ansible_collections.probcomp.stack.plugins.module_utils.ec2.power import (  # isort: skip
    Power,
    PowerOperation,
    foreseen_lines,
    result_lines,
)
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients  # isort: skip

WAYS = {"start": "running", "stop": "stopped"}


class FakeEc2:
    """A fake of EC2 with one given state per look; the last one stays."""

    def __init__(self) -> None:
        self.states: dict[str, list[str]] = {}
        self.on_request: dict[str, list[str]] = {}
        self.reasons: dict[str, str] = {}
        self.without_address: set[str] = set()
        self.stacks: dict[str, str] = {}
        self.errors: list[tuple[str, Exception]] = []
        self.requests: list[tuple[str, list[str]]] = []
        self.looks = 0
        self.look_errors: list[Exception] = []

    def get_paginator(self, operation: str) -> FakeEc2:
        assert operation == "describe_instances"
        return self

    def paginate(self, Filters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        self.looks += 1
        if self.look_errors:
            raise self.look_errors.pop(0)
        for instance_id in Filters[0]["Values"]:
            if course := self.states.get(instance_id):
                state = course.pop(0) if len(course) > 1 else course[0]
                stack = self.stacks.get(instance_id, f"probcomp-stack-{instance_id.removeprefix('i-')}")
                tags = [{"Key": "aws:cloudformation:stack-name", "Value": stack}]
                instance: dict[str, Any] = {"InstanceId": instance_id, "State": {"Name": state}, "Tags": tags}
                if state in ("pending", "running") and instance_id not in self.without_address:
                    instance["PublicIpAddress"] = "192.0.2.7"
                if instance_id in self.reasons:
                    instance["StateReason"] = {"Message": self.reasons[instance_id]}
                yield {"Reservations": [{"Instances": [instance]}]}

    def start_instances(self, InstanceIds: list[str]) -> None:
        self._request("start", InstanceIds, ["pending", "running"])

    def stop_instances(self, InstanceIds: list[str]) -> None:
        self._request("stop", InstanceIds, ["stopping", "stopped"])

    def _request(self, what: str, ids: list[str], course: list[str]) -> None:
        self.requests.append((what, list(ids)))
        for culprit, error in self.errors:
            if culprit in ids:
                raise error
        for instance_id in ids:
            self.states[instance_id] = list(self.on_request.get(instance_id, course))


class Hall:
    def __init__(self) -> None:
        self.ec2 = FakeEc2()
        self.time = FakeTime()

    def switch(self, target: str, timeout: float = 600, **states: str) -> dict[str, dict[str, Any]]:
        """Bring machines to the target.

        They are given by user, with their course of states.
        """
        for user, course in states.items():
            self.ec2.states.setdefault(f"i-{user}", course.split()) if course else None
        clients = AwsClients(lambda *_: self.ec2, "eu-west-1")
        self.machines = [Power(user, f"i-{user}") for user in states]
        PowerOperation(clients, self.time.clock(), target, self.machines).run(timeout)
        return {machine.user: machine.as_data() for machine in self.machines}


@pytest.fixture
def hall() -> Hall:
    return Hall()


@pytest.mark.parametrize(("verb", "target"), WAYS.items())
def test_one_request_for_all_that_need_it(hall: Hall, verb: str, target: str) -> None:
    away = "running" if target == "stopped" else "stopped"
    found = hall.switch(target, a=away, b=target, c=away)
    assert hall.ec2.requests == [(verb, ["i-a", "i-c"])]
    assert {user: item["changed"] for user, item in found.items()} == {"a": True, "b": False, "c": True}
    assert {item["state"] for item in found.values()} == {target}
    assert result_lines(hall.machines, target) == [f"a, c: {target}", f"b: was {target} already"]


@pytest.mark.parametrize(
    ("target", "would", "other"), [("stopped", "stopped", "running"), ("running", "started", "stopped")]
)
def test_what_would_become_of_forty_is_one_line(hall: Hall, target: str, would: str, other: str) -> None:
    machines = [Power(f"ws-{number}", f"i-ws-{number}") for number in range(1, 41)]
    hall.ec2.states = {machine.instance_id: [other] for machine in machines} | {"i-ws-7": [target]}
    operation = PowerOperation(AwsClients(lambda *_: hall.ec2, "eu-west-1"), hall.time.clock(), target, machines)
    operation.read_states()
    assert foreseen_lines(operation) == [f"ws-1 to ws-6, ws-8 to ws-40: would be {would}", f"ws-7: is {target}"]
    assert hall.ec2.requests == []


@pytest.mark.parametrize("stack", ["payroll", "probcomp-stack-b"])
def test_what_its_users_stack_did_not_make_is_left_alone(hall: Hall, stack: str) -> None:
    hall.ec2.stacks["i-a"] = stack
    found = hall.switch("stopped", a="running", c="running")
    assert "i-a was not made by its stack, and is left alone" in found["a"]["reason"]
    assert hall.ec2.requests == [("stop", ["i-c"])]


@pytest.mark.parametrize(("verb", "target"), WAYS.items())
def test_a_machine_on_its_way_is_waited_for_first(hall: Hall, verb: str, target: str) -> None:
    course = "stopping stopping stopped" if target == "running" else "pending pending running"
    assert hall.switch(target, a=course)["a"]["status"] == "ready"
    assert hall.ec2.requests == [(verb, ["i-a"])]
    assert hall.switch(target, b={"running": "pending running", "stopped": "stopping stopped"}[target])["b"] == {
        "status": "ready", "changed": False, "state": target, "reason": "",
        "was": {"running": "pending", "stopped": "stopping"}[target],
        "address": "192.0.2.7" if target == "running" else "",
    }  # fmt: skip
    assert len(hall.ec2.requests) == 1


def test_one_that_is_refused_does_not_keep_back_the_others(hall: Hall) -> None:
    error = client_error("InsufficientInstanceCapacity", "no capacity in eu-west-1a", "StartInstances")
    hall.ec2.errors = [("i-b", error)]
    found = hall.switch("running", a="stopped", b="stopped", c="stopped")
    assert [user for user, item in found.items() if item["status"] == "failed"] == ["b"]
    assert "no capacity in eu-west-1a" in found["b"]["reason"]
    assert [ids for _, ids in hall.ec2.requests] == [["i-a", "i-b", "i-c"], ["i-a"], ["i-b"], ["i-c"]]
    assert "b: not running, is stopped" in result_lines(hall.machines, "running")


def test_a_start_that_ends_where_it_began_is_told(hall: Hall) -> None:
    hall.ec2.on_request["i-a"] = ["pending", "stopped"]
    hall.ec2.reasons["i-a"] = "Server.InternalError: Internal error on launch"
    reason = hall.switch("running", a="stopped")["a"]["reason"]
    assert reason == "it is stopped again (Server.InternalError: Internal error on launch)"
    assert hall.ec2.requests == [("start", ["i-a"])], "not asked for again and again"


def test_a_late_listing_is_no_failure(hall: Hall) -> None:
    hall.ec2.on_request["i-a"] = ["stopped"] * 5 + ["pending", "running"]
    assert hall.switch("running", a="stopped")["a"]["status"] == "ready"
    assert len(hall.ec2.requests) == 1


def test_a_terminated_or_unknown_machine_is_told(hall: Hall) -> None:
    found = hall.switch("running", a="terminated", b="", c="stopped")
    for user in ("a", "b"):
        assert found[user]["reason"].endswith(f"stack_create.yml -e user={user} makes it again")
    assert found["c"]["status"] == "ready"


def test_every_wait_has_an_end_and_says_what_it_waited_for(hall: Hall) -> None:
    hall.ec2.without_address.add("i-b")
    found = hall.switch("running", timeout=100, a="stopping", b="running")
    assert found["a"]["reason"] == "not running after 100 s: it is stopping"
    assert found["b"]["reason"] == "not running after 100 s: it has no public address"
    assert hall.ec2.looks < 60, "the time between looks grows"


def test_lost_credentials_end_it_at_once(hall: Hall) -> None:
    hall.ec2.look_errors = [client_error("ExpiredToken", "expired", "DescribeInstances")]
    assert "credentials have expired" in hall.switch("stopped", a="running")["a"]["reason"]
    hall.ec2.errors = [("i-c", client_error("ExpiredToken", "expired", "StopInstances"))]
    found = hall.switch("stopped", b="running", c="running")
    assert all("credentials have expired" in item["reason"] for item in found.values())
    assert len(hall.ec2.requests) == 1


def test_throttling_is_waited_out(hall: Hall) -> None:
    hall.ec2.look_errors = [client_error("RequestLimitExceeded", "slow down", "DescribeInstances", 503)]
    assert hall.switch("stopped", a="running")["a"]["status"] == "ready"


def test_those_that_are_late_are_reported(hall: Hall, reported: Callable[[], list[str]]) -> None:
    hall.ec2.on_request = {"i-ws-10": ["pending", "pending", "pending", "running"]}
    hall.ec2.errors = [("i-ws-4", client_error("InsufficientInstanceCapacity", "no capacity", "StartInstances"))]
    states = {"ws-1": "running", "ws-10": "stopped", "ws-2": "stopped", "ws-4": "stopped"}
    hall.switch("running", 600, **states)
    assert reported() == [
        "machines: 1 of 4 running, 1 failed after 95 s; late: ws-2, ws-10",
        "machines: 2 of 4 running, 1 failed after 95 s; late: ws-10",
    ]
