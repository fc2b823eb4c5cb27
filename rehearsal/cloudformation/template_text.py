"""Parse a template's text into plain data.

The text is JSON, or YAML with CloudFormation's short tags.
"""

import json
from typing import Any

import yaml

from rehearsal.cloudformation.errors import ValidationError
from rehearsal.cloudformation.name_sets import words

_SHORT_FUNCTIONS = words("And Base64 Cidr Equals FindInMap GetAtt GetAZs If Join Not Or Select Split Sub")


class _Loader(yaml.CSafeLoader):
    """Safe YAML loader in which dates stay text and duplicate keys are an error."""


# Dates stay text because a template's version is a date, and no property needs one.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        key = str(loader.construct_object(key_node))
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key}", key_node.start_mark)
        seen.add(key)
    return {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix not in _SHORT_FUNCTIONS:
        raise yaml.constructor.ConstructorError(None, None, f"unknown tag !{suffix}", node.start_mark)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_multi_constructor("!", _short_tag)


def read(body: str) -> dict[str, Any]:
    """Return the template as data; raise ValidationError if it is not well-formed."""
    try:
        # CloudFormation too takes a text that begins with a brace for JSON first, although it may be a YAML flow
        # mapping. S506: _Loader is a CSafeLoader.
        document = json.loads(body) if body.lstrip().startswith("{") else yaml.load(body, _Loader)  # noqa: S506
    except json.JSONDecodeError as error:
        raise ValidationError(f"Template format error: JSON not well-formed. (line {error.lineno})") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        position = f" (line {where.line + 1}, column {where.column + 1})" if where else ""
        problem = getattr(error, "problem", None) or "unreadable"
        raise ValidationError(f"Template format error: YAML not well-formed: {problem}.{position}") from error
    if not isinstance(document, dict):
        raise ValidationError("Template format error: unsupported structure.")
    return document
