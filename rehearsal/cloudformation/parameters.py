"""Check a request's parameters against their declarations and find their values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import regex
from botocore.exceptions import ClientError

from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.errors import ValidationError
from rehearsal.cloudformation.name_sets import words

_AWS_TYPES = {
    "AWS::EC2::AvailabilityZone::Name": ("describe_availability_zones", "ZoneNames"),
    "AWS::EC2::Image::Id": ("describe_images", "ImageIds"),
    "AWS::EC2::Instance::Id": ("describe_instances", "InstanceIds"),
    "AWS::EC2::KeyPair::KeyName": ("describe_key_pairs", "KeyNames"),
    "AWS::EC2::SecurityGroup::Id": ("describe_security_groups", "GroupIds"),
    "AWS::EC2::Subnet::Id": ("describe_subnets", "SubnetIds"),
    "AWS::EC2::Volume::Id": ("describe_volumes", "VolumeIds"),
    "AWS::EC2::VPC::Id": ("describe_vpcs", "VpcIds"),
}
_SSM = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_LIST = re.compile(r"List<(.+)>")
TYPES = frozenset(
    {"String", "Number", "List<Number>", "CommaDelimitedList", *_AWS_TYPES}
    | {f"List<{name}>" for name in _AWS_TYPES if name != "AWS::EC2::KeyPair::KeyName"}
    | {f"AWS::SSM::Parameter::Value<{name}>" for name in ("String", "AWS::EC2::Image::Id")}
)
DECLARATION_KEYS = words(
    "Type Default NoEcho AllowedValues AllowedPattern MaxLength MinLength MaxValue MinValue Description "
    "ConstraintDescription"
)


@dataclass(frozen=True)
class ParameterValue:
    """One parameter of a stack: the given value, and the looked-up value if any."""

    given: str
    type: str
    resolved: str | None = None
    no_echo: bool = False

    @property
    def value(self) -> Any:
        """Return the value of a Ref: a text, or for list types a list of texts."""
        text = self.given if self.resolved is None else self.resolved
        if self.type == "CommaDelimitedList" or self.type.startswith("List<"):
            return [item.strip() for item in text.split(",")]
        return text

    def described(self, key: str) -> dict[str, str]:
        """Return the parameter as DescribeStacks shows it."""
        shown = {"ParameterKey": key, "ParameterValue": "****" if self.no_echo else self.given}
        return shown if self.resolved is None else {**shown, "ResolvedValue": self.resolved}


def evaluate(
    declarations: Mapping[str, dict[str, Any]],
    given: list[dict[str, Any]],
    previous: Mapping[str, ParameterValue],
    cloud: Cloud,
) -> dict[str, ParameterValue]:
    """Return the values of all declared parameters.

    `given` is the request's list; `previous` are the stack's values, which UsePreviousValue asks for. SSM parameters
    are read anew on every call, also for a previous value. Raises ValidationError in CloudFormation's words.
    """
    texts = _texts(declarations, given, previous)
    missing = [key for key in declarations if key not in texts]
    if missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    return {key: _evaluate_one(key, declaration, texts[key], cloud) for key, declaration in declarations.items()}


def nonexistent(values: Mapping[str, ParameterValue], cloud: Cloud) -> str | None:
    """Return why a parameter of an AWS-specific type is refused, or None.

    A parameter is refused if it names something that does not exist.
    """
    for key, value in values.items():
        match = _SSM.fullmatch(value.type) or _LIST.fullmatch(value.type)
        aws_type = match.group(1) if match else value.type
        if aws_type not in _AWS_TYPES:
            continue
        operation, argument = _AWS_TYPES[aws_type]
        for item in value.value if isinstance(value.value, list) else [value.value]:
            if not _exists(cloud, operation, argument, item):
                return f"Parameter validation failed: parameter value {item} for parameter name {key} does not exist"
    return None


def _exists(cloud: Cloud, operation: str, argument: str, item: str) -> bool:
    try:
        answer = getattr(cloud.ec2, operation)(**{argument: [item]})
    except ClientError:
        return False
    return any(value for key, value in answer.items() if key != "ResponseMetadata")


def _texts(
    declarations: Mapping[str, dict[str, Any]], given: list[dict[str, Any]], previous: Mapping[str, ParameterValue]
) -> dict[str, str]:
    unknown = [item["ParameterKey"] for item in given if item["ParameterKey"] not in declarations]
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    texts = {
        key: _default(declaration["Default"]) for key, declaration in declarations.items() if "Default" in declaration
    }
    seen: set[str] = set()
    for item in given:
        key = item["ParameterKey"]
        if key in seen:
            raise ValidationError(f"Duplicate parameter key: {key}")
        seen.add(key)
        if not item.get("UsePreviousValue"):
            texts[key] = item.get("ParameterValue") or ""
        elif item.get("ParameterValue"):
            raise ValidationError(
                f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true and non empty value "
                "for a parameter"
            )
        elif key in previous:
            texts[key] = previous[key].given
        elif key not in texts:
            raise ValidationError(
                f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key "
                "not in the previous template"
            )
    return texts


def _default(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _evaluate_one(key: str, declaration: dict[str, Any], text: str, cloud: Cloud) -> ParameterValue:
    type_name = declaration["Type"]
    resolved = None
    if _SSM.fullmatch(type_name):
        resolved = _from_ssm(key, text, cloud)
    value = ParameterValue(text, type_name, resolved, _default(declaration.get("NoEcho", False)) == "true")
    for item in value.value if isinstance(value.value, list) else [text]:
        _check(key, declaration, item)
    return value


def _from_ssm(key: str, name: str, cloud: Cloud) -> str:
    try:
        value: str = cloud.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    except ClientError as error:
        raise ValidationError(
            f"Unable to fetch parameters [{name}] from parameter store for this account. (parameter {key})"
        ) from error
    return value


def _check(key: str, declaration: dict[str, Any], text: str) -> None:
    hint = declaration.get("ConstraintDescription")

    def refuse(message: str) -> None:
        detail = f"failed to satisfy constraint: {hint}" if hint else message
        raise ValidationError(f"Parameter '{key}' {detail}")

    allowed = declaration.get("AllowedValues")
    if allowed is not None and text not in map(_default, allowed):
        refuse(f"must be one of AllowedValues [{', '.join(map(_default, allowed))}]")
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not regex.fullmatch(pattern, text):
        refuse(f"must match pattern {pattern}")
    if len(text) < int(declaration.get("MinLength", 0)):
        refuse(f"must contain at least {declaration['MinLength']} characters")
    if "MaxLength" in declaration and len(text) > int(declaration["MaxLength"]):
        refuse(f"must contain at most {declaration['MaxLength']} characters")
    if declaration["Type"] in ("Number", "List<Number>"):
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValidationError(f"Parameter '{key}' must be a number") from None
        if "MinValue" in declaration and number < Decimal(str(declaration["MinValue"])):
            refuse(f"must be a number not less than {declaration['MinValue']}")
        if "MaxValue" in declaration and number > Decimal(str(declaration["MaxValue"])):
            refuse(f"must be a number not greater than {declaration['MaxValue']}")
