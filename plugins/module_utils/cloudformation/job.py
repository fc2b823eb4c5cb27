"""The state and result of one stack operation."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

STALE_SECONDS = 60.0
"""Seconds for which a status may lag behind a submission."""


@dataclass
class Job:
    """One stack of a batch: the request, its submissions and the result."""

    name: str
    user: str
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    token: str = ""
    old_id: str = ""
    """StackId of the stack that existed before this run."""
    submitted_at: float | None = None
    """Time of the last CreateStack or UpdateStack."""
    updated_before: Any = None
    """LastUpdatedTime before the update; an equal value later means a stale response."""
    deleting_id: str = ""
    """StackId of the stack being deleted."""
    delete_attempts: int = 0
    deletion_seen: Any = None
    """DeletionTime at the last DeleteStack."""
    retained: list[dict[str, str]] = field(default_factory=list)
    last_status: str = "nothing yet"
    has_own_priority: bool = False
    """Whether the rule priority was allocated, not given."""
    has_new_priority: bool = False
    """Whether a second priority was allocated after a collision."""
    has_moved: bool = False
    """Whether it was made again elsewhere because AWS lacked capacity."""
    was_throttled: bool = False
    """Whether it was made again because AWS throttled CloudFormation."""
    result: dict[str, Any] = field(default_factory=dict)
    """Empty until the job ends."""
    replaced_terminated: bool = False
    """Whether a terminated instance was replaced, which changes the host key."""
    is_changed: bool = False
    action: str = "none"

    def new_token(self) -> str:
        """Return a client token for a new submission; retries reuse it."""
        self.token = f"probcomp-{uuid.uuid4()}"
        return self.token

    def finish(self, status: str, stack: dict[str, Any] | None = None, reason: str = "") -> None:
        """Set the result from `stack`, as DescribeStacks returns it."""
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


def jobs_of[J: Job](kind: type[J], stacks: list[dict[str, Any]], submissions_per_second: float) -> list[J]:
    """Return the jobs for a module's option `stacks`; a tag without a value is "".

    Raises ValueError, with one line, for options that contradict one another.
    """
    if not 0 < submissions_per_second <= 10:
        raise ValueError("submissions_per_second must be more than 0 and at most 10")
    jobs = [
        kind(
            name=stack["name"],
            user=stack["user"] or stack["name"],
            parameters={key: str(value) for key, value in stack["parameters"].items()},
            tags={key: "" if value is None else str(value) for key, value in stack["tags"].items()},
        )
        for stack in stacks
    ]
    if len({job.name for job in jobs}) < len(jobs) or len({job.user for job in jobs}) < len(jobs):
        raise ValueError("a stack or a user stands twice in `stacks`")
    return jobs


def parameters_of(stack: dict[str, Any]) -> dict[str, str]:
    """Return the stack's parameters as a dictionary."""
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in stack.get("Parameters", [])}


def named_resources(resources: list[dict[str, Any]]) -> str:
    """Return the logical and physical ids of resources for a message."""
    return ", ".join(f"{item['LogicalResourceId']} {item.get('PhysicalResourceId', '')}".strip() for item in resources)
