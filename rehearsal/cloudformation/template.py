"""Parse and check a template, and find its dependencies.

The engine knows every part of a template that passes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from rehearsal.cloudformation import intrinsics, parameters, template_text
from rehearsal.cloudformation.errors import ValidationError
from rehearsal.cloudformation.resources import RESOURCE_TYPES

MAX_BYTES = 51_200
_SECTIONS = frozenset(
    {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions", "Resources"}
    | {"Outputs"}
)
_RESOURCE_KEYS = frozenset(
    {"Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"}
)
_POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate"),
    "UpdateReplacePolicy": ("Delete", "Retain"),
}
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Template:
    """A checked template; make it with `parse`.

    The sections are plain data with their functions unresolved.
    """

    body: str
    document: dict[str, Any]

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """Return the parameter declarations by name."""
        return self.document.get("Parameters") or {}

    @property
    def mappings(self) -> dict[str, Any]:
        """Return the mappings by name."""
        return self.document.get("Mappings") or {}

    @property
    def conditions(self) -> dict[str, Any]:
        """Return the conditions by name."""
        return self.document.get("Conditions") or {}

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources by logical id."""
        return self.document["Resources"]

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """Return the outputs by name."""
        return self.document.get("Outputs") or {}

    def dependencies(self, logical_id: str) -> set[str]:
        """Return the logical ids that this resource refers to or names in DependsOn."""
        resource = self.resources[logical_id]
        named = resource.get("DependsOn", [])
        found = set(named if isinstance(named, list) else [named])
        found |= {name for name, _ in intrinsics.references(resource.get("Properties", {}))}
        return (found & self.resources.keys()) - {logical_id}

    @cached_property
    def order(self) -> list[str]:
        """Return the logical ids, each after those it depends on.

        Raises ValidationError for a circular dependency.
        """
        sorter = TopologicalSorter({logical_id: sorted(self.dependencies(logical_id)) for logical_id in self.resources})
        try:
            return list(sorter.static_order())
        except CycleError as error:
            circle = ", ".join(dict.fromkeys(error.args[1]))
            raise ValidationError(f"Circular dependency between resources: [{circle}]") from error


def parse(body: str) -> Template:
    """Read and check a template.

    Raises ValidationError for what AWS or the rehearsal does not support.
    """
    size = len(body.encode())
    if size > MAX_BYTES:
        raise ValidationError(
            f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
            f"length less than or equal to {MAX_BYTES} (it has {size})"
        )
    template = Template(body, template_text.read(body))
    _check_sections(template)
    _check_parameters(template)
    for logical_id in template.resources:
        _check_resource(template, logical_id)
    _check_functions(template)
    _check_names(template)
    _ = template.order
    return template


def _check_sections(template: Template) -> None:
    unknown = [name for name in template.document if name not in _SECTIONS]
    if unknown:
        raise ValidationError(f"Invalid template property or properties [{', '.join(unknown)}]")
    for name in _SECTIONS - {"AWSTemplateFormatVersion", "Description"}:
        if not isinstance(template.document.get(name, {}) or {}, dict):
            raise ValidationError(f"Template format error: {name} must be an object.")
    if not template.document.get("Resources"):
        raise ValidationError("Template format error: At least one Resources member must be defined.")
    for section in (template.parameters, template.resources, template.conditions, template.outputs):
        for name in section:
            if not _LOGICAL_ID.fullmatch(name):
                raise ValidationError(f"Template format error: name '{name}' is non alphanumeric.")
    for name, output in template.outputs.items():
        if not isinstance(output, dict) or "Value" not in output:
            raise ValidationError(f"Template format error: Output {name} is malformed. Every output must have a Value.")
        extra = output.keys() - {"Value", "Description", "Condition"}
        if extra:
            raise ValidationError(f"Output {name}: {', '.join(sorted(extra))} is not supported by the rehearsal")


def _check_parameters(template: Template) -> None:
    for name, declaration in template.parameters.items():
        if not isinstance(declaration, dict) or "Type" not in declaration:
            raise ValidationError(
                f"Template format error: Every Parameters object must contain a Type member. ({name})"
            )
        if declaration["Type"] not in parameters.TYPES:
            raise ValidationError(f"Template format error: Unrecognized parameter type: {declaration['Type']}")
        unknown = declaration.keys() - parameters.DECLARATION_KEYS
        if unknown:
            raise ValidationError(f"Invalid template parameter property '{sorted(unknown)[0]}' of {name}")


