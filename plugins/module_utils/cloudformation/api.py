"""CloudFormation as our modules for many stacks need it: paced, patient, by StackId, failures in words.

Why not amazon.aws.cloudformation: it polls every stack by itself, waits without limit, and takes any client error
while it waits for a finished deletion (AWS_FACTS.md has the source).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..aws.errors import Clock, error_code, error_message, retry_transient

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import ClientError

Stack = dict[str, Any]

# A stack's own events with these states begin an operation; what is older belongs to an earlier one.
_OPERATION_STARTS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})


# What CloudFormation wraps around the words of the service that refused, and what that one adds for its support.
_WRAPPED = re.compile(r'Resource handler returned message: "(.*)" \(RequestToken: .*\)', re.DOTALL)
_FOR_SUPPORT = re.compile(r"\s*\((?:Service: [^()]*)?;? ?(?:Status Code|Request ID): [^()]*(?:\([^()]*\))?[^()]*\)")


def plain_reason(reason: str) -> str:
    """Return CloudFormation's reason for a failure without request ids and the like, on one line."""
    wrapped = _WRAPPED.fullmatch(reason.strip())
    return " ".join(_FOR_SUPPORT.sub("", wrapped.group(1) if wrapped else reason).split())


@dataclass(frozen=True)
class Failure:
    """Why a stack's operation failed: the first resource that did, and CloudFormation's reason."""

    logical_id: str
    reason: str

    def __str__(self) -> str:
        return f"{self.logical_id}: {self.reason}" if self.logical_id else self.reason


@dataclass
class Pacer:
    """Spaces calls at least `interval` seconds apart."""

    interval: float
    clock: Clock
    _next: float = 0.0

    def wait(self) -> None:
        """Sleep until the next call may be made."""
        now = self.clock.now()
        if now < self._next:
            self.clock.sleep(self._next - now)
        self._next = max(now, self._next) + self.interval


