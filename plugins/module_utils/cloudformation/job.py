"""What is to be done about one stack, and how it went. Shared by the makers and the deleters of stacks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

COMPLETE = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
"""States of a stack whose resources are all there."""

STALE_SECONDS = 60.0
"""How long a listing may lag behind a submission before the stack is asked for by its id."""


@dataclass
class Job:
    """One stack of the batch: what is wanted, what was submitted, and the result."""

    name: str
    user: str
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    token: str = ""
    old_id: str = ""
    """StackId of the stack that was there before this run made one."""
    submitted_at: float | None = None
    """When CreateStack or UpdateStack was submitted last."""
    updated_before: Any = None
    """LastUpdatedTime when UpdateStack was submitted: the same one later means an old answer."""
    deleting_id: str = ""
    """StackId of the stack that is being deleted."""
    delete_attempts: int = 0
    deletion_seen: Any = None
    """DeletionTime when DeleteStack was submitted last."""
    retained: list[dict[str, str]] = field(default_factory=list)
    last_status: str = "nothing yet"
    has_own_priority: bool = False
    """Whether the rule priority was chosen by us, not given."""
    has_new_priority: bool = False
    """Whether a second one was chosen after a collision."""
    result: dict[str, Any] = field(default_factory=dict)
    """Filled when the job is done."""
    replaced_terminated: bool = False
    """Whether the stack was made again because its instance was terminated: a new host key is to be expected."""
    is_changed: bool = False
    action: str = "none"

    def new_token(self) -> str:
        """Return a token for a new submission; retries of the same submission use the same one."""
        self.token = f"probcomp-{uuid.uuid4()}"
        return self.token

    def finish(self, status: str, stack: dict[str, Any] | None = None, reason: str = "") -> None:
        """Set the result; `stack` as DescribeStacks shows it."""
        stack = stack or {}
        self.result = {
            "status": status,
            "changed": self.is_changed,
            "action": self.action,
            "stack_id": stack.get("StackId", self.deleting_id),
            "stack_status": stack.get("StackStatus", ""),
            "outputs": {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])},
            "parameters": parameters_of(stack),
            "reason": reason,
            "replaced_terminated": self.replaced_terminated,
            "retained": self.retained,
        }


def parameters_of(stack: dict[str, Any]) -> dict[str, str]:
    """Return the stack's parameters as a dictionary."""
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in stack.get("Parameters", [])}


def named_resources(resources: list[dict[str, Any]]) -> str:
    """Return resources for a message: logical name and physical id of each."""
    return ", ".join(f"{item['LogicalResourceId']} {item.get('PhysicalResourceId', '')}".strip() for item in resources)
