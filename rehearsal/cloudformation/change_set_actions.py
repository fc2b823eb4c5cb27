"""Serve CloudFormation's actions on change sets."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from rehearsal.cloudformation import requests
from rehearsal.cloudformation.actions import Actions
from rehearsal.cloudformation.change_sets import ChangeSet, Preview
from rehearsal.cloudformation.errors import AlreadyExists, ChangeSetNotFound, InvalidChangeSetStatus, ValidationError
from rehearsal.cloudformation.stacks import Intent, Stack, paginate
from rehearsal.cloudformation.write_actions import begin_create, begin_update, refuse_unless_updatable

_PER_PAGE = 100


class ChangeSetActions(Actions):
    """Create, describe, list, execute and delete change sets."""

    def create_change_set(self) -> ActionResult:
        """Create a change set with the changes that an update would make.

        With the type CREATE, it also makes a stack in review (REVIEW_IN_PROGRESS).
        """
        given = self.given
        requests.check_name(given["ChangeSetName"])
        kind = given.get("ChangeSetType") or "UPDATE"
        if kind == "UPDATE":
            stack = self.stack()
            refuse_unless_updatable(stack)
            intent = requests.changed_intent(given, stack)
        elif kind == "CREATE":
            intent = requests.new_intent(given, self.cloud)
            stack = self._reviewed_stack(given["StackName"], intent)
        else:
            raise ValidationError(f"ChangeSetType {kind} is not supported by the rehearsal")
        if any(change_set.name == given["ChangeSetName"] for change_set in stack.change_sets):
            raise AlreadyExists(f"ChangeSet {given['ChangeSetName']} already exists")
        changes = Preview(stack, intent).changes()
        change_set = ChangeSet(
            given["ChangeSetName"],
            stack,
            kind,
            intent,
            given.get("Description") or "",
            changes,
            given.get("Capabilities") or [],
        )
        stack.change_sets.append(change_set)
        return ActionResult({"Id": change_set.change_set_id, "StackId": stack.stack_id})

    def describe_change_set(self) -> ActionResult:
        """Describe a change set with its changes."""
        change_set = self._change_set()
        page, token = paginate(change_set.changes, self.given.get("NextToken"), _PER_PAGE)
        shown = {
            **_summary(change_set),
            "Changes": page,
            "NextToken": token,
            "Parameters": [value.described(key) for key, value in change_set.intent.parameters.items()],
            "Tags": [{"Key": key, "Value": value} for key, value in change_set.intent.tags.items()],
            "Capabilities": change_set.capabilities,
        }
        return ActionResult(shown)

    def list_change_sets(self) -> ActionResult:
        """List the change sets of a stack."""
        page, token = paginate(self.stack().change_sets, self.given.get("NextToken"), _PER_PAGE)
        return ActionResult({"Summaries": [_summary(change_set) for change_set in page], "NextToken": token})

    def execute_change_set(self) -> ActionResult:
        """Execute a change set."""
        change_set = self._change_set()
        stack = change_set.stack
        if change_set.execution_status != "AVAILABLE":
            raise InvalidChangeSetStatus(
                f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current execution status of "
                f"[{change_set.execution_status}]"
            )
        stack.token = self.given.get("ClientRequestToken") or ""
        if change_set.type == "CREATE":
            stack.intent = change_set.intent
            begin_create(stack)
        else:
            refuse_unless_updatable(stack)
            begin_update(stack, change_set.intent, stack.policy)
        # The stack changes now, so its other change sets, which were computed for the old one, are invalid.
        stack.change_sets[:] = [change_set]
        change_set.execution_status = "EXECUTE_COMPLETE"
        return EmptyResult()

    def delete_change_set(self) -> ActionResult:
        """Delete a change set; a stack that was made only for review stays."""
        try:
            change_set = self._change_set()
        except ChangeSetNotFound:
            return EmptyResult()
        change_set.stack.change_sets.remove(change_set)
        return EmptyResult()

    def _reviewed_stack(self, name: str, intent: Intent) -> Stack:
        requests.check_name(name)
        stack = self.stacks.living(name)
        if stack is None:
            stack = Stack(name, self.cloud, intent, self.stacks.new_id(self.cloud, name))
            self.stacks.add(stack)
            stack.move_to("REVIEW_IN_PROGRESS", "User Initiated")
        elif stack.status != "REVIEW_IN_PROGRESS":
            raise ValidationError(f"Stack [{name}] already exists and cannot be created again with the changeSet")
        return stack

    def _change_set(self) -> ChangeSet:
        given = self.given
        wanted = given["ChangeSetName"]
        stacks = [self.stacks.find(given["StackName"])] if given.get("StackName") else self.stacks.all()
        for stack in stacks:
            for change_set in stack.change_sets:
                if wanted in (change_set.name, change_set.change_set_id):
                    return change_set
        raise ChangeSetNotFound(f"ChangeSet [{wanted}] does not exist")


def _summary(change_set: ChangeSet) -> dict[str, Any]:
    shown = {
        "ChangeSetName": change_set.name,
        "ChangeSetId": change_set.change_set_id,
        "StackId": change_set.stack.stack_id,
        "StackName": change_set.stack.name,
        "Description": change_set.description or None,
        "CreationTime": change_set.created,
        "Status": change_set.status,
        "StatusReason": change_set.reason or None,
        "ExecutionStatus": change_set.execution_status,
        "IncludeNestedStacks": False,
    }
    return {key: value for key, value in shown.items() if value is not None}
