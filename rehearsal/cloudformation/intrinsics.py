"""Evaluate CloudFormation's intrinsic functions and find the references in them."""

import base64
import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from rehearsal.cloudformation.errors import ValidationError

PSEUDO_PARAMETERS = frozenset(
    f"AWS::{name}" for name in ["AccountId", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix"]
)
CONDITION_FUNCTIONS = frozenset({"Condition", "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not"})
VALUE_FUNCTIONS = frozenset(
    {"Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::GetAZs", "Fn::Cidr", "Fn::If"}
    | {"Fn::FindInMap", "Fn::Base64"}
)
_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
_NO_VALUE = object()


@dataclass(frozen=True)
class Unknown:
    """A value that exists only after its resource is created or replaced.

    An attribute of None means its id.
    """

    logical_id: str
    attribute: str | None = None


class Scope(Protocol):
    """The values of a template's names."""

    def reference(self, name: str) -> Any:
        """Return the value of a parameter, pseudo parameter or resource id."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return the value of a resource's attribute."""

    def condition(self, name: str) -> bool:
        """Return the value of a condition of the template."""

    def mapped(self, name: str, first: str, second: str) -> Any:
        """Return a value from the template's Mappings."""

    def availability_zones(self, region: str) -> list[str]:
        """Return the zones of a region; of the stack's own for an empty name."""


def function_of(node: Any) -> str | None:
    """Return the name of the function that this node calls.

    The function may be an unknown one; None means a plain value.
    """
    if isinstance(node, dict) and len(node) == 1:
        name = next(iter(node))
        if name in ("Ref", "Condition") or name.startswith("Fn::"):
            return str(name)
    return None


def variables(argument: Any) -> list[str]:
    """Return the names inside `${}` of a Fn::Sub that the call does not define itself."""
    text, own = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
    return [name for name in (match.strip() for match in _VARIABLE.findall(text)) if name not in own]


def references(node: Any) -> Iterator[tuple[str, str | None]]:
    """Yield every (name, attribute) that a node refers to.

    References are Ref, Fn::GetAtt and Fn::Sub; the attribute is None for an id.
    """
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    if not isinstance(node, dict):
        return
    function = function_of(node)
    if function == "Ref":
        yield node["Ref"], None
    elif function == "Fn::GetAtt" and isinstance(node[function], list) and isinstance(node[function][0], str):
        logical_id, attribute = node[function][0], node[function][1]
        yield logical_id, attribute if isinstance(attribute, str) else ""
    elif function == "Fn::Sub":
        for name in variables(node[function]):
            logical_id, dot, attribute = name.partition(".")
            yield logical_id, attribute if dot else None
    for value in node.values():
        if function not in ("Ref", "Fn::GetAtt"):
            yield from references(value)


def resolve(node: Any, scope: Scope) -> Any:
    """Return the value of a node.

    It is an Unknown where it needs something that does not exist yet.
    """
    value = _resolve(node, scope)
    return None if value is _NO_VALUE else value


def _resolve(node: Any, scope: Scope) -> Any:
    function = function_of(node)
    if function == "Condition" and not isinstance(node["Condition"], str):
        function = None
    if function:
        return _call(function, node[function], scope)
    if isinstance(node, dict):
        pairs = ((key, _resolve(value, scope)) for key, value in node.items())
        return {key: value for key, value in pairs if value is not _NO_VALUE}
    if isinstance(node, list):
        return [value for value in (_resolve(item, scope) for item in node) if value is not _NO_VALUE]
    return node


def _call(function: str, argument: Any, scope: Scope) -> Any:
    if function == "Ref":
        return _NO_VALUE if argument == "AWS::NoValue" else scope.reference(argument)
    if function == "Condition":
        return scope.condition(argument)
    if function == "Fn::If":
        name, yes, no = _arguments(function, argument, 3)
        return _resolve(yes if scope.condition(name) else no, scope)
    if function == "Fn::Sub":
        return _substitute(argument, scope)
    try:
        implementation = _FUNCTIONS[function]
    except KeyError:
        raise ValidationError(f"Template error: {function} is not supported by the rehearsal") from None
    resolved = _resolve(argument, scope)
    if function != "Fn::Select" and (unknown := _unknown_in(resolved)):
        return unknown
    try:
        return implementation(resolved, scope)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise ValidationError(f"Template error: every {function} object must have valid arguments: {error}") from error


def _unknown_in(value: Any) -> Unknown | None:
    if isinstance(value, Unknown):
        return value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((unknown for unknown in map(_unknown_in, children) if unknown), None)


def _arguments(function: str, argument: Any, number: int) -> list[Any]:
    if not isinstance(argument, list) or len(argument) != number:
        raise ValidationError(f"Template error: {function} requires a list argument with {number} elements")
    return argument


def _substitute(argument: Any, scope: Scope) -> Any:
    text, own = (argument[0], argument[1]) if isinstance(argument, list) else (argument, {})
    values = {name: _resolve(value, scope) for name, value in own.items()}
    for name in variables(argument):
        logical_id, dot, attribute = name.partition(".")
        values[name] = scope.attribute(logical_id, attribute) if dot else scope.reference(logical_id)
    used = {name: values[name] for name in (match.strip() for match in _VARIABLE.findall(text))}
    if unknown := _unknown_in(used):
        return unknown
    text = _VARIABLE.sub(lambda match: _text(used[match.group(1).strip()]), text)
    return text.replace("${!", "${")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        raise ValidationError("Template error: every value in a string must itself be a string")
    return str(value)


def _get_att(argument: list[str], scope: Scope) -> Any:
    logical_id, attribute = argument
    return scope.attribute(logical_id, attribute)


def _join(argument: list[Any], _: Scope) -> str:
    delimiter, values = argument
    return str(delimiter).join(_text(value) for value in values)


def _select(argument: list[Any], _: Scope) -> Any:
    index, values = argument
    if isinstance(values, Unknown):
        return values
    if not 0 <= int(index) < len(values):
        raise ValidationError(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
    return values[int(index)]


def _cidr(argument: list[Any], _: Scope) -> list[str]:
    block, count, bits = argument[0], int(argument[1]), int(argument[2]) if len(argument) > 2 else 8
    network = ipaddress.ip_network(block)
    prefix = network.max_prefixlen - bits
    blocks = network.subnets(new_prefix=prefix)
    found = [str(subnet) for subnet, _ in zip(blocks, range(count), strict=False)]
    if len(found) < count:
        raise ValueError(f"{block} does not hold {count} blocks of {bits} bits")
    return found


def _equals(argument: list[Any], _: Scope) -> bool:
    first, second = argument
    return _text(first) == _text(second)


_FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Fn::GetAtt": _get_att,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": lambda argument, _: argument[1].split(argument[0]),
    "Fn::GetAZs": lambda argument, scope: scope.availability_zones(argument),
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": lambda argument, scope: scope.mapped(*argument),
    "Fn::Base64": lambda argument, _: base64.b64encode(argument.encode()).decode(),
    "Fn::Equals": _equals,
    "Fn::And": lambda argument, _: all(argument),
    "Fn::Or": lambda argument, _: any(argument),
    "Fn::Not": lambda argument, _: not argument[0],
}
