"""docs/rights.yml, compared with our calls and CloudFormation's handlers.

Whoever has the rights can run every command, and no right is listed that no command needs.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import cfnlint
import pytest
from botocore import xform_name
from cfnlint.api import lint_all
from cfnlint.decode.cfn_yaml import load as load_template
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from scripts import rights as script
from tests.support import ROOT

PREFIXES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
SERVICES = ("acm", "cloudformation", "ec2", "elbv2", "pricing", "route53", "s3", "service-quotas", "ssm", "sts")
OTHER_NAMES = {"s3:HeadObject": "s3:GetObject", "s3:HeadBucket": "s3:ListBucket"}
NEED_NONE = frozenset({"sts:GetCallerIdentity"})
# CloudFormation calls these for a stack; `list` is for the Cloud Control API.
VERBS = ("create", "read", "update", "delete")
DATA = script.load()
LARGEST_POLICY = 6144
"""Maximum characters of a managed policy.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""
LONGEST_BUCKET = 63


def listed(by: str = "") -> set[str]:
    """Return the rights of all groups, or of those whose calls `by` makes."""
    return {right for group in DATA["groups"] if by in ("", group["by"]) for right in group["rights"]}


def lacking(wanted: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """Return the rights in `wanted` that no pattern grants."""
    given = list(patterns)
    return sorted(right for right in wanted if not any(fnmatchcase(right, pattern) for pattern in given))


def idle(patterns: Iterable[str], needed: Iterable[str]) -> list[str]:
    """Return the patterns that grant nothing of what is needed."""
    rights = list(needed)
    return sorted(pattern for pattern in patterns if not any(fnmatchcase(right, pattern) for right in rights))


@cache
def operations() -> dict[str, dict[str, str]]:
    """Return the right of each operation, by the client's method and service."""
    session = botocore.session.get_session()
    found: dict[str, dict[str, str]] = {}
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            right = f"{PREFIXES.get(service, service)}:{operation}"
            found.setdefault(xform_name(operation), {})[service] = OTHER_NAMES.get(right, right)
    return found


def names_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield possible names of client methods, each with its AWS service.

    The service is "" where it does not stand beside the name, as it does in `read("acm", "describe_certificate")`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            texts = [item.value if isinstance(item, ast.Constant) else None for item in node.args[:2]]
            if len(texts) == 2 and texts[0] in SERVICES and isinstance(texts[1], str):
                yield texts[1], str(texts[0])
        if isinstance(node, ast.Attribute):
            yield node.attr, ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, ""


@cache
def called() -> dict[str, set[str]]:
    """Return the rights that our calls need, by the client's method."""
    services: dict[str, set[str]] = {}
    for path in (ROOT / "plugins").rglob("*.py"):
        for name, service in names_in(ast.parse(path.read_text(encoding="utf-8"))):
            if name in operations():
                services.setdefault(name, set()).update({service} - {""})
    return {
        name: {right for service, right in operations()[name].items() if service in (beside or operations()[name])}
        - NEED_NONE
        for name, beside in services.items()
    }


@cache
def templates() -> list[Any]:
    """Return our templates, parsed."""
    return [load_template(str(path)) for path in sorted(ROOT.glob("roles/*/files/*.cfn.yml"))]


def keys_in(value: Any) -> set[str]:
    """Return all keys of mappings in a parsed template."""
    if isinstance(value, list):
        return set().union(*map(keys_in, value))
    return set(value).union(*map(keys_in, value.values())) if isinstance(value, dict) else set()


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Return AWS's schemas, which cfn-lint has, of the types in our templates."""
    kinds = {str(resource["Type"]) for template in templates() for resource in template["Resources"].values()}
    return {kind: PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema for kind in kinds}


def wanted_by(schema: dict[str, Any]) -> set[str]:
    """Return the rights that CloudFormation needs for stacks with this type."""
    handlers = schema["handlers"]
    return {right for verb in VERBS if verb in handlers for right in handlers[verb]["permissions"]}


@cache
def made_by_cloudformation() -> set[str]:
    """Return the rights that CloudFormation needs for the types in our templates."""
    return set().union(*map(wanted_by, schemas().values()))


def test_calls_and_handlers_are_found() -> None:
    assert {"create_change_set", "get_object_acl", "describe_instances", "stop_instances"} <= called().keys()
    assert called()["describe_tags"] == {"ec2:DescribeTags", "elasticloadbalancing:DescribeTags"}
    assert {"AWS::EC2::Instance", "AWS::EC2::VPC", "AWS::ElasticLoadBalancingV2::ListenerRule"} <= schemas().keys()
    assert all(wanted_by(schema) for schema in schemas().values())
    assert {"ec2:ReplaceRoute", "elasticloadbalancing:SetSubnets", "iam:PassRole"} <= made_by_cloudformation()


def test_every_call_has_its_right() -> None:
    rights = listed("commands")
    assert not {name: left for name, needed in called().items() if (left := lacking(needed, rights))}


def test_every_right_of_commands_is_for_a_call() -> None:
    assert not idle(listed("commands"), set().union(*called().values()) | DATA["needed_besides"].keys())


def test_every_right_that_a_handler_wants_is_listed_or_is_an_exception() -> None:
    assert not lacking(made_by_cloudformation(), listed() | DATA["not_needed"].keys())


def test_every_right_of_cloudformation_is_wanted_by_a_handler() -> None:
    assert not idle(listed("cloudformation"), made_by_cloudformation() | DATA["needed_besides"].keys())


def test_no_exception_is_out_of_date() -> None:
    exceptions, besides = DATA["not_needed"].keys(), DATA["needed_besides"].keys()
    assert exceptions <= made_by_cloudformation()
    assert lacking(exceptions, listed()) == sorted(exceptions)
    assert besides <= listed()
    assert not besides & (made_by_cloudformation() | set().union(*called().values()))


@pytest.mark.parametrize("right", sorted(DATA["not_needed"]))
def test_an_exception_has_its_reason(right: str) -> None:
    reason = DATA["not_needed"][right]
    if isinstance(reason, str):
        assert len(reason.split()) > 3
        return
    known = set().union(*(keys_in(schema) for schema in schemas().values() if right in wanted_by(schema)))
    assert reason and set(reason) <= known
    assert not set(reason) & keys_in(templates())


def test_a_machine_can_only_be_stopped_started_or_deleted_as_ours() -> None:
    bounds: dict[str, list[Any]] = {
        right: [] for right in ("ec2:StopInstances", "ec2:StartInstances", "ec2:TerminateInstances")
    }
    for statement in script.policy(DATA)["Statement"]:
        for right in bounds.keys() & set(statement["Action"]):
            bounds[right].append(statement.get("Condition"))
    tag = {"StringLike": {"aws:ResourceTag/aws:cloudformation:stack-name": "probcomp-stack-*"}}
    assert all(conditions == [tag] for conditions in bounds.values())


@cache
def iam_services() -> dict[str, Any]:
    """Return AWS's services, with actions and resources, from cfn-lint."""
    path = Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json"
    services: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return services


def resources_for(right: str, arn: str) -> list[dict[str, Any]]:
    """Return the kinds of resources with this ARN on which IAM grants the right."""
    service, _, action = right.partition(":")
    kinds = iam_services()[service]["Actions"].get(action.lower(), {}).get("Resources", [])
    resources = [iam_services()[service]["Resources"][kind] for kind in kinds]
    return [
        resource
        for resource in resources
        if any(re.fullmatch(re.sub(r"\$\{\w+\}", "[^:]*", form), arn) for form in resource["ARNFormats"])
    ]


@pytest.mark.parametrize(
    "group", [group for group in DATA["groups"] if group["bound"] != "anything"], ids=lambda group: str(group["for"])
)
def test_iam_can_grant_each_right_on_what_it_is_bound_to(group: dict[str, Any]) -> None:
    bound = DATA["bounds"][group["bound"]]
    grantable = {right: [resources_for(right, arn) for arn in bound["resources"]] for right in group["rights"]}
    assert all(any(found) for found in grantable.values())
    assert all(any(found) for found in zip(*grantable.values(), strict=True))
    if any("aws:ResourceTag/" in key for test in bound.get("condition", {}).values() for key in test):
        keys = [item["ConditionKeys"] for found in grantable.values() for items in found for item in items]
        assert all("aws:ResourceTag/${TagKey}" in known for known in keys)


def test_an_asterisk_stands_only_for_reading() -> None:
    assert {right for right in listed() if "*" in right} == {"ec2:Describe*", "elasticloadbalancing:Describe*"}


def test_every_bound_is_used_and_every_group_is_whole() -> None:
    assert {group["bound"] for group in DATA["groups"]} == DATA["bounds"].keys()
    assert {group["by"] for group in DATA["groups"]} == {"commands", "cloudformation"}
    pairs = [(group["bound"], right) for group in DATA["groups"] for right in group["rights"]]
    assert len(pairs) == len(set(pairs))


def test_the_policy_is_one_that_iam_takes() -> None:
    document = script.policy(DATA)
    template = {"Resources": {"P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document}}}}
    assert [str(match) for match in lint_all(json.dumps(template)) if match.rule.id.startswith("E")] == []
    buckets = [arn for statement in document["Statement"] for arn in statement["Resource"] if ":s3:::" in arn]
    assert script.size(document) + LONGEST_BUCKET * len(buckets) <= LARGEST_POLICY


def test_the_policy_and_the_manual_are_made_from_the_data() -> None:
    assert script.main(["--check"]) == 0


def test_a_manual_without_marks_is_not_written() -> None:
    text = f"a\n{script.BEGIN}old\n{script.END}b\n"
    assert script.with_table(text, "new\n") == f"a\n{script.BEGIN}new\n{script.END}b\n"
    with pytest.raises(ValueError, match="lacks"):
        script.with_table("a\n", "new\n")
