"""CloudFormation requests for many stacks: rate-limited, retried, by StackId.

amazon.aws.cloudformation is not used: it polls every stack separately, waits without limit, and takes any client error
during the wait for a completed deletion (AWS_FACTS.md has the source).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..aws.errors import Clock, error_code, error_message, retry_transient

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import ClientError

Stack = dict[str, Any]

# Stack events with these states begin an operation; older events belong to an earlier one.
_OPERATION_STARTS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})


# CloudFormation's wrapper around the message of another service, and that service's request ids.
_WRAPPED = re.compile(r'Resource handler returned message: "(.*)" \(RequestToken: .*\)', re.DOTALL)
_FOR_SUPPORT = re.compile(r"\s*\((?:Service: [^()]*)?;? ?(?:Status Code|Request ID): [^()]*(?:\([^()]*\))?[^()]*\)")


def plain_reason(reason: str) -> str:
    """Return CloudFormation's failure reason on one line, without request ids."""
    wrapped = _WRAPPED.fullmatch(reason.strip())
    return " ".join(_FOR_SUPPORT.sub("", wrapped.group(1) if wrapped else reason).split())


@dataclass(frozen=True)
class Failure:
    """The first failed resource of a stack operation and CloudFormation's reason."""

    logical_id: str
    reason: str

    def __str__(self) -> str:
        return f"{self.logical_id}: {self.reason}" if self.logical_id else self.reason


@dataclass
class Pacer:
    """Rate limiter that keeps calls at least `interval` seconds apart."""

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
    """CloudFormation requests in one account and region.

    Transient errors are retried; the methods raise botocore's errors.
    """

    client: Any
    clock: Clock
    submissions_per_second: float = 2.0
    _submit: Pacer = field(init=False)
    _read: Pacer = field(init=False)
    _pages: int = 1
    """Pages of the last list of all stacks."""

    def __post_init__(self) -> None:
        self._submit = Pacer(1 / self.submissions_per_second, self.clock)
        # Reads of single stacks; throttling is reported from about five requests a second.
        self._read = Pacer(0.25, self.clock)

    @property
    def region(self) -> str:
        """Return the region of the requests."""
        return str(self.client.meta.region_name)

    def all(self) -> dict[str, Stack]:
        """Return every stack that is not deleted, by name, in one paginated request."""
        pages = retry_transient(lambda: list(self.client.get_paginator("describe_stacks").paginate()), clock=self.clock)
        self._pages = len(pages)
        return {stack["StackName"]: stack for page in pages for stack in page["Stacks"]}

    def named(self, names: list[str]) -> dict[str, Stack]:
        """Return the existing stacks of these names, by name; it may return others, too.

        A single stack is asked for by its name; for several, all stacks are listed.
        """
        if len(names) != 1:
            return self.all()
        stack = self.by_id(names[0])
        return {names[0]: stack} if stack else {}

    def again(self, stacks: Mapping[str, Stack], wanted: Iterable[str]) -> dict[str, Stack]:
        """Return `stacks`, an earlier result, with the `wanted` names read again.

        Lists all stacks, or asks for each by name when these are fewer requests: others may have a thousand.
        """
        names = list(wanted)
        if len(names) >= self._pages:
            return self.all()
        found = ((name, self.by_id(name)) for name in names)
        others = {name: stack for name, stack in stacks.items() if name not in names}
        return {**others, **{name: stack for name, stack in found if stack}}

    def by_id(self, stack_id: str) -> Stack | None:
        """Return the stack, also a deleted one, None when the id (or the name) is unknown."""
        self._read.wait()
        try:
            answer = retry_transient(lambda: self.client.describe_stacks(StackName=stack_id), clock=self.clock)
        except ClientError as error:
            if error_code(error) == "ValidationError" and "does not exist" in error_message(error):
                return None
            raise
        return answer["Stacks"][0]

    def create(self, request: dict[str, Any]) -> None:
        """Submit CreateStack.

        AlreadyExists is no error: the response to an earlier attempt may have been lost.
        """
        self._submit.wait()
        try:
            retry_transient(lambda: self.client.create_stack(**request), clock=self.clock)
        except ClientError as error:
            if error_code(error) not in ("AlreadyExistsException", "TokenAlreadyExistsException"):
                raise

    def update(self, request: dict[str, Any]) -> bool:
        """Submit UpdateStack; return False when there is nothing to update."""
        self._submit.wait()
        try:
            retry_transient(lambda: self.client.update_stack(**request), clock=self.clock)
        except ClientError as error:
            if "No updates are to be performed" in error_message(error):
                return False
            raise
        return True

    def create_change_set(self, request: dict[str, Any]) -> None:
        """Submit CreateChangeSet.

        AlreadyExists is no error: names are unique, so the response to an earlier attempt was lost.
        """
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
        """Return a change set with all of its changes."""
        self._read.wait()
        paginator = self.client.get_paginator("describe_change_set")
        request = {"StackName": stack_id, "ChangeSetName": name}
        pages = retry_transient(lambda: list(paginator.paginate(**request)), clock=self.clock)
        return {**pages[-1], "Changes": [change for page in pages for change in page.get("Changes", [])]}

    def execute(self, stack_id: str, name: str, token: str) -> None:
        """Submit ExecuteChangeSet.

        An executed change set is no error: the response to an earlier attempt may have been lost. The caller must check
        the stack to see whether the update began.
        """
        self._submit.wait()
        request = {"StackName": stack_id, "ChangeSetName": name, "ClientRequestToken": token}
        try:
            retry_transient(lambda: self.client.execute_change_set(**request), clock=self.clock)
        except ClientError as error:
            if error_code(error) not in ("InvalidChangeSetStatus", "TokenAlreadyExistsException"):
                raise

    def delete_change_set(self, stack_id: str, name: str) -> None:
        """Delete a change set that was not executed; a missing one is no error."""
        self._submit.wait()
        retry_transient(lambda: self.client.delete_change_set(StackName=stack_id, ChangeSetName=name), clock=self.clock)

    def delete(self, stack: Stack, token: str, retain: Iterable[str] = ()) -> None:
        """Disable termination protection and submit DeleteStack, by StackId."""
        stack_id = stack["StackId"]
        # The list of all stacks may omit the field; disabling it twice changes nothing.
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
        """Return the submitted template: text, or parsed by botocore when it was JSON."""
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
        """Return the summaries of the resources that still exist."""
        gone = ("DELETE_COMPLETE", "DELETE_SKIPPED")
        return [
            resource
            for resource in self.resources(stack_id)
            if resource["ResourceStatus"] not in gone and resource.get("PhysicalResourceId")
        ]

    def first_failure(self, stack_id: str) -> Failure:
        """Return the first failure in the stack's latest operation."""
        self._read.wait()
        events = retry_transient(lambda: list(self._latest_operation(stack_id)), clock=self.clock)
        failed = [event for event in events if str(event["ResourceStatus"]).endswith("_FAILED")]
        # When one resource fails, those in progress are cancelled: that is not the cause.
        causes = [event for event in failed if "cancelled" not in event.get("ResourceStatusReason", "").lower()]
        for event in reversed(causes or failed):  # The newest event comes first.
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
