"""Create stacks, or replace, update and await them, depending on their status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..aws.errors import Clock
from ..aws.stack_statuses import COMPLETE, DELETED_FIRST, LOOK, is_busy, repair
from ..output.host_summary import short_names
from .api import Stack, StackApi
from .elsewhere import Elsewhere, is_throttled, is_without_capacity
from .job import STALE_SECONDS, Job, named_resources, parameters_of
from .rule_priorities import Priorities, is_collision


@dataclass
class Wanted:
    """Settings that all stacks of a batch share."""

    template: str
    policy: str = ""
    termination_protection: bool = False
    update: bool = False
    """Whether to update a stack that differs; not for machines, which it can replace."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Output names by parameter: an update gives the parameter its stack's output.

    It does so whatever the stack's job says.
    """


@dataclass
class StackCreator:
    """Bring each job to a complete stack or a failure reason."""

    api: StackApi
    wanted: Wanted
    clock: Clock
    priorities: Priorities | None = None
    terminated: set[str] = field(default_factory=set)
    """StackIds of complete stacks whose instance was terminated by hand."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Users, and what is said of each."""
    elsewhere: Elsewhere | None = None

    @property
    def warnings(self) -> list[str]:
        """Return one line for each different note, as half of a fleet may have the same."""
        users: dict[str, list[str]] = {}
        for user, text in self.notes:
            users.setdefault(text, []).append(user)
        return [f"{short_names(names)}: {text}" for text, names in users.items()]

    def decide(self, job: Job, stack: Stack | None) -> str:
        """Return the action: create, replace, update, wait, ready, failed or refuse."""
        if stack is None:
            return "create"
        status = stack["StackStatus"]
        is_own = job.submitted_at is not None and stack["StackId"] != job.old_id
        if status == "REVIEW_IN_PROGRESS":
            return "replace"
        if is_busy(status):
            return "wait"
        if status in COMPLETE:
            return self._decide_complete(job, stack)
        if status == "ROLLBACK_COMPLETE":
            return "failed" if is_own else "replace"
        return "failed" if is_own else "refuse"

    def step(self, job: Job, stacks: dict[str, Stack]) -> None:
        """Take the next action for the job's stack; set the result when it ends."""
        stack = stacks.get(job.name)
        if job.deleting_id:
            if stack and stack["StackId"] == job.deleting_id:
                self._watch_deletion(job, stack)
                return
            job.deleting_id = ""
        decision = self.decide(job, stack)
        if stack is None:
            self._create_or_wait(job, stacks)
        elif decision == "replace":
            self._delete_for_replacement(job, stack)
        elif decision == "update":
            self._update(job, stack)
        elif decision == "ready":
            job.finish("ready", stack, self._note(stack))
        elif decision == "failed":
            self._fail(job, stack, stacks)
        elif decision == "refuse":
            job.finish("failed", stack, self.refusal(job, stack))

    def _decide_complete(self, job: Job, stack: Stack) -> str:
        if stack["StackId"] in self.terminated:
            return "replace"
        if job.action == "update":
            is_stale = stack.get("LastUpdatedTime") == job.updated_before
            if is_stale and self.clock.now() - (job.submitted_at or 0) < STALE_SECONDS:
                return "wait"
            return "failed" if stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE" else "ready"
        return "update" if self.wanted.update and self._differs(job, stack) else "ready"

    def _differs(self, job: Job, stack: Stack) -> bool:
        current = parameters_of(stack)
        if any(current.get(key) != value for key, value in self._update_parameters(job, stack).items()):
            return True
        if {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])} != job.tags:
            return True
        return bool(self.api.template(stack["StackId"]) != self.wanted.template)

    def _create_or_wait(self, job: Job, stacks: dict[str, Stack]) -> None:
        if job.submitted_at is None:
            self._create(job, stacks.values())
        elif self.clock.now() - job.submitted_at > STALE_SECONDS:
            job.finish("failed", None, "the stack was deleted by somebody else while it was being made")

    def _create(self, job: Job, stacks: Iterable[Stack]) -> None:
        request: dict[str, Any] = {
            "StackName": job.name,
            "TemplateBody": self.wanted.template,
            "EnableTerminationProtection": self.wanted.termination_protection,
            "ClientRequestToken": job.new_token(),
        }
        if self.priorities and self.priorities.parameter not in job.parameters:
            listener = job.parameters[self.priorities.listener_parameter]
            job.parameters[self.priorities.parameter] = str(self.priorities.take(listener, stacks))
            job.has_own_priority = True
        request["Parameters"] = _pairs("ParameterKey", "ParameterValue", job.parameters)
        request["Tags"] = _pairs("Key", "Value", job.tags)
        if self.wanted.policy:
            request["StackPolicyBody"] = self.wanted.policy
        job.action = "create" if job.action == "none" else job.action
        job.is_changed = True
        self.api.create(request)
        job.submitted_at = self.clock.now()

    def _update(self, job: Job, stack: Stack) -> None:
        given = self._update_parameters(job, stack)
        previous = [key for key in parameters_of(stack) if key not in given]
        request = {
            "StackName": stack["StackId"],
            "TemplateBody": self.wanted.template,
            "Parameters": _pairs("ParameterKey", "ParameterValue", given)
            + [{"ParameterKey": key, "UsePreviousValue": True} for key in previous],
            "Tags": _pairs("Key", "Value", job.tags),
            "ClientRequestToken": job.new_token(),
        }
        job.updated_before = stack.get("LastUpdatedTime")
        job.old_id = stack["StackId"]
        if not self.api.update(request):
            job.finish("ready", stack)
            return
        job.action, job.is_changed, job.submitted_at = "update", True, self.clock.now()

    def _update_parameters(self, job: Job, stack: Stack) -> dict[str, str]:
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
        own = {parameter: outputs[name] for parameter, name in self.wanted.kept.items() if name in outputs}
        return {**job.parameters, **own}

    def _delete_for_replacement(self, job: Job, stack: Stack) -> None:
        # A replacement keeps the old stack's tags, such as fleet and owner, unless new ones are given.
        job.tags = {**{tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}, **job.tags}
        if stack["StackId"] in self.terminated:
            job.replaced_terminated = True
            self.notes.append((job.user, "the instance was terminated by hand; made again"))
        elif stack["StackStatus"] == "ROLLBACK_COMPLETE" and not job.is_changed:
            failure = self.api.first_failure(stack["StackId"])
            self.notes.append((job.user, f"an earlier attempt failed ({failure}); made again"))
        job.action, job.is_changed = "replace", True
        job.old_id = job.deleting_id = stack["StackId"]
        job.submitted_at = None
        self.api.delete(stack, job.new_token())

    def _watch_deletion(self, job: Job, stack: Stack) -> None:
        if stack["StackStatus"] == "DELETE_FAILED":
            left = named_resources(self.api.remaining_resources(stack["StackId"]))
            failure = self.api.first_failure(stack["StackId"])
            job.finish("failed", stack, f"its old stack cannot be deleted ({failure}); left over: {left}")

    def _fail(self, job: Job, stack: Stack, stacks: dict[str, Stack]) -> None:
        failure = self.api.first_failure(stack["StackId"])
        may_retry = job.has_own_priority and not job.has_new_priority and stack["StackStatus"] == "ROLLBACK_COMPLETE"
        if self.priorities and may_retry and is_collision(failure.reason):
            job.has_new_priority = True
            listener = job.parameters[self.priorities.listener_parameter]
            refused = int(job.parameters[self.priorities.parameter])
            self.priorities.refresh(listener)
            job.parameters[self.priorities.parameter] = str(self.priorities.take(listener, stacks.values(), [refused]))
            self._delete_for_replacement(job, stack)
        elif stack["StackStatus"] == "ROLLBACK_COMPLETE" and (line := self._second_attempt(job, failure.reason)):
            self.notes.append((job.user, line))
            self._delete_for_replacement(job, stack)
        else:
            job.finish("failed", stack, str(failure))

    def _second_attempt(self, job: Job, reason: str) -> str:
        """Prepare the job for its only other attempt.

        Return the line about it, "" where there is no other attempt.
        """
        if is_without_capacity(reason) and self.elsewhere and not job.has_moved:
            job.has_moved = True
            return self.elsewhere.move(job)
        if is_throttled(reason) and not job.was_throttled:
            job.was_throttled = True
            return f"AWS throttled CloudFormation ({reason}); made again"
        return ""

    def refusal(self, job: Job, stack: Stack) -> str:
        """Return why a stack needs manual repair, its remaining resources, and the remedy."""
        status = stack["StackStatus"]
        command = repair(status, job.name, self.api.region)
        if status == "UPDATE_ROLLBACK_FAILED":
            return f"its last update could neither be finished nor undone: {command}"
        state = f"its stack is in the state {status} ({self.api.first_failure(stack['StackId'])})"
        if status not in DELETED_FIRST:
            return f"{state}: {command or LOOK}"
        left = named_resources(self.api.remaining_resources(stack["StackId"])) or "nothing"
        return f"{state}: delete it first: {command}; left over: {left}"

    def _note(self, stack: Stack) -> str:
        if stack["StackStatus"] != "UPDATE_ROLLBACK_COMPLETE":
            return ""
        return f"its last update failed and was undone: {self.api.first_failure(stack['StackId'])}"


def _pairs(key: str, value: str, items: dict[str, str]) -> list[dict[str, Any]]:
    return [{key: name, value: text} for name, text in items.items()]