@dataclass
class StackApi:
    """Calls of one account and region. Errors are botocore's, after patience with temporary ones."""

    client: Any
    clock: Clock
    submissions_per_second: float = 2.0
    _submit: Pacer = field(init=False)
    _read: Pacer = field(init=False)

    def __post_init__(self) -> None:
        self._submit = Pacer(1 / self.submissions_per_second, self.clock)
        # Reads of single stacks; people report trouble from about five requests a second on.
        self._read = Pacer(0.25, self.clock)

    def all(self) -> dict[str, Stack]:
        """Return every stack that is not deleted, by name: one paginated request however many there are."""
        pages = retry_transient(lambda: list(self.client.get_paginator("describe_stacks").paginate()), clock=self.clock)
        return {stack["StackName"]: stack for page in pages for stack in page["Stacks"]}

    def by_id(self, stack_id: str) -> Stack | None:
        """Return the stack, also a deleted one; None when CloudFormation knows none of that id."""
        self._read.wait()
        try:
            answer = retry_transient(lambda: self.client.describe_stacks(StackName=stack_id), clock=self.clock)
        except ClientError as error:
            if error_code(error) == "ValidationError" and "does not exist" in error_message(error):
                return None
            raise
        return answer["Stacks"][0]

    def create(self, request: dict[str, Any]) -> None:
        """Submit CreateStack. AlreadyExists is no error: the answer to an earlier try may have been lost."""
        self._submit.wait()
        try:
            retry_transient(lambda: self.client.create_stack(**request), clock=self.clock)
        except ClientError as error:
            if error_code(error) not in ("AlreadyExistsException", "TokenAlreadyExistsException"):
                raise

    def update(self, request: dict[str, Any]) -> bool:
        """Submit UpdateStack; False when CloudFormation finds nothing to change."""
        self._submit.wait()
        try:
            retry_transient(lambda: self.client.update_stack(**request), clock=self.clock)
        except ClientError as error:
            if "No updates are to be performed" in error_message(error):
                return False
            raise
        return True

    def create_change_set(self, request: dict[str, Any]) -> None:
        """Submit CreateChangeSet. AlreadyExists is no error: the names are new, so it is an answer that got lost."""
        self._submit.wait()
        try:
            retry_transient(lambda: self.client.create_change_set(**request), clock=self.clock)
        except ClientError as error:
            if error_code(error) != "AlreadyExistsException":
                raise

    def change_sets(self, stack_id: str) -> list[dict[str, Any]]:
        """Return the summaries of the stack's change sets."""
        self._read.wait()
        paginator = self.client.get_paginator("list_change_sets")
        pages = retry_transient(lambda: list(paginator.paginate(StackName=stack_id)), clock=self.clock)
        return [summary for page in pages for summary in page["Summaries"]]

    def describe_change_set(self, stack_id: str, name: str) -> dict[str, Any]:
        """Return a change set with all its changes."""
        self._read.wait()
        paginator = self.client.get_paginator("describe_change_set")
        request = {"StackName": stack_id, "ChangeSetName": name}
        pages = retry_transient(lambda: list(paginator.paginate(**request)), clock=self.clock)
        return {**pages[-1], "Changes": [change for page in pages for change in page.get("Changes", [])]}

    def execute(self, stack_id: str, name: str, token: str) -> None:
        """Submit ExecuteChangeSet. One that was executed is no error: the answer to an earlier try may have been lost.

        Whether the update began is for the caller to see from the stack.
        """
        self._submit.wait()
        request = {"StackName": stack_id, "ChangeSetName": name, "ClientRequestToken": token}
        try:
            retry_transient(lambda: self.client.execute_change_set(**request), clock=self.clock)
        except ClientError as error:
            if error_code(error) not in ("InvalidChangeSetStatus", "TokenAlreadyExistsException"):
                raise

    def delete_change_set(self, stack_id: str, name: str) -> None:
        """Delete a change set that was not executed; one that is gone is no error."""
        self._submit.wait()
        retry_transient(lambda: self.client.delete_change_set(StackName=stack_id, ChangeSetName=name), clock=self.clock)

    def delete(self, stack: Stack, token: str, retain: Iterable[str] = ()) -> None:
        """Submit DeleteStack for exactly this stack, lifting its termination protection first."""
        stack_id = stack["StackId"]
        # A list of all stacks may leave the field out; lifting what is not protected changes nothing.
        if stack.get("EnableTerminationProtection", True):
            self._submit.wait()
            lift = {"StackName": stack_id, "EnableTerminationProtection": False}
            retry_transient(lambda: self.client.update_termination_protection(**lift), clock=self.clock)
        request: dict[str, Any] = {"StackName": stack_id, "ClientRequestToken": token}
        if kept := list(retain):
            request["RetainResources"] = kept
        self._submit.wait()
        retry_transient(lambda: self.client.delete_stack(**request), clock=self.clock)

    def template(self, stack_id: str) -> Any:
        """Return the template as submitted: text, or botocore's reading of it when it was JSON."""
        self._read.wait()
        answer = retry_transient(
            lambda: self.client.get_template(StackName=stack_id, TemplateStage="Original"), clock=self.clock
        )
        return answer["TemplateBody"]

    def resources(self, stack_id: str) -> list[dict[str, Any]]:
        """Return the summaries of the stack's resources."""
        self._read.wait()
        pages = retry_transient(
            lambda: list(self.client.get_paginator("list_stack_resources").paginate(StackName=stack_id)),
            clock=self.clock,
        )
        return [resource for page in pages for resource in page["StackResourceSummaries"]]

    def remaining_resources(self, stack_id: str) -> list[dict[str, Any]]:
        """Return the resources that exist still."""
        gone = ("DELETE_COMPLETE", "DELETE_SKIPPED")
        return [
            resource
            for resource in self.resources(stack_id)
            if resource["ResourceStatus"] not in gone and resource.get("PhysicalResourceId")
        ]

    def first_failure(self, stack_id: str) -> Failure:
        """Return the first failure of the stack's latest operation."""
        self._read.wait()
        events = retry_transient(lambda: list(self._latest_operation(stack_id)), clock=self.clock)
        failed = [event for event in events if str(event["ResourceStatus"]).endswith("_FAILED")]
        # When one resource fails, those still being made are cancelled: an effect and not the cause.
        causes = [event for event in failed if "cancelled" not in event.get("ResourceStatusReason", "").lower()]
        for event in reversed(causes or failed):  # Events come newest first.
            reason = plain_reason(event.get("ResourceStatusReason", ""))
            return Failure(event["LogicalResourceId"], reason or "no reason given")
        ends = [event for event in events if event.get("ResourceStatusReason")]
        return Failure("", plain_reason(ends[0]["ResourceStatusReason"]) if ends else "CloudFormation gave no reason")

    def _latest_operation(self, stack_id: str) -> Iterator[dict[str, Any]]:
        for page in self.client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for event in page["StackEvents"]:
                yield event
                if event.get("PhysicalResourceId") == stack_id and event["ResourceStatus"] in _OPERATION_STARTS:
                    return
