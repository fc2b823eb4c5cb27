"""Format records of stacks as the API's answers."""

from typing import Any

from rehearsal.cloudformation.stacks import Event, Stack, StackResource
from rehearsal.cloudformation.template import Template

Shape = dict[str, Any]


def stack(record: Stack) -> Shape:
    """Return a stack as DescribeStacks shows it."""
    shown = {
        "StackId": record.stack_id,
        "StackName": record.name,
        "StackStatus": record.status,
        "StackStatusReason": record.reason or None,
        "Description": record.intent.template.document.get("Description"),
        "Parameters": [value.described(key) for key, value in record.intent.parameters.items()],
        "Tags": [{"Key": key, "Value": value} for key, value in record.intent.tags.items()],
        "Outputs": record.outputs,
        "CreationTime": record.created,
        "LastUpdatedTime": record.updated,
        "DeletionTime": record.deleted,
        "DisableRollback": False,
        "Capabilities": record.capabilities,
        "EnableTerminationProtection": record.termination_protection,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }
    return _given(shown)


def summary(record: Stack) -> Shape:
    """Return a stack as ListStacks shows it."""
    whole = stack(record)
    shown = {"TemplateDescription": whole.get("Description")} | {
        key: whole.get(key)
        for key in ("StackId", "StackName", "StackStatus", "StackStatusReason", "CreationTime", "LastUpdatedTime")
    }
    return _given({**shown, "DeletionTime": whole.get("DeletionTime"), "DriftInformation": whole["DriftInformation"]})


def event(record: Stack, entry: Event) -> Shape:
    """Return an event as DescribeStackEvents shows it."""
    shown = {
        "StackId": record.stack_id,
        "StackName": record.name,
        "EventId": entry.event_id,
        "LogicalResourceId": entry.logical_id,
        "PhysicalResourceId": entry.physical_id,
        "ResourceType": entry.type,
        "Timestamp": entry.timestamp,
        "ResourceStatus": entry.status,
        "ResourceStatusReason": entry.reason or None,
        "ClientRequestToken": entry.token or None,
    }
    return _given(shown)


def resource_detail(record: Stack, entry: StackResource) -> Shape:
    """Return a resource as DescribeStackResource shows it."""
    return {"StackId": record.stack_id, "StackName": record.name, **resource_summary(entry)}


def resource_summary(entry: StackResource) -> Shape:
    """Return a resource as ListStackResources shows it."""
    shown = {
        "LogicalResourceId": entry.logical_id,
        "PhysicalResourceId": entry.physical_id or None,
        "ResourceType": entry.type,
        "LastUpdatedTimestamp": entry.changed,
        "ResourceStatus": entry.status,
        "ResourceStatusReason": entry.reason or None,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    return _given(shown)


def declared_parameters(template: Template) -> list[Shape]:
    """Return a template's parameters as GetTemplateSummary shows them."""
    return [
        _given(
            {
                "ParameterKey": key,
                "DefaultValue": str(declaration["Default"]) if "Default" in declaration else None,
                "ParameterType": declaration["Type"],
                "NoEcho": str(declaration.get("NoEcho", False)).lower() == "true",
                "Description": declaration.get("Description"),
            }
        )
        for key, declaration in template.parameters.items()
    ]


def _given(shape: Shape) -> Shape:
    return {key: value for key, value in shape.items() if value is not None}
