"""Serve the actions that create, change and delete stacks.

Each returns at once; the work goes on in a thread.
"""

from moto.core.responses import ActionResult, EmptyResult

from rehearsal.cloudformation import requests
from rehearsal.cloudformation.actions import Actions
from rehearsal.cloudformation.errors import AlreadyExists, ValidationError
from rehearsal.cloudformation.name_sets import words
from rehearsal.cloudformation.operations import Create, Delete
from rehearsal.cloudformation.stacks import Intent, Stack, now
from rehearsal.cloudformation.update import Update

UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
_DELETABLE = words(
    "CREATE_COMPLETE CREATE_FAILED CREATE_IN_PROGRESS ROLLBACK_COMPLETE ROLLBACK_FAILED "
    "ROLLBACK_IN_PROGRESS UPDATE_COMPLETE UPDATE_FAILED UPDATE_ROLLBACK_COMPLETE UPDATE_ROLLBACK_FAILED "
    "DELETE_FAILED DELETE_IN_PROGRESS REVIEW_IN_PROGRESS"
)


class WriteActions(Actions):
    """The actions that create, update, delete and protect stacks."""

    def create_stack(self) -> ActionResult:
        """Create a stack."""
        given = self.given
        name = given["StackName"]
        requests.check_name(name)
        token = given.get("ClientRequestToken") or ""
        living = self.stacks.living(name)
        if living and token and living.token == token:
            # The client sends a request again with the same token when its answer was lost.
            return ActionResult({"StackId": living.stack_id})
        if living:
            raise AlreadyExists(f"Stack [{name}] already exists")
        intent = requests.new_intent(given, self.cloud)
        policy = requests.policy_body(given, "StackPolicyBody")
        stack = Stack(name, self.cloud, intent, self.stacks.new_id(self.cloud, name), token=token, policy=policy)
        stack.termination_protection = bool(given.get("EnableTerminationProtection"))
        stack.capabilities = given.get("Capabilities") or []
        self.stacks.add(stack)
        begin_create(stack)
        return ActionResult({"StackId": stack.stack_id})

    def update_stack(self) -> ActionResult:
        """Update a stack."""
        given = self.given
        stack = self.stack()
        token = given.get("ClientRequestToken") or ""
        if token and stack.token == token and stack.status.startswith("UPDATE_"):
            return ActionResult({"StackId": stack.stack_id})
        refuse_unless_updatable(stack)
        intent = requests.changed_intent(given, stack)
        policy = requests.policy_body(given, "StackPolicyBody")
        during = requests.policy_body(given, "StackPolicyDuringUpdateBody")
        if intent.same_as(stack.intent):
            raise ValidationError("No updates are to be performed.")
        stack.policy = policy or stack.policy
        stack.token = token
        begin_update(stack, intent, during or stack.policy)
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self) -> ActionResult:
        """Delete a stack; a stack that does not exist counts as deleted."""
        given = self.given
        try:
            stack = self.stack()
        except ValidationError:
            return EmptyResult()
        if stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
            return EmptyResult()
        if stack.termination_protection:
            raise ValidationError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack.status not in _DELETABLE:
            raise ValidationError(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
        retained = frozenset(given.get("RetainResources") or [])
        if retained and stack.status != "DELETE_FAILED":
            raise ValidationError(
                "Invalid operation on stack [" + stack.stack_id + "]. RetainResources can be given only for a stack "
                "in the DELETE_FAILED state"
            )
        unknown = retained - stack.resources.keys()
        if unknown:
            raise ValidationError(f"The specified resources to retain do not exist: [{', '.join(sorted(unknown))}]")
        stack.token = given.get("ClientRequestToken") or ""
        stack.cancelled.set()
        stack.move_to("DELETE_IN_PROGRESS", "User Initiated")
        Delete(stack, retained).start()
        return EmptyResult()

    def set_stack_policy(self) -> ActionResult:
        """Set the stack's policy."""
        stack = self.stack()
        body = requests.policy_body(self.given, "StackPolicyBody")
        if body is None:
            raise ValidationError("You must specify a StackPolicyBody")
        stack.policy = body
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        """Set whether the stack is protected from deletion."""
        stack = self.stack()
        if stack.status.startswith("DELETE_") and stack.status != "DELETE_FAILED":
            raise ValidationError(f"Stack [{stack.name}] is in {stack.status} state and its protection cannot change")
        stack.termination_protection = self.given["EnableTerminationProtection"]
        return ActionResult({"StackId": stack.stack_id})


def refuse_unless_updatable(stack: Stack) -> None:
    """Raise ValidationError unless the stack's state allows an update."""
    if stack.status not in UPDATABLE:
        raise ValidationError(f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def begin_create(stack: Stack) -> None:
    """Start creating the stack's resources."""
    stack.move_to("CREATE_IN_PROGRESS", "User Initiated")
    Create(stack).start()


def begin_update(stack: Stack, intent: Intent, policy: str | None) -> None:
    """Start the update of the stack to the intent, under the policy."""
    stack.updated = now()
    stack.move_to("UPDATE_IN_PROGRESS", "User Initiated")
    Update(stack, intent, policy).start()
