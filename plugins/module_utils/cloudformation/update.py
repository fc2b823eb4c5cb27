"""Update stacks by change sets that do not replace the machine.

A change set is created, checked, and executed only if the machine is kept. Only the given parameters change.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..aws.client import tags_of
from ..aws.errors import Clock
from ..aws.stack_statuses import COMPLETE, is_busy, repair
from ..output.text import settings_diff
from .api import Stack, StackApi, plain_reason
from .job import STALE_SECONDS, Job, parameters_of

PREFIX = "probcomp-update-"
"""Name prefix of our change sets, which identifies those of interrupted runs."""
INSTEAD = "make another machine for it (stack_create.yml) and bring the home over (scripts/get, scripts/put)"
"""The remedy when a change would lose the disk."""

SINCE = {"CpuCredits": "cpu_credits"}
"""Settings by parameter that stacks of earlier versions do not have."""

_GONE = re.compile(r"for parameter name (?P<parameter>KeyName|ImageId) does not exist")
_RESIZING = "InstanceType"
# For one update whose change set was checked, when CloudFormation takes a resize for the replacement that the stack
# policy denies. A change set cannot be executed under another policy.
_POLICY_FOR_RESIZE = json.dumps(
    {
        "Statement": [
            {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "Update:Delete", "Principal": "*", "Resource": "*"},
        ]
    }
)


@dataclass
class UpdateJob(Job):
    """A stack to update; `tags` are those that change, an empty value removes one."""

    instance: dict[str, Any] = field(default_factory=dict)
    """Its machine before the update, as DescribeInstances returns it."""
    may_resize: bool = False
    """Whether its machine is compatible with the wanted type."""
    change_set: str = ""
    is_executing: bool = False
    is_under_policy: bool = False


def objection(changes: Iterable[dict[str, Any]], logical_id: str, may_resize: bool) -> str:
    """Return why a change set must not be executed, "" when it may.

    `changes` are those of DescribeChangeSet, `logical_id` is the machine's. All changes must be in place; only the
    machine's type may be conditional, after a compatibility check (`may_resize`).
    """
    for change in changes:
        resource = change.get("ResourceChange", {})
        name, action = resource.get("LogicalResourceId", "something"), resource.get("Action", "change")
        what = "the machine, and its disk with the home would be lost" if name == logical_id else name
        if action != "Modify":
            return f"it would {str(action).lower()} {what}"
        causes = _replacing(resource)
        because = f"{', '.join(sorted(causes))}: " if causes else ""
        # A missing value is no promise: treat it as conditional.
        replacement = resource.get("Replacement", "Conditional")
        is_resize = name == logical_id and causes == {_RESIZING} and may_resize
        if replacement == "True":
            return f"{because}it would replace {what}"
        if replacement != "False" and not is_resize:
            return f"{because}it could replace {what}"
    return ""


def _replacing(resource: dict[str, Any]) -> set[str]:
    targets = [detail.get("Target", {}) for detail in resource.get("Details", [])]
    return {
        str(target.get("Name") or target.get("Attribute", "?"))
        for target in targets
        if target.get("RequiresRecreation", "Never") != "Never"
    }


@dataclass
class StackUpdater:
    """Bring each job to an updated stack or a failure reason."""

    api: StackApi
    clock: Clock
    logical_id: str = "Instance"

    def step(self, job: UpdateJob, stacks: dict[str, Stack]) -> None:
        """Take the next action for the job's stack; set the result when it ends."""
        stack = stacks.get(job.name)
        if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
            job.finish("failed", stack, f"there is no such machine: stack_create.yml -e user={job.user} makes it")
            return
        if stack["StackId"] != (job.old_id or stack["StackId"]):
            job.finish("failed", stack, "somebody else made its stack anew meanwhile: look, then the same again")
            return
        job.old_id = stack["StackId"]
        if is_busy(stack["StackStatus"]):
            return  # An update of this run, of an interrupted one, or of somebody else.
        if job.is_executing:
            self._watch_update(job, stack)
        elif reason := refusal(job, stack, self.api.region):
            job.finish("failed", stack, reason)
        elif job.change_set:
            self._check_change_set(job, stack)
        elif differs(job, stack):
            self._create_change_set(job, stack)
        else:
            job.finish("ready", stack)

    def _create_change_set(self, job: UpdateJob, stack: Stack) -> None:
        for left in self.api.change_sets(job.old_id):
            if left["ChangeSetName"].startswith(PREFIX) and left.get("ExecutionStatus") != "EXECUTE_COMPLETE":
                self.api.delete_change_set(job.old_id, left["ChangeSetName"])
        name = f"{PREFIX}{uuid.uuid4()}"
        request = {"StackName": job.old_id, "ChangeSetName": name, "ChangeSetType": "UPDATE", "ClientToken": name}
        self.api.create_change_set({**request, **_wanted(job, stack)})
        job.change_set = name

    def _check_change_set(self, job: UpdateJob, stack: Stack) -> None:
        found = self.api.describe_change_set(job.old_id, job.change_set)
        if found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return
        reason = ""
        if found["Status"] != "CREATE_COMPLETE":
            reason = plain_reason(found.get("StatusReason", "")) or "CloudFormation gave no reason"
            is_empty = "didn't contain changes" in reason or "No updates are to be performed" in reason
            reason = "" if is_empty else f"CloudFormation cannot work out the update: {with_remedy(reason)}"
        elif against := objection(found["Changes"], self.logical_id, job.may_resize):
            reason = f"{against}; nothing was changed: {INSTEAD}"
        else:
            job.updated_before = stack.get("LastUpdatedTime")
            job.action, job.is_changed, job.is_executing = "update", True, True
            self.api.execute(job.old_id, job.change_set, job.new_token())
            job.submitted_at = self.clock.now()
            return
        self.api.delete_change_set(job.old_id, job.change_set)
        job.finish("failed" if reason else "ready", stack, reason)

    def _watch_update(self, job: UpdateJob, stack: Stack) -> None:
        if stack.get("LastUpdatedTime") == job.updated_before:
            if self.clock.now() - (job.submitted_at or 0) > STALE_SECONDS:
                job.finish("failed", stack, f"CloudFormation did not begin the update within {STALE_SECONDS:.0f} s")
        elif stack["StackStatus"] == "UPDATE_COMPLETE":
            job.finish("ready", stack)
        elif stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE":
            self._handle_rollback(job, stack)
        else:
            job.finish("failed", stack, refusal(job, stack, self.api.region))

    def _handle_rollback(self, job: UpdateJob, stack: Stack) -> None:
        failure = self.api.first_failure(job.old_id)
        if "denied by stack policy" in failure.reason and job.may_resize and not job.is_under_policy:
            job.is_under_policy = True
            job.updated_before = stack.get("LastUpdatedTime")
            policy = {"StackPolicyDuringUpdateBody": _POLICY_FOR_RESIZE, "ClientRequestToken": job.new_token()}
            self.api.update({"StackName": job.old_id, **_wanted(job, stack), **policy})
            job.submitted_at = self.clock.now()
        else:
            job.finish("failed", stack, f"the update failed and was taken back ({with_remedy(str(failure))})")


