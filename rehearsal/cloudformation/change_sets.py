"""Compute change sets: the changes that an update would make."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rehearsal.cloudformation import intrinsics, schema
from rehearsal.cloudformation.evaluation import Evaluation
from rehearsal.cloudformation.intrinsics import Unknown
from rehearsal.cloudformation.resources import RESOURCE_TYPES, Context
from rehearsal.cloudformation.stacks import Intent, Stack, StackResource, now
from rehearsal.cloudformation.worker import wait_for

NOTHING_TO_DO = "The submitted information didn't contain changes. Submit different information to create a change set."


@dataclass
class ChangeSet:
    """One change set of a stack."""

    name: str
    stack: Stack
    type: str
    intent: Intent
    description: str
    changes: list[dict[str, Any]]
    capabilities: list[str]
    change_set_id: str = ""
    status: str = "CREATE_COMPLETE"
    reason: str = ""
    execution_status: str = "AVAILABLE"
    created: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        cloud = self.stack.cloud
        prefix = f"arn:aws:cloudformation:{cloud.region}:{cloud.account}:changeSet"
        self.change_set_id = f"{prefix}/{self.name}/{uuid.uuid4()}"
        if not self.changes and self.stack.status != "REVIEW_IN_PROGRESS" and self.intent.same_as(self.stack.intent):
            self.status, self.reason, self.execution_status = "FAILED", NOTHING_TO_DO, "UNAVAILABLE"


class Preview:
    """The changes between a stack and an intent.

    Use it with the lock held.
    """

    def __init__(self, stack: Stack, intent: Intent) -> None:
        self.stack = stack
        self.intent = intent
        self.renewed: set[str] = set()
        """Logical ids whose physical resource an update may replace."""
        self.evaluation: Evaluation = stack.evaluation(intent, self._lookup)

    def changes(self) -> list[dict[str, Any]]:
        """Return the list of changes for DescribeChangeSet."""
        present = self.evaluation.present
        found = []
        for logical_id in present:
            record = self.stack.resources.get(logical_id)
            type_name = self.intent.template.resources[logical_id]["Type"]
            if record is None or not record.exists:
                self.renewed.add(logical_id)
                found.append(_change("Add", logical_id, "", type_name))
            elif change := self._modification(record):
                found.append(change)
        for record in self.stack.resources.values():
            if record.exists and record.logical_id not in present:
                found.append(_change("Remove", record.logical_id, record.physical_id, record.type))
        return found

    def _lookup(self, logical_id: str, attribute: str | None) -> Any:
        record = self.stack.resources.get(logical_id)
        if logical_id in self.renewed or record is None or not record.exists:
            return Unknown(logical_id, attribute)
        if attribute is None:
            return record.physical_id
        context = Context(self.stack.cloud, self.stack.name, logical_id, wait_for)
        return RESOURCE_TYPES[record.type](context).attribute(record.physical_id, attribute)

    def _modification(self, record: StackResource) -> dict[str, Any] | None:
        properties = self.evaluation.properties(record.logical_id)
        tags = self.evaluation.tags(record.logical_id)
        names = sorted({*record.properties, *properties})
        changed = [name for name in names if record.properties.get(name) != properties.get(name)]
        details = [detail for name in changed for detail in self._details(record, name, properties.get(name))]
        if tags != record.tags:
            details.append(
                _detail({"Attribute": "Tags", "RequiresRecreation": "Never"}, "Static", "DirectModification")
            )
        if not details:
            return None
        replacement = _replacement([detail for detail in details if detail["Target"].get("Name") in changed])
        if replacement != "False":
            self.renewed.add(record.logical_id)
        change = _change("Modify", record.logical_id, record.physical_id, record.type)
        change["ResourceChange"] |= {
            "Replacement": replacement,
            "Scope": sorted({detail["Target"]["Attribute"] for detail in details}),
            "Details": details,
        }
        return change

    def _details(self, record: StackResource, name: str, value: Any) -> list[dict[str, Any]]:
        target = {
            "Attribute": "Properties",
            "Name": name,
            "RequiresRecreation": schema.recreation(record.type, name),
        }
        node = (self.intent.template.resources[record.logical_id].get("Properties") or {}).get(name)
        found = []
        for source, attribute in dict.fromkeys(intrinsics.references(node)):
            if source in self.intent.parameters and self._parameter_changed(source):
                found.append(_detail(target, "Static", "ParameterReference", source))
            elif source in self.renewed:
                kind = "ResourceReference" if attribute is None else "ResourceAttribute"
                entity = source if attribute is None else f"{source}.{attribute}"
                found.append(_detail(target, "Dynamic", kind, entity))
        if not _holds_unknown(value):
            evaluation = "Dynamic" if found else "Static"
            found.append(_detail(target, evaluation, "DirectModification"))
        return found

    def _parameter_changed(self, name: str) -> bool:
        old = self.stack.intent.parameters.get(name)
        return old is None or old.value != self.intent.parameters[name].value


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_holds_unknown, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Unknown)


def _replacement(details: list[dict[str, Any]]) -> str:
    """Return AWS's verdict on replacing a resource.

    It is True only where a known change of a property always replaces.
    """
    certain = {detail["Target"]["Name"] for detail in details if detail["Evaluation"] == "Static"}
    verdicts = set()
    for detail in details:
        recreation = detail["Target"]["RequiresRecreation"]
        if recreation == "Always" and detail["Target"]["Name"] in certain:
            return "True"
        verdicts.add(recreation)
    return "False" if verdicts <= {"Never"} else "Conditional"


def _change(action: str, logical_id: str, physical_id: str, type_name: str) -> dict[str, Any]:
    change: dict[str, Any] = {
        "Action": action,
        "LogicalResourceId": logical_id,
        "ResourceType": type_name,
        "Scope": [],
        "Details": [],
    }
    if physical_id:
        change["PhysicalResourceId"] = physical_id
    return {"Type": "Resource", "ResourceChange": change}


def _detail(target: dict[str, str], evaluation: str, source: str, entity: str = "") -> dict[str, Any]:
    detail: dict[str, Any] = {"Target": target, "Evaluation": evaluation, "ChangeSource": source}
    return {**detail, "CausingEntity": entity} if entity else detail
