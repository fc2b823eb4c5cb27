"""Store stacks with their resources, events and change sets."""

import itertools
import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.errors import ValidationError
from rehearsal.cloudformation.evaluation import Evaluation, Lookup
from rehearsal.cloudformation.parameters import ParameterValue
from rehearsal.cloudformation.template import Template

STACK_TYPE = "AWS::CloudFormation::Stack"


def now() -> datetime:
    """Return the current time for an event."""
    return datetime.now(UTC)


@dataclass
class StackResource:
    """One resource of a stack, and its physical resource."""

    logical_id: str
    type: str
    physical_id: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    dependencies: set[str] = field(default_factory=set)
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    status: str = ""
    reason: str = ""
    changed: datetime = field(default_factory=now)

    @property
    def exists(self) -> bool:
        """Return whether there may be a physical resource."""
        return bool(self.physical_id) and self.status != "DELETE_COMPLETE"


@dataclass(frozen=True)
class Event:
    """One event of a stack's history."""

    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    token: str
    event_id: str
    timestamp: datetime


@dataclass(frozen=True)
class Intent:
    """The wanted content of a stack.

    An update replaces it as a whole, and a rollback restores it.
    """

    template: Template
    parameters: dict[str, ParameterValue]
    tags: dict[str, str]

    def same_as(self, other: "Intent") -> bool:
        """Return whether an update from this intent to the other would change nothing."""
        return (
            self.template.document == other.template.document
            and {key: value.value for key, value in self.parameters.items()}
            == {key: value.value for key, value in other.parameters.items()}
            and self.tags == other.tags
        )


@dataclass
class Stack:
    """One stack; read and change it with the rehearsal's lock held."""

    name: str
    cloud: Cloud
    intent: Intent
    stack_id: str
    status: str = ""
    reason: str = ""
    created: datetime = field(default_factory=now)
    updated: datetime | None = None
    deleted: datetime | None = None
    outputs: list[dict[str, str]] = field(default_factory=list)
    resources: dict[str, StackResource] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    change_sets: list[Any] = field(default_factory=list)
    """Change sets of the type `change_sets.ChangeSet`, which refers back to its stack."""
    policy: str | None = None
    termination_protection: bool = False
    capabilities: list[str] = field(default_factory=list)
    token: str = ""
    worker: threading.Thread | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def note(self, logical_id: str, physical_id: str, type_name: str, status: str, reason: str = "") -> None:
        """Add an event."""
        event_id = f"{logical_id}-{uuid.uuid4()}" if type_name != STACK_TYPE else str(uuid.uuid4())
        self.events.append(Event(logical_id, physical_id, type_name, status, reason, self.token, event_id, now()))

    def move_to(self, status: str, reason: str = "") -> None:
        """Set the stack's state and add its event."""
        self.status, self.reason = status, reason
        self.note(self.name, self.stack_id, STACK_TYPE, status, reason)

    def evaluation(self, intent: Intent, lookup: Lookup) -> Evaluation:
        """Return the evaluation of the intent's template with this stack's values."""
        return Evaluation(intent.template, intent.parameters, self.stack_id, self.name, intent.tags, self.cloud, lookup)


class Stacks:
    """All stacks of one account and region, deleted ones too.

    They are kept as long as the process lives.
    """

    def __init__(self) -> None:
        self._all: dict[str, Stack] = {}

    def add(self, stack: Stack) -> None:
        """Add a new stack."""
        self._all[stack.stack_id] = stack

    def forget(self, stack: Stack) -> None:
        """Remove a stack that was never created."""
        del self._all[stack.stack_id]

    def all(self) -> list[Stack]:
        """Return all stacks, newest first."""
        return list(reversed(self._all.values()))

    def living(self, name: str) -> Stack | None:
        """Return the stack of this name that is not deleted, if any."""
        return next((stack for stack in self.all() if stack.name == name and stack.status != "DELETE_COMPLETE"), None)

    def find(self, name_or_id: str) -> Stack:
        """Return a stack that is not deleted by name, or any stack by id.

        Raises ValidationError when there is none.
        """
        stack = self._all.get(name_or_id) or self.living(name_or_id)
        if stack is None:
            raise ValidationError(f"Stack with id {name_or_id} does not exist")
        return stack

    def new_id(self, cloud: Cloud, name: str) -> str:
        """Return an ARN for a new stack."""
        return f"arn:aws:cloudformation:{cloud.region}:{cloud.account}:stack/{name}/{uuid.uuid4()}"


STACKS: defaultdict[tuple[str, str], Stacks] = defaultdict(Stacks)
"""Stacks by account and region."""


def paginate(items: list[Any], token: str | None, size: int) -> tuple[list[Any], str | None]:
    """Return one page of the items and the token of the next one.

    Raises ValidationError for an invalid token.
    """
    if token is not None and not token.isdecimal():
        raise ValidationError("Invalid NextToken")
    start = int(token or 0)
    page = list(itertools.islice(items, start, start + size))
    return page, str(start + size) if start + size < len(items) else None
