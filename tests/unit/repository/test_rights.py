"""The README's list of rights.

Whoever has them can run every command, and no right is listed that no command needs.
"""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatchcase

import botocore.session
from botocore import xform_name
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.support import ROOT

PREFIXES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
SERVICES = ("acm", "cloudformation", "ec2", "elbv2", "pricing", "route53", "s3", "service-quotas", "ssm", "sts")
OTHER_NAMES = {"s3:HeadObject": "s3:GetObject", "s3:HeadBucket": "s3:ListBucket"}
NEED_NONE = frozenset({"sts:GetCallerIdentity"})
# These rights are for side effects of calls: DescribeStacks of all stacks; a stack policy, an object's ACL, and an
# account's first load balancer.
BESIDES = frozenset(
    {"cloudformation:ListStacks", "cloudformation:SetStackPolicy", "s3:PutObjectAcl", "iam:CreateServiceLinkedRole"}
)


def listed() -> set[str]:
    """Return the rights in the README's table."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("| for | rights |")[2].partition("\n\n")[0]
    return set(re.findall(r"`([a-z0-9-]+:[A-Z][A-Za-z0-9]*\*?)`", table))


def called() -> dict[str, set[str]]:
    """Return the rights that each operation may need, by the operation's name.

    The name is the plugin's own; its rights are those of one or more services.
    """
    session = botocore.session.get_session()
    operations: dict[str, set[str]] = {}
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            right = f"{PREFIXES.get(service, service)}:{operation}"
            operations.setdefault(xform_name(operation), set()).add(OTHER_NAMES.get(right, right))
    said = set()
    for path in (ROOT / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                said.add(node.func.attr)
            elif isinstance(node, ast.Call):
                said.update(argument.attr for argument in node.args if isinstance(argument, ast.Attribute))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.add(node.value)
    return {name: operations[name] - NEED_NONE for name in said & operations.keys()}


def made_by_cloudformation() -> set[str]:
    """Return the rights of CloudFormation for the types in our templates.

    They are the calls that CloudFormation's own schemas list.
    """
    templates = "".join(path.read_text() for path in ROOT.glob("roles/*/files/*.cfn.yml"))
    rights: set[str] = set()
    for kind in set(re.findall(r"Type: (AWS::\w+::\w+)$", templates, re.MULTILINE)):
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
        rights |= {right for handler in handlers.values() for right in handler["permissions"]}
    return rights


def test_the_manual_lists_every_right_that_a_command_needs() -> None:
    rights, calls = listed(), called()
    assert {"create_change_set", "get_object_acl", "describe_instances"} <= calls.keys()
    missing = {
        name: needed
        for name, needed in calls.items()
        if needed and not any(fnmatchcase(right, pattern) for right in needed for pattern in rights)
    }
    assert not missing


def test_the_manual_lists_no_right_that_nothing_needs() -> None:
    needed = set().union(*called().values()) | made_by_cloudformation() | BESIDES
    assert not [pattern for pattern in listed() if not any(fnmatchcase(right, pattern) for right in needed)]
