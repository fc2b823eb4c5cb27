"""Delete stacks completely, or report the resources that remain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..aws.client import AwsClients
from ..aws.errors import Clock
from ..aws.region_state import LIVE_STATES
from ..aws.stack_statuses import is_busy
from .api import Stack, StackApi, plain_reason
from .job import STALE_SECONDS, Job, named_resources

_MOST_SUBMISSIONS = 4
"""Two attempts, then two that retain failed resources, which can reveal others."""
_CAN_BE_DELETED_WHILE = frozenset({"CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"})


def refuse_unsaved(
    clients: AwsClients,
    api: StackApi,
    jobs: list[Job],
    stacks: Mapping[str, Stack],
    logical_id: str,
    saved: Mapping[str, str],
) -> None:
    """Fail each job whose stack holds a live instance that was not saved.

    `saved` has the id of that instance by user, "" for none. Raises botocore's errors.
    """
    held: dict[str, str] = {}
    for job in jobs:
        for resource in api.resources(stacks[job.name]["StackId"]) if job.name in stacks else []:
            if resource["LogicalResourceId"] == logical_id and resource.get("PhysicalResourceId"):
                held[job.user] = resource["PhysicalResourceId"]
    others = {identity for user, identity in held.items() if identity != saved.get(user, "")}
    found = clients.instances_by_id(sorted(others))
    for job in jobs:
        instance = found.get(held.get(job.user, ""))
        if instance and instance["State"]["Name"] in LIVE_STATES:
            was = f"the home of {saved[job.user]} was saved" if saved.get(job.user) else "no home was saved"
            job.finish(
                "failed",
                stacks[job.name],
                f"its stack holds {instance['InstanceId']}, but {was}; nothing was deleted: run again, "
                "or add -e backup=false to lose what is on it",
            )


@dataclass
class StackDeleter:
    """Delete the stack of each job, also with termination protection.

    The caller has already asked for confirmation.
    """

    api: StackApi
    clock: Clock
    warnings: list[str] = field(default_factory=list)

    def step(self, job: Job, stacks: dict[str, Stack]) -> None:
        """Take the next action for the job's stack; set the result when it ends."""
        stack = stacks.get(job.name)
        if job.deleting_id and (stack is None or stack["StackId"] != job.deleting_id):
            # Absence from a list is no proof of deletion: read the final status by id.
            stack = self._end_state(job, stack)
            if job.result:
                return
        if stack is None:
            job.finish("absent")
            return
        status = stack["StackStatus"]
        if status == "DELETE_IN_PROGRESS":
            job.deleting_id = stack["StackId"]
        elif status == "DELETE_FAILED":
            self._retry(job, stack)
        elif job.deleting_id or (is_busy(status) and status not in _CAN_BE_DELETED_WHILE):
            return  # A submission that is not visible yet, or an update that must end first.
        else:
            self._submit(job, stack)

    def _end_state(self, job: Job, successor: Stack | None) -> Stack | None:
        end = self.api.by_id(job.deleting_id)
        if end is not None and end["StackStatus"] != "DELETE_COMPLETE":
            return end
        if successor is not None:
            job.finish("failed", successor, "it was deleted, and somebody made a stack of the same name meanwhile")
        else:
            job.finish("absent", end, self._kept(job))
        return None

    def _retry(self, job: Job, stack: Stack) -> None:
        if job.delete_attempts == 0:
            job.delete_attempts = 1  # An attempt before this run.
        elif job.deletion_seen is not None and job.deletion_seen == stack.get("DeletionTime") and self._is_recent(job):
            return  # The status is that of the previous attempt.
        left = self.api.remaining_resources(stack["StackId"])
        failure = self.api.first_failure(stack["StackId"])
        if job.delete_attempts >= _MOST_SUBMISSIONS:
            job.finish("failed", stack, f"cannot be deleted ({failure}); left over: {named_resources(left)}")
            return
        retain = [item for item in left if item["ResourceStatus"] == "DELETE_FAILED"]
        self._submit(job, stack, retain if job.delete_attempts >= 2 else [])

    def _submit(self, job: Job, stack: Stack, retain: list[dict[str, str]] | None = None) -> None:
        for item in retain or []:
            entry = {
                "logical_id": item["LogicalResourceId"],
                "physical_id": item.get("PhysicalResourceId", ""),
                "type": item.get("ResourceType", ""),
                "reason": plain_reason(item.get("ResourceStatusReason", "")),
            }
            if entry not in job.retained:
                job.retained.append(entry)
        job.deleting_id = stack["StackId"]
        job.deletion_seen = stack.get("DeletionTime")
        job.delete_attempts += 1
        job.action, job.is_changed = "delete", True
        job.submitted_at = self.clock.now()
        self.api.delete(stack, job.new_token(), [item["logical_id"] for item in job.retained] if retain else ())
        if retain:
            self.warnings.append(f"{job.user}: {self._kept(job)}")

    def _is_recent(self, job: Job) -> bool:
        return self.clock.now() - (job.submitted_at or 0) < STALE_SECONDS

    def _kept(self, job: Job) -> str:
        if not job.retained:
            return ""
        items = (f"{item['type']} {item['physical_id']} ({item['reason']})" for item in job.retained)
        return f"could not be deleted, is left behind and may cost money: {', '.join(items)}"