def with_remedy(reason: str) -> str:
    """Return the reason, with what helps a stack whose key pair or image is gone.

    Only templates of earlier versions have CloudFormation look both up at every update.
    """
    match = _GONE.search(reason)
    if not match:
        return reason
    if match["parameter"] == "KeyName":
        remedy = "import a key pair of that name, with any key, and give the same command again"
    else:
        remedy = f"the machine is tied to its image: {INSTEAD}"
    return f"{reason}; {remedy}"


def refusal(job: Job, stack: Stack, region: str) -> str:
    """Return why a stack cannot be updated, and the remedy, "" when it can."""
    status = stack["StackStatus"]
    if status in COMPLETE:
        return ""
    if status == "UPDATE_ROLLBACK_FAILED":
        return f"its last update could neither be finished nor undone: {repair(status, job.name, region)}"
    return f"its stack is {status}: stack_create.yml -e user={job.user} says what is wrong with it"


def wanted_tags(job: Job, stack: Stack) -> dict[str, str]:
    """Return the stack's wanted tags: the current ones overridden by the job's."""
    kept = {key: value for key, value in tags_of(stack).items() if not key.startswith("aws:")}
    return {key: value for key, value in {**kept, **job.tags}.items() if value}


def differs(job: Job, stack: Stack) -> bool:
    """Return whether the stack differs from the job.

    Raises ValueError for parameters that the stack does not have.
    """
    current = parameters_of(stack)
    missing = job.parameters.keys() - current.keys()
    if settings := [setting for parameter, setting in SINCE.items() if parameter in missing]:
        what = f"its stack was made before there was {' and '.join(settings)}, and keeps its template"
        raise ValueError(f"{what}: leave it out, or {INSTEAD}")
    if unknown := sorted(missing):
        raise ValueError(f"its stack has no parameter {', '.join(unknown)}: it was not made by stack_create.yml")
    return any(current[key] != value for key, value in job.parameters.items()) or wanted_tags(job, stack) != {
        key: value for key, value in tags_of(stack).items() if not key.startswith("aws:")
    }


def difference(job: Job, stack: Stack) -> dict[str, str]:
    """Return what the job changes of a stack, for Ansible's --diff."""
    current = parameters_of(stack)
    before = {name: current[name] for name in job.parameters if name in current}
    after = {name: job.parameters[name] for name in before}
    before |= {f"tag {key}": value for key, value in tags_of(stack).items() if not key.startswith("aws:")}
    after |= {f"tag {key}": value for key, value in wanted_tags(job, stack).items()}
    alike = {name for name, value in before.items() if after.get(name) == value}
    return settings_diff(
        job.user,
        {name: value for name, value in before.items() if name not in alike},
        {name: value for name, value in after.items() if name not in alike},
    )


def _wanted(job: Job, stack: Stack) -> dict[str, Any]:
    """Return the template, parameters and tags of an update request for the job."""
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in job.parameters.items()]
    kept = [key for key in parameters_of(stack) if key not in job.parameters]
    return {
        "UsePreviousTemplate": True,
        "Parameters": given + [{"ParameterKey": key, "UsePreviousValue": True} for key in kept],
        "Tags": [{"Key": key, "Value": value} for key, value in wanted_tags(job, stack).items()],
    }
