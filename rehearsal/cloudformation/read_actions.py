"""Serve CloudFormation's read-only actions."""

from moto.core.responses import ActionResult

from rehearsal.cloudformation import views
from rehearsal.cloudformation.actions import Actions
from rehearsal.cloudformation.errors import ValidationError
from rehearsal.cloudformation.stacks import paginate
from rehearsal.cloudformation.template import parse

# AWS limits pages by their size in bytes; with the small limit here, tests meet a second page before a class of forty
# stacks does.
STACKS_PER_PAGE = 20
ITEMS_PER_PAGE = 100


class ReadActions(Actions):
    """The actions that describe, list, get and validate."""

    def describe_stacks(self) -> ActionResult:
        """Describe one stack by name or id, or all that are not deleted."""
        given = self.given
        if given.get("StackName"):
            return ActionResult({"Stacks": [views.stack(self.stacks.find(given["StackName"]))]})
        living = [stack for stack in self.stacks.all() if stack.status != "DELETE_COMPLETE"]
        page, token = paginate(living, given.get("NextToken"), STACKS_PER_PAGE)
        shown = [views.stack(stack) for stack in page]
        for stack in shown:
            # AWS has been seen to return it for a single stack only, so nobody may rely on it in a list.
            del stack["EnableTerminationProtection"]
        return ActionResult({"Stacks": shown, "NextToken": token})

    def list_stacks(self) -> ActionResult:
        """List all stacks, deleted ones too, or those in certain states."""
        given = self.given
        wanted = given.get("StackStatusFilter")
        found = [stack for stack in self.stacks.all() if not wanted or stack.status in wanted]
        page, token = paginate(found, given.get("NextToken"), ITEMS_PER_PAGE)
        return ActionResult({"StackSummaries": [views.summary(stack) for stack in page], "NextToken": token})

    def describe_stack_events(self) -> ActionResult:
        """Describe a stack's history, newest event first."""
        stack = self.stack()
        page, token = paginate(list(reversed(stack.events)), self.given.get("NextToken"), ITEMS_PER_PAGE)
        return ActionResult({"StackEvents": [views.event(stack, entry) for entry in page], "NextToken": token})

    def describe_stack_resource(self) -> ActionResult:
        """Describe one resource of a stack."""
        stack = self.stack()
        logical_id = self.given["LogicalResourceId"]
        if logical_id not in stack.resources:
            raise ValidationError(f"Resource {logical_id} does not exist for stack {stack.name}")
        return ActionResult({"StackResourceDetail": views.resource_detail(stack, stack.resources[logical_id])})

    def list_stack_resources(self) -> ActionResult:
        """List a stack's resources in short form."""
        entries = list(self.stack().resources.values())
        page, token = paginate(entries, self.given.get("NextToken"), ITEMS_PER_PAGE)
        return ActionResult(
            {"StackResourceSummaries": [views.resource_summary(entry) for entry in page], "NextToken": token}
        )

    def get_template(self) -> ActionResult:
        """Return the template text that the stack was made from."""
        body = self.stack().intent.template.body
        return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]})

    def validate_template(self) -> ActionResult:
        """Validate a template against the engine and return its parameters."""
        template = parse(self.given.get("TemplateBody") or "")
        keys = ("ParameterKey", "DefaultValue", "NoEcho", "Description")
        shown = [
            {key: value for key, value in declared.items() if key in keys}
            for declared in views.declared_parameters(template)
        ]
        return ActionResult({"Parameters": shown, "Description": template.document.get("Description")})

    def get_stack_policy(self) -> ActionResult:
        """Return the stack's policy, if it has one."""
        body = self.stack().policy
        return ActionResult({"StackPolicyBody": body} if body else {})
