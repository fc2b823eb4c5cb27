"""Evaluate a template with the values of one stack.

Gives the properties, tags and outputs of its resources.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rehearsal.cloudformation import intrinsics, schema
from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.errors import ResourceFailure, ValidationError, handler_message
from rehearsal.cloudformation.parameters import ParameterValue
from rehearsal.cloudformation.resources import RESOURCE_TYPES
from rehearsal.cloudformation.template import Template, property_paths

Lookup = Callable[[str, str | None], Any]
"""Function that returns a resource's id (attribute None) or attribute.

It returns an Unknown where there is no value yet.
"""


@dataclass(frozen=True)
class Evaluation:
    """Evaluation of a template's functions; it is the Scope of `intrinsics`."""

    template: Template
    parameters: Mapping[str, ParameterValue]
    stack_id: str
    stack_name: str
    stack_tags: Mapping[str, str]
    cloud: Cloud
    lookup: Lookup

    def reference(self, name: str) -> Any:
        """Return the value of a parameter, pseudo parameter or resource id."""
        if name in self.parameters:
            return self.parameters[name].value
        if name in self._pseudo:
            return self._pseudo[name]
        return self.lookup(name, None)

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return the value of a resource's attribute."""
        return self.lookup(logical_id, name)

    def condition(self, name: str) -> bool:
        """Return the value of a condition of the template."""
        try:
            return bool(intrinsics.resolve(self.template.conditions[name], self))
        except RecursionError:
            raise ValidationError(f"Template error: circular dependency of condition {name}") from None

    def mapped(self, name: str, first: str, second: str) -> Any:
        """Return a value from the template's Mappings."""
        try:
            return self.template.mappings[name][first][second]
        except KeyError:
            raise ValidationError(f"Template error: Unable to get mapping for {name}::{first}::{second}") from None

    def availability_zones(self, region: str) -> list[str]:
        """Return the zones of a region; of the stack's own for an empty name."""
        return self.cloud.availability_zones(region)

    @cached_property
    def present(self) -> list[str]:
        """Return the logical ids whose condition holds, in dependency order."""
        resources = self.template.resources
        return [
            logical_id
            for logical_id in self.template.order
            if "Condition" not in resources[logical_id] or self.condition(resources[logical_id]["Condition"])
        ]

    def properties(self, logical_id: str) -> dict[str, Any]:
        """Return the properties of a resource without its tags.

        They have the types of AWS's schema; some may be Unknown.
        """
        type_name = self.template.resources[logical_id]["Type"]
        return {name: value for name, value in self._all_properties(logical_id, type_name).items() if name != "Tags"}

    def checked_properties(self, logical_id: str) -> dict[str, Any]:
        """Return the properties of a resource as `properties` does, but check them.

        Raises ResourceFailure where they do not fit the schema or the engine.
        """
        type_name = self.template.resources[logical_id]["Type"]
        properties = self._all_properties(logical_id, type_name)
        problem = schema.problem(type_name, properties)
        if problem:
            raise ResourceFailure(handler_message(problem, "InvalidRequest"))
        for path in property_paths(properties):
            if path not in RESOURCE_TYPES[type_name].properties:
                raise ResourceFailure(handler_message(f"#: extraneous key [{path}] is not permitted", "InvalidRequest"))
        return {name: value for name, value in properties.items() if name != "Tags"}

    def tags(self, logical_id: str) -> dict[str, Any]:
        """Return the tags of a resource.

        They are the stack's, the resource's own, and those that CloudFormation itself adds.
        """
        resource = self.template.resources[logical_id]
        if not RESOURCE_TYPES[resource["Type"]].tagged:
            return {}
        own = intrinsics.resolve((resource.get("Properties") or {}).get("Tags", []), self) or []
        return {
            **self.stack_tags,
            **{tag["Key"]: tag["Value"] for tag in own},
            "aws:cloudformation:stack-name": self.stack_name,
            "aws:cloudformation:stack-id": self.stack_id,
            "aws:cloudformation:logical-id": logical_id,
        }

    def outputs(self) -> list[dict[str, str]]:
        """Return the stack's outputs as DescribeStacks shows them."""
        shown = []
        for name, output in self.template.outputs.items():
            if "Condition" in output and not self.condition(output["Condition"]):
                continue
            value = intrinsics.resolve(output["Value"], self)
            text = str(value).lower() if isinstance(value, bool) else str(value)
            description = {"Description": str(output["Description"])} if "Description" in output else {}
            shown.append({"OutputKey": name, "OutputValue": text, **description})
        return shown

    def _all_properties(self, logical_id: str, type_name: str) -> dict[str, Any]:
        properties = intrinsics.resolve(self.template.resources[logical_id].get("Properties") or {}, self)
        return schema.coerce(type_name, properties)

    @cached_property
    def _pseudo(self) -> dict[str, Any]:
        return {
            "AWS::AccountId": self.cloud.account,
            "AWS::Partition": "aws",
            "AWS::Region": self.cloud.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }
