"""Convert a request's parameters to an intent, and refuse unsupported ones."""

import re
from collections.abc import Mapping
from typing import Any

from rehearsal.cloudformation import parameters, policy
from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.errors import ValidationError
from rehearsal.cloudformation.parameters import ParameterValue
from rehearsal.cloudformation.stacks import Intent, Stack
from rehearsal.cloudformation.template import Template, parse

_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
_MAX_TAGS = 50
_INTENT = frozenset({"StackName", "TemplateBody", "Parameters", "Tags", "Capabilities"})
ACCEPTED: dict[str, frozenset[str]] = {
    "CreateStack": _INTENT | {"StackPolicyBody", "ClientRequestToken", "EnableTerminationProtection"},
    "UpdateStack": _INTENT
    | {"UsePreviousTemplate", "StackPolicyBody", "StackPolicyDuringUpdateBody", "ClientRequestToken"},
    "DeleteStack": frozenset({"StackName", "RetainResources", "ClientRequestToken"}),
    "CreateChangeSet": _INTENT
    | {"UsePreviousTemplate", "ChangeSetName", "ChangeSetType", "Description", "ClientToken"},
    "ExecuteChangeSet": frozenset({"ChangeSetName", "StackName", "ClientRequestToken"}),
    "SetStackPolicy": frozenset({"StackName", "StackPolicyBody"}),
    "ValidateTemplate": frozenset({"TemplateBody"}),
}
"""Accepted request parameters by action.

An action that is not listed accepts all of its parameters.
"""


def refuse_unsupported(action: str, given: Mapping[str, Any]) -> None:
    """Raise ValidationError for a request parameter that would have no effect."""
    accepted = ACCEPTED.get(action)
    # A false flag or an empty list requests nothing, so it is never refused.
    unknown = [name for name, value in given.items() if accepted is not None and name not in accepted and value]
    if unknown:
        raise ValidationError(f"{', '.join(sorted(unknown))} of {action} is not supported by the rehearsal")


def check_name(name: str) -> None:
    """Raise ValidationError unless this may be the name of a stack or change set."""
    if not _NAME.fullmatch(name):
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )


def new_intent(given: Mapping[str, Any], cloud: Cloud) -> Intent:
    """Return the intent of a request for a new stack."""
    template = parse(_body(given))
    return _intent(given, template, {}, _tags(given), cloud)


def changed_intent(given: Mapping[str, Any], stack: Stack) -> Intent:
    """Return the intent of a request for a stack that exists.

    Previous template, values and tags are kept where the request says so.
    """
    if given.get("UsePreviousTemplate"):
        if given.get("TemplateBody"):
            raise ValidationError("UsePreviousTemplate and TemplateBody cannot be given together")
        template = stack.intent.template
    else:
        template = parse(_body(given))
    tags = _tags(given) if "Tags" in given else stack.intent.tags
    _refuse_other_types(stack, template)
    return _intent(given, template, stack.intent.parameters, tags, stack.cloud)


def policy_body(given: Mapping[str, Any], name: str) -> str | None:
    """Return the request's stack policy after a check, or None if it has none."""
    body = given.get(name)
    if body is not None:
        policy.check(body)
    return body


def _body(given: Mapping[str, Any]) -> str:
    body = given.get("TemplateBody")
    if not body:
        raise ValidationError("Either Template URL or Template Body must be specified. (the rehearsal takes a body)")
    return str(body)


def _intent(
    given: Mapping[str, Any],
    template: Template,
    previous: Mapping[str, ParameterValue],
    tags: dict[str, str],
    cloud: Cloud,
) -> Intent:
    values = parameters.evaluate(template.parameters, given.get("Parameters") or [], previous, cloud)
    return Intent(template, values, tags)


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in given.get("Tags") or []:
        key = tag["Key"]
        if key.startswith("aws:"):
            raise ValidationError("Tag keys beginning with aws: are reserved for system use")
        if key in tags:
            raise ValidationError(f"Duplicate tag key {key}")
        if not 1 <= len(key) <= 128 or len(tag.get("Value", "")) > 256:
            raise ValidationError(f"Tag {key} is too long: keys have 1 to 128 characters, values at most 256")
        tags[key] = tag.get("Value", "")
    if len(tags) > _MAX_TAGS:
        raise ValidationError(f"A stack can have at most {_MAX_TAGS} tags")
    return tags


def _refuse_other_types(stack: Stack, template: Template) -> None:
    changed = [
        record.logical_id
        for record in stack.resources.values()
        if record.exists
        and record.logical_id in template.resources
        and template.resources[record.logical_id]["Type"] != record.type
    ]
    if changed:
        raise ValidationError(
            "Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{', '.join(changed)}]"
        )
