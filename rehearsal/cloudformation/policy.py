"""Evaluate stack policies: which resources an update may change, and how."""

import fnmatch
import json
from typing import Any

from rehearsal.cloudformation.errors import ValidationError

MODIFY, REPLACE, DELETE = "Update:Modify", "Update:Replace", "Update:Delete"
_ACTIONS = frozenset({MODIFY, REPLACE, DELETE, "Update:*"})
_KEYS = frozenset({"Effect", "Action", "NotAction", "Principal", "Resource", "NotResource", "Condition"})


def check(body: str) -> None:
    """Raise ValidationError unless the text is a stack policy."""
    try:
        statements = _statements(body)
        for statement in statements:
            _check_statement(statement)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValidationError(f"Error validating stack policy: {error}") from error


def denial(body: str | None, action: str, logical_id: str, type_name: str) -> str | None:
    """Return why the policy forbids the action on the resource, or None.

    The reason is in CloudFormation's words. Without a policy everything is allowed; with one, what no statement allows
    is denied, and a denial always wins.
    """
    if body is None:
        return None
    allowed = False
    resource = f"LogicalResourceId/{logical_id}"
    for number, statement in enumerate(_statements(body), start=1):
        if not _concerns(statement, action, resource, type_name):
            continue
        if statement["Effect"] == "Deny":
            denied = f"does not allow [{action}] for resource [{resource}]"
            return f"Action denied by stack policy: Statement [#{number}] {denied}"
        allowed = True
    if allowed:
        return None
    return f"Action not allowed by stack policy: no statement allows [{action}] for resource [{resource}]"


def _statements(body: str) -> list[dict[str, Any]]:
    statements = json.loads(body)["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _check_statement(statement: dict[str, Any]) -> None:
    unknown = statement.keys() - _KEYS
    if unknown:
        raise ValueError(f"unknown element {sorted(unknown)[0]}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise ValueError("Effect must be Allow or Deny")
    if statement.get("Principal") not in ("*", {"AWS": "*"}):
        raise ValueError("Principal must be *")
    for action in _list(statement.get("Action", statement.get("NotAction"))):
        if action not in _ACTIONS:
            raise ValueError(f"unknown action {action}")
    for resource in _list(statement.get("Resource", statement.get("NotResource"))):
        if resource != "*" and not resource.startswith("LogicalResourceId/"):
            raise ValueError(f"Resource must begin with LogicalResourceId/, not {resource}")
    for operator, operands in statement.get("Condition", {}).items():
        if operator not in ("StringEquals", "StringLike") or set(operands) != {"ResourceType"}:
            raise ValueError("Condition must be StringEquals or StringLike of ResourceType")


def _concerns(statement: dict[str, Any], action: str, resource: str, type_name: str) -> bool:
    matches = any(
        _matches(statement[key], value) == wanted
        for key, value, wanted in (("Action", action, True), ("NotAction", action, False))
        if key in statement
    )
    named = any(
        _matches(statement[key], resource) == wanted
        for key, wanted in (("Resource", True), ("NotResource", False))
        if key in statement
    )
    conditions = statement.get("Condition", {}).values()
    return matches and named and all(_matches(operands["ResourceType"], type_name) for operands in conditions)


def _matches(patterns: Any, value: str) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in _list(patterns))


def _list(value: Any) -> list[str]:
    if value is None:
        raise ValueError("an element is missing")
    return value if isinstance(value, list) else [value]