def _check_resource(template: Template, logical_id: str) -> None:
    resource = template.resources[logical_id]
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        raise ValidationError(
            f"Template format error: [/Resources/{logical_id}] Every Resources object must contain a Type member."
        )
    type_name = resource["Type"]
    if type_name not in RESOURCE_TYPES:
        raise ValidationError(f"Template format error: Unrecognized resource types: [{type_name}]")
    unknown = resource.keys() - _RESOURCE_KEYS
    if unknown:
        raise ValidationError(f"Invalid template resource property '{sorted(unknown)[0]}' of {logical_id}")
    for key, allowed in _POLICIES.items():
        value = resource.get(key, "Delete")
        if value not in allowed:
            raise ValidationError(f"Template format error: {key} '{value}' of {logical_id} is not one of {allowed}")
    properties = resource.get("Properties") or {}
    if not isinstance(properties, dict):
        raise ValidationError(f"Template format error: Properties of {logical_id} must be an object.")
    allowed_paths = RESOURCE_TYPES[type_name].properties
    for path in property_paths(properties):
        if path not in allowed_paths:
            raise ValidationError(
                f"Properties validation failed for resource {logical_id} with message: "
                f"#: extraneous key [{path}] is not permitted ({type_name} in the rehearsal)"
            )


def property_paths(node: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted paths of all properties inside a value.

    Both branches of a Fn::If count; other functions are skipped.
    """
    if isinstance(node, list):
        for item in node:
            yield from property_paths(item, prefix)
    if not isinstance(node, dict):
        return
    function = intrinsics.function_of(node)
    if function and function != "Condition":
        if function == "Fn::If" and isinstance(node[function], list):
            yield from property_paths(node[function][1:], prefix)
        return
    for name, value in node.items():
        path = f"{prefix}.{name}" if prefix else name
        yield path
        # The schema checks the keys of Matcher, and the keys of a function call are no properties.
        yield from property_paths(value, path)


def _check_functions(template: Template) -> None:
    values = {"Resources": template.resources, "Outputs": template.outputs}
    for where, name in _functions(values):
        if name not in intrinsics.VALUE_FUNCTIONS:
            raise ValidationError(f"Template error: {name} in {where} is not supported by the rehearsal")
    for where, name in _functions({"Conditions": template.conditions}):
        values_too = {"Ref", "Fn::FindInMap", "Fn::Select", "Fn::Split", "Fn::Join", "Fn::Sub"}
        allowed = intrinsics.CONDITION_FUNCTIONS | values_too
        if name not in allowed:
            raise ValidationError(f"Template error: {name} in {where} is not supported by the rehearsal")


def _functions(node: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for item in node:
            yield from _functions(item, where)
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref" or key.startswith("Fn::"):
                yield where, key
                if key == "Ref" and not isinstance(value, str):
                    raise ValidationError("Template error: every Ref object must have a single String value.")
            yield from _functions(value, where or key)


def _check_names(template: Template) -> None:
    """Check that every Ref, Fn::GetAtt, Fn::Sub, DependsOn and Condition resolves."""
    known = template.resources.keys() | template.parameters.keys() | intrinsics.PSEUDO_PARAMETERS
    for section, node in (("Resources", template.resources), ("Outputs", template.outputs)):
        for logical_id, attribute in intrinsics.references(node):
            if attribute is None and logical_id not in known:
                raise ValidationError(
                    f"Template format error: Unresolved resource dependencies [{logical_id}] in the {section} block "
                    "of the template"
                )
            if attribute is not None:
                _check_attribute(template, logical_id, attribute)
    names = template.parameters.keys() | intrinsics.PSEUDO_PARAMETERS
    for name, attribute in intrinsics.references(template.conditions):
        if attribute is not None or name not in names:
            raise ValidationError(f"Template error: Unresolved dependencies [{name}] in the Conditions block")
    for logical_id, resource in template.resources.items():
        named = resource.get("DependsOn", [])
        for other in named if isinstance(named, list) else [named]:
            if other not in template.resources:
                raise ValidationError(
                    f"Template format error: Unresolved resource dependencies [{other}] in the Resources block of "
                    f"the template (DependsOn of {logical_id})"
                )
    for name in _condition_names(template):
        if name not in template.conditions:
            raise ValidationError(f"Template format error: Unresolved condition dependency {name}")


def _check_attribute(template: Template, logical_id: str, attribute: str) -> None:
    if logical_id not in template.resources:
        raise ValidationError(f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}")
    type_name = template.resources[logical_id]["Type"]
    if attribute not in RESOURCE_TYPES[type_name].attributes:
        raise ValidationError(
            f"Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt"
        )


def _condition_names(template: Template) -> Iterator[str]:
    for item in (*template.resources.values(), *template.outputs.values()):
        if "Condition" in item:
            yield item["Condition"]
    yield from _used_conditions([template.resources, template.outputs, template.conditions])


def _used_conditions(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _used_conditions(item)
    if isinstance(node, dict):
        call = node.get("Fn::If")
        if isinstance(call, list) and call and isinstance(call[0], str):
            yield call[0]
        if len(node) == 1 and isinstance(node.get("Condition"), str):
            yield node["Condition"]
        for value in node.values():
            yield from _used_conditions(value)
