"""Fakes of CloudFormation and the listener's rules, with a batch of stacks.

The tests of cloudformation_stacks use them. The answers are literal ones of AWS; time passes only by sleeping.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.api import StackApi, plain_reason
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.batch import (
    run_batch,
    verify_ready,
    without_instance,
)
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.create import StackCreator, Wanted
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.delete import StackDeleter
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.job import Job
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.rule_priorities import Priorities
from botocore.exceptions import ClientError

# These are importable only after the line above, so the tests import them from here.
__all__ = ["MUTATING", "NAME", "FakePages", "FakeRules", "Lab", "Wanted", "client_error", "event"]
__all__ += ["plain_reason", "without_instance"]

NAME = "probcomp-stack-alice"
MUTATING = {"create_stack", "delete_stack", "update_stack", "update_termination_protection"}


def client_error(code: str, message: str, operation: str = "Call", status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


class FakeTime:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class FakeCloudFormation:
    """A fake of CloudFormation, one state of each stack per listing.

    The last given state stays. A page of a list has 100 stacks.
    """

    stacks_per_page = 100
    meta = SimpleNamespace(region_name="eu-west-1")

    def __init__(self, time: FakeTime) -> None:
        self.time = time
        self.stacks: dict[str, dict[str, Any]] = {}
        self.courses: dict[str, list[str]] = {}
        self.on_create: list[list[str]] = []
        self.on_delete: list[list[str]] = []
        self.on_update: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.leftover_states: list[str] = []
        self.errors: dict[str, list[Exception]] = {}
        self.calls: list[tuple[str, dict[str, Any], float]] = []
        self.numbers = itertools.count(1)

    def add(self, name: str, *course: str, **more: Any) -> dict[str, Any]:
        stack_id = f"arn:aws:cloudformation:eu-west-1:1:stack/{name}/{next(self.numbers)}"
        stack = {"StackName": name, "StackId": stack_id, "StackStatus": course[0], "Parameters": [], "Tags": [], **more}
        self.stacks[stack_id] = stack
        self.courses[stack_id] = list(course)
        return stack

    def called(self, *operations: str) -> list[str]:
        return [name for name, _request, _at in self.calls if name in (operations or MUTATING)]

    def requests(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request, _at in self.calls if name == operation]

    def _record(self, operation: str, request: dict[str, Any]) -> None:
        self.calls.append((operation, request, self.time.seconds))
        if self.errors.get(operation):
            raise self.errors[operation].pop(0)

    def _by_reference(self, reference: str) -> dict[str, Any]:
        for stack in self.stacks.values():
            if stack["StackId"] == reference or (
                stack["StackName"] == reference and stack["StackStatus"] != "DELETE_COMPLETE"
            ):
                return stack
        raise client_error("ValidationError", f"Stack with id {reference} does not exist")

    def create_stack(self, **request: Any) -> None:
        name = request["StackName"]
        if any(s["StackName"] == name and s["StackStatus"] != "DELETE_COMPLETE" for s in self.stacks.values()):
            self._record("create_stack", request)
            raise client_error("AlreadyExistsException", "Stack already exists", "CreateStack")
        course = self.on_create.pop(0) if self.on_create else ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
        protected = request["EnableTerminationProtection"]
        self.add(name, *course, Parameters=request["Parameters"], EnableTerminationProtection=protected)
        self._record("create_stack", request)  # An error here stands for a lost answer.

    def update_stack(self, **request: Any) -> None:
        self._record("update_stack", request)
        stack = self._by_reference(request["StackName"])
        stack["LastUpdatedTime"] = self.time.seconds
        self.courses[stack["StackId"]] = list(self.on_update)
        stack["StackStatus"] = self.on_update[0]

    def delete_stack(self, **request: Any) -> None:
        self._record("delete_stack", request)
        stack = self._by_reference(request["StackName"])
        assert not stack.get("EnableTerminationProtection"), "AWS refuses this"
        course = self.on_delete.pop(0) if self.on_delete else ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
        stack["DeletionTime"] = self.time.seconds
        stack["StackStatus"] = course[0]
        self.courses[stack["StackId"]] = course

    def update_termination_protection(self, **request: Any) -> None:
        self._record("update_termination_protection", request)
        self._by_reference(request["StackName"])["EnableTerminationProtection"] = request["EnableTerminationProtection"]

    def describe_stacks(self, **request: Any) -> dict[str, Any]:
        self._record("describe_stacks", request)
        stack = self._by_reference(request["StackName"])
        answer = {"Stacks": [dict(stack)]}
        if request["StackName"] == stack["StackName"]:
            self._move_on(stack)
        return answer

    def get_template(self, **request: Any) -> dict[str, Any]:
        self._record("get_template", request)
        return {"TemplateBody": "the template"}

    def get_paginator(self, operation: str) -> FakePages:
        return FakePages(self, operation)

    def list_all(self) -> Iterator[dict[str, Any]]:
        """Yield pages of all stacks; each look moves every stack on by a state."""
        found = [dict(stack) for stack in self.stacks.values() if stack["StackStatus"] != "DELETE_COMPLETE"]
        for stack in self.stacks.values():
            self._move_on(stack)
        for start in range(0, len(found) or 1, self.stacks_per_page):
            yield {"Stacks": found[start : start + self.stacks_per_page]}

    def _move_on(self, stack: dict[str, Any]) -> None:
        course = self.courses[stack["StackId"]]
        if len(course) > 1:
            course.pop(0)
        stack["StackStatus"] = course[0]

    def resources(self) -> Iterator[dict[str, Any]]:
        for state in self.leftover_states:
            summary = {
                "LogicalResourceId": "SecurityGroup",
                "PhysicalResourceId": "sg-1",
                "ResourceType": "AWS::EC2::SecurityGroup",
                "ResourceStatus": state,
                "ResourceStatusReason": "in use",
            }
            yield {"StackResourceSummaries": [summary]}


class FakePages:
    def __init__(self, client: FakeCloudFormation, operation: str) -> None:
        self.client = client
        self.operation = operation

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        name = f"list_{self.operation}" if self.operation == "describe_stacks" else self.operation
        self.client._record(name, request)
        match self.operation:
            case "describe_stacks":
                return self.client.list_all()
            case "describe_stack_events":
                return iter([{"StackEvents": self.client.events}])
            case _:
                return self.client.resources()


class FakeRules:
    """A fake of elbv2 with the rules of one listener."""

    def __init__(self, *priorities: str) -> None:
        self.priorities = list(priorities)

    def get_paginator(self, _operation: str) -> FakeRules:
        return self

    def paginate(self, ListenerArn: str) -> Iterator[dict[str, Any]]:
        yield from ({"Rules": [{"Priority": priority}]} for priority in self.priorities)


class Lab:
    """A batch of one or more stacks against the fakes."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.clock = self.time.clock()
        self.client = FakeCloudFormation(self.time)
        self.api = StackApi(self.client, self.clock)
        self.wanted = Wanted("the template", termination_protection=True)
        self.rules = FakeRules("default")
        self.terminated: set[str] = set()
        self.warnings: list[str] = []

    def make(self, *users: str, timeout: float = 1800, **job: Any) -> dict[str, dict[str, Any]]:
        jobs = [Job(f"probcomp-stack-{user}", user, {"ListenerArn": "listener"}, **job) for user in users or ["alice"]]
        priorities = Priorities(self.rules, "RulePriority", "ListenerArn", self.clock)
        creator = StackCreator(self.api, self.wanted, self.clock, priorities, self.terminated)
        run_batch(jobs, creator, self.api, self.api.all(), self.clock, timeout)
        verify_ready(jobs, self.api)
        self.warnings = creator.warnings
        return {job.user: job.result for job in jobs}

    def remove(self, *users: str, timeout: float = 1800) -> dict[str, dict[str, Any]]:
        jobs = [Job(f"probcomp-stack-{user}", user) for user in users or ["alice"]]
        deleter = StackDeleter(self.api, self.clock)
        run_batch(jobs, deleter, self.api, self.api.all(), self.clock, timeout)
        self.warnings = deleter.warnings
        return {job.user: job.result for job in jobs}


def event(logical_id: str, status: str, reason: str = "", physical_id: str = "x") -> dict[str, Any]:
    return {
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }
