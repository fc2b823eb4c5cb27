"""Update a stack: change or replace resources, and roll back if anything fails."""

import copy
import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from rehearsal.cloudformation import parameters, policy, schema
from rehearsal.cloudformation.errors import ResourceFailure, ServiceException
from rehearsal.cloudformation.evaluation import Evaluation
from rehearsal.cloudformation.operations import create_resource, fill, new_record, outputs_of
from rehearsal.cloudformation.stacks import Intent, Stack, StackResource
from rehearsal.cloudformation.worker import Worker
from rehearsal.lock import LOCK
from rehearsal.settings import SETTINGS


@dataclass(frozen=True)
class Done:
    """One completed step of an update, with the data to undo it."""

    record: StackResource
    """The stack's current record."""
    before: StackResource | None
    """The record before the step; None if the resource is new."""
    replaced: bool


class Update(Worker):
    """The update of a stack from one intent to another."""

    def __init__(self, stack: Stack, wanted: Intent, policy_body: str | None) -> None:
        """Set up the update; `policy_body` is the stack policy that applies to it."""
        super().__init__(stack)
        self.old, self.wanted, self.policy_body = stack.intent, wanted, policy_body
        self.done: list[Done] = []

    def run(self) -> None:
        """Run the operation."""
        stack = self.stack
        with LOCK:
            stack.intent = self.wanted
        evaluation = stack.evaluation(self.wanted, self.value)
        problem = parameters.nonexistent(self.wanted.parameters, stack.cloud)
        if problem:
            self._roll_back(problem)
            return
        try:
            present = evaluation.present
            removed = [
                record for record in stack.resources.values() if record.exists and record.logical_id not in present
            ]
            for record in removed:
                self._ask_policy(record, policy.DELETE)
            for logical_id in present:
                self._bring_up_to_date(evaluation, logical_id)
        except ResourceFailure:
            failed = [record.logical_id for record in stack.resources.values() if record.status.endswith("_FAILED")]
            self._roll_back(f"The following resource(s) failed to update: [{', '.join(failed)}]. ")
            return
        except ServiceException as error:
            self._roll_back(error.message)
            return
        outputs, problem = outputs_of(evaluation)
        if problem:
            self._roll_back(problem)
            return
        self._clean_up(removed, outputs)

    def _bring_up_to_date(self, evaluation: Evaluation, logical_id: str) -> None:
        stack = self.stack
        record = stack.resources.get(logical_id)
        if record is None or not record.exists or record.status == "DELETE_SKIPPED":
            # The step is recorded before the attempt, because a resource that failed after its creation must be
            # removed.
            try:
                create_resource(self, evaluation, logical_id)
            finally:
                self.done.append(Done(stack.resources[logical_id], None, replaced=False))
            return
        wanted = new_record(evaluation, logical_id)
        self._fill_from(evaluation, record, wanted)
        changed = changed_names(record, wanted)
        if changed:
            if self._replaces(record, wanted, changed):
                self._replace(record, wanted)
            else:
                self._ask_policy(record, policy.MODIFY)
                self.done.append(Done(record, copy.copy(record), replaced=False))
                self.change(record, wanted.properties, wanted.tags)
        current = stack.resources[logical_id]
        current.dependencies = wanted.dependencies
        current.deletion_policy, current.update_replace_policy = wanted.deletion_policy, wanted.update_replace_policy

    def _fill_from(self, evaluation: Evaluation, record: StackResource, wanted: StackResource) -> None:
        # The event for wrong properties belongs to the existing resource, with its physical id.
        wanted.physical_id = record.physical_id
        try:
            fill(self, wanted, evaluation, "UPDATE_FAILED")
        except ResourceFailure as failure:
            record.status, record.reason = "UPDATE_FAILED", str(failure)
            self.done.append(Done(record, copy.copy(record), replaced=False))
            raise

    def _replaces(self, record: StackResource, wanted: StackResource, changed: set[str]) -> bool:
        recreations = {name: schema.recreation(record.type, name) for name in changed}
        if "Always" in recreations.values():
            return True
        if "Conditionally" not in recreations.values():
            return False
        handler = self.handler(record)
        try:
            return handler.replaces(record.physical_id, record.properties, wanted.properties, changed)
        except (ClientError, LookupError):
            # The resource cannot be read, most likely because it is gone; the update itself will report it.
            return False

    def _replace(self, record: StackResource, wanted: StackResource) -> None:
        self._ask_policy(record, policy.REPLACE)
        before = copy.copy(record)
        self.note(
            record,
            "UPDATE_IN_PROGRESS",
            "Requested update requires the creation of a new physical resource; hence creating one.",
        )
        wanted.physical_id = ""
        with LOCK:
            self.stack.resources[record.logical_id] = wanted
        self.done.append(Done(wanted, before, replaced=True))
        self.make(wanted, "UPDATE")

    def _ask_policy(self, record: StackResource, action: str) -> None:
        reason = policy.denial(self.policy_body, action, record.logical_id, record.type)
        if reason:
            before = copy.copy(record)
            self.note(record, "UPDATE_FAILED", reason)
            self.done.append(Done(record, before, replaced=False))
            raise ResourceFailure(reason)

    def _clean_up(self, removed: list[StackResource], outputs: list[dict[str, str]]) -> None:
        stack = self.stack
        with LOCK:
            stack.outputs = outputs
            stack.move_to("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        replaced = [done.before for done in self.done if done.replaced and done.before]
        retained = {id(record): record.update_replace_policy for record in replaced}
        failed = self.remove_all([*replaced, *removed], lambda record: retained.get(id(record), record.deletion_policy))
        with LOCK:
            for record in removed:
                if record.status != "DELETE_FAILED":
                    stack.resources.pop(record.logical_id, None)
            left = f"The following resource(s) could not be deleted: [{', '.join(failed)}]. " if failed else ""
            stack.move_to("UPDATE_COMPLETE", left)

    def _roll_back(self, reason: str) -> None:
        stack = self.stack
        with LOCK:
            stack.intent = self.old
            stack.move_to("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        time.sleep(SETTINGS.seconds_per_resource)
        new: list[StackResource] = []
        failed: list[str] = []
        for done in self.done:
            if done.before is None or done.replaced:
                new.append(done.record)
            if done.before is not None:
                try:
                    self._put_back(done, done.before)
                except ResourceFailure:
                    failed.append(done.record.logical_id)
        if failed:
            with LOCK:
                stack.move_to(
                    "UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{', '.join(failed)}]. "
                )
            return
        with LOCK:
            stack.move_to("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        created = {id(done.record) for done in self.done if done.before is None}
        self.remove_all(
            new, lambda record: "Retain" if id(record) in created and record.deletion_policy == "Retain" else "Delete"
        )
        with LOCK:
            for record in new:
                if stack.resources.get(record.logical_id) is record and record.status.startswith("DELETE_"):
                    del stack.resources[record.logical_id]
            stack.move_to("UPDATE_ROLLBACK_COMPLETE")

    def _put_back(self, done: Done, before: StackResource) -> None:
        if done.replaced:
            with LOCK:
                self.stack.resources[before.logical_id] = before
            self.note(before, "UPDATE_COMPLETE")
            return
        record = done.record
        if changed_names(record, before):
            self.change(record, before.properties, before.tags)
        else:
            self.note(record, "UPDATE_COMPLETE")
        record.dependencies = before.dependencies
        record.deletion_policy, record.update_replace_policy = before.deletion_policy, before.update_replace_policy


def changed_names(old: StackResource, new: StackResource) -> set[str]:
    """Return the names of the top-level properties that differ, `Tags` for the tags."""
    names = {*old.properties, *new.properties}
    changed = {name for name in names if old.properties.get(name) != new.properties.get(name)}
    return changed | ({"Tags"} if old.tags != new.tags else set())
