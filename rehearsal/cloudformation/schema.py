"""Read AWS's schemas of resource types from the files that cfn-lint ships.

They define which properties are allowed, and which changes replace the resource.
"""

import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jsonschema
import regex
from jsonschema.protocols import Validator

Recreation = Literal["Never", "Conditionally", "Always"]
"""Effect of a property's change on the physical resource, as change sets name it."""

# The parts of a type's schema that the engine uses do not differ between regions.
_REGION = "us-east-1"


@cache
def _folder() -> Path:
    # cfn-lint's own manager returns the same, but importing it costs five seconds of processor time.
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("cfn-lint is not installed; its resource schemas are needed")
    return Path(spec.submodule_search_locations[0]) / "data" / "schemas"


@cache
def _index() -> dict[str, str]:
    index: dict[str, str] = json.loads((_folder() / "providers" / f"{_REGION}.json").read_text())
    return index


@cache
def resource_schema(type_name: str) -> dict[str, Any]:
    """Return the schema of a resource type such as `AWS::EC2::Instance`.

    Raises KeyError for an unknown one.
    """
    schema: dict[str, Any] = json.loads((_folder() / "resources" / f"{_index()[type_name]}.json").read_text())
    return schema


@cache
def recreation(type_name: str, name: str) -> Recreation:
    """Return the effect of changing this top-level property, by AWS's schema."""
    schema = resource_schema(type_name)
    pointer = f"/properties/{name}"
    if pointer in schema.get("createOnlyProperties", []):
        return "Always"
    if pointer in schema.get("conditionalCreateOnlyProperties", []):
        return "Conditionally"
    return "Never"


def _pattern(_: Validator, pattern: str, value: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    # AWS's patterns are Java's, and Python's own module does not know their character classes.
    if isinstance(value, str) and not regex.search(pattern, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


_Validator = jsonschema.validators.extend(jsonschema.Draft7Validator, {"pattern": _pattern})


@cache
def _validator(type_name: str) -> Validator:
    return _Validator(resource_schema(type_name))


def problem(type_name: str, properties: dict[str, Any]) -> str | None:
    """Return why the properties do not fit the type's schema, or None.

    The text is in CloudFormation's words.
    """
    errors = sorted(_validator(type_name).iter_errors(properties), key=lambda error: list(map(str, error.path)))
    if not errors:
        return None
    lines = ["#" + "".join(f"/{part}" for part in error.path) + f": {error.message}" for error in errors]
    return "Model validation failed (" + "; ".join(lines) + ")"


def coerce(type_name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the properties with their scalars in the schema's types.

    Templates may write `30` as well as `"30"`.
    """
    schema = resource_schema(type_name)
    return {name: _coerce(value, schema["properties"].get(name, {}), schema) for name, value in properties.items()}


def _coerce(value: Any, shape: dict[str, Any], schema: dict[str, Any]) -> Any:
    reference = shape.get("$ref")
    if reference:
        shape = schema
        for part in reference.removeprefix("#/").split("/"):
            shape = shape[part]
    if isinstance(value, dict):
        members = shape.get("properties", {})
        return {name: _coerce(member, members.get(name, {}), schema) for name, member in value.items()}
    if isinstance(value, list):
        return [_coerce(item, shape.get("items", {}), schema) for item in value]
    return _scalar(value, shape.get("type"))


def _scalar(value: Any, wanted: Any) -> Any:
    if wanted == "boolean" and value in ("true", "false"):
        return value == "true"
    if wanted == "integer" and isinstance(value, str):
        return int(value) if value.removeprefix("-").isdecimal() else value
    if wanted == "string" and isinstance(value, bool):
        return str(value).lower()
    if wanted == "string" and isinstance(value, int | float):
        return str(value)
    return value
