"""Templates and parameters: the valid ones, and the errors for the others."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloudformation_server import IMAGE, Cloud, parameter_list


def with_resource(type_name: str, properties: str, more: str = "") -> str:
    return f"Resources:\n  Thing:\n    Type: {type_name}\n    Properties: {properties}\n{more}"


VPC = "{CidrBlock: 10.0.0.0/16}"
REFUSED = {
    "unknown type": (with_resource("AWS::EC2::EIP", "{}"), r"Unrecognized resource types: \[AWS::EC2::EIP\]"),
    "misspelt type": (with_resource("AWS::EC2::Vpc", VPC), "Unrecognized resource types"),
    "unknown property": (with_resource("AWS::EC2::VPC", "{CidrBlok: 10.0.0.0/16}"), r"extraneous key \[CidrBlok\]"),
    "property without effect": (
        with_resource("AWS::EC2::Instance", "{ImageId: ami-1, Monitoring: true}"),
        r"extraneous key \[Monitoring\]",
    ),
    "nested property": (
        with_resource("AWS::EC2::Instance", "{BlockDeviceMappings: [{DeviceName: a, Ebs: {Iops: 3}}]}"),
        r"extraneous key \[BlockDeviceMappings.Ebs.Iops\]",
    ),
    "property inside If": (
        with_resource("AWS::EC2::VPC", "!If [Never, {Foo: 1}, {Bar: 2}]", "Conditions: {Never: !Equals [a, b]}"),
        r"extraneous key \[Foo\]",
    ),
    "unknown function": (
        with_resource("AWS::EC2::VPC", "{CidrBlock: {'Fn::ImportValue': x}}"),
        "Fn::ImportValue in Resources is not supported",
    ),
    "unknown tag": (with_resource("AWS::EC2::VPC", "{CidrBlock: !Magic x}"), "unknown tag !Magic"),
    "unresolved Ref": (
        with_resource("AWS::EC2::VPC", "{CidrBlock: !Ref Range}"),
        r"Unresolved resource dependencies \[Range\] in the Resources block",
    ),
    "unresolved Sub": (
        with_resource("AWS::EC2::VPC", '{CidrBlock: !Sub "${Range}/16"}'),
        r"Unresolved resource dependencies \[Range\]",
    ),
    "GetAtt of nothing": (
        with_resource("AWS::EC2::VPC", "{CidrBlock: !GetAtt Other.Id}"),
        "references undefined resource Other",
    ),
    "unknown attribute": (
        with_resource("AWS::EC2::VPC", VPC, "Outputs: {X: {Value: !GetAtt Thing.Color}}"),
        "resource Thing does not support attribute type Color in Fn::GetAtt",
    ),
    "unresolved output": (
        with_resource("AWS::EC2::VPC", VPC, "Outputs: {X: {Value: !Ref Other}}"),
        "in the Outputs block",
    ),
    "export": (
        with_resource("AWS::EC2::VPC", VPC, "Outputs: {X: {Value: a, Export: {Name: b}}}"),
        "Export is not supported",
    ),
    "unknown DependsOn": (
        "Resources: {Thing: {Type: AWS::EC2::InternetGateway, DependsOn: Other}}",
        r"Unresolved resource dependencies \[Other\]",
    ),
    "circle": (
        "Resources:\n"
        "  A: {Type: AWS::EC2::InternetGateway, DependsOn: B}\n"
        "  B: {Type: AWS::EC2::InternetGateway, DependsOn: A}\n",
        "Circular dependency between resources",
    ),
    "unknown condition": (
        "Resources: {Thing: {Type: AWS::EC2::InternetGateway, Condition: Maybe}}",
        "Unresolved condition dependency Maybe",
    ),
    "unknown parameter type": (
        with_resource("AWS::EC2::VPC", VPC, "Parameters: {P: {Type: AWS::Route53::HostedZone::Id}}"),
        "Unrecognized parameter type",
    ),
    "unknown attribute of a resource": (
        "Resources: {Thing: {Type: AWS::EC2::InternetGateway, CreationPolicy: {}}}",
        "Invalid template resource property 'CreationPolicy'",
    ),
    "snapshot of a machine": (
        "Resources: {Thing: {Type: AWS::EC2::Instance, DeletionPolicy: Snapshot}}",
        "DeletionPolicy 'Snapshot'",
    ),
    "transform": ("Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: B}}", "Transform"),
    "no resources": ("Parameters: {}", "At least one Resources member must be defined"),
    "no YAML": ("Resources: [", "YAML not well-formed"),
    "no JSON": ('{"Resources": ', "JSON not well-formed"),
    "key twice": ("Resources: {A: {Type: AWS::EC2::InternetGateway}, A: {Type: x}}", "duplicate key A"),
    "no type": ("Resources: {A: {Properties: {}}}", "Every Resources object must contain a Type member"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_template_that_would_not_take_full_effect_is_refused(cloud: Cloud, case: str) -> None:
    template, message = REFUSED[case]
    for call in (
        lambda: cloud.stacks.validate_template(TemplateBody=template),
        lambda: cloud.stacks.create_stack(StackName="refused", TemplateBody=template),
    ):
        with pytest.raises(ClientError, match=message) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="Stack with id refused does not exist"):
        cloud.describe("refused")


def test_a_template_beyond_the_limit_is_refused(cloud: Cloud) -> None:
    template = with_resource("AWS::EC2::VPC", VPC)
    longest = template + "#" * (51_200 - len(template.encode()))
    cloud.stacks.validate_template(TemplateBody=longest)
    with pytest.raises(ClientError, match="less than or equal to 51200"):
        cloud.stacks.validate_template(TemplateBody=longest + "#")


@pytest.mark.parametrize("name", ["1abc", "a_b", "a.b", "-a", "a" * 129])
def test_a_stack_must_have_a_proper_name(cloud: Cloud, name: str) -> None:
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        cloud.stacks.create_stack(StackName=name, TemplateBody=with_resource("AWS::EC2::VPC", VPC))


DECLARED = with_resource(
    "AWS::EC2::VPC",
    "{CidrBlock: !Ref Range}",
    """
Parameters:
  Range: {Type: String}
  Size: {Type: Number, MinValue: 8, MaxValue: 16, Default: 8}
  Kind: {Type: String, AllowedValues: [big, small], Default: big}
  Word: {Type: String, AllowedPattern: "[a-z]+", MinLength: 2, MaxLength: 4, Default: abc}
  Secret: {Type: String, NoEcho: true, Default: hidden}
""",
)
WRONG = {
    "missing": ({}, r"Parameters: \[Range\] must have values"),
    "unknown": ({"Range": "10.0.0.0/16", "Color": "red"}, r"Parameters: \[Color\] do not exist in the template"),
    "no number": ({"Range": "10.0.0.0/16", "Size": "ten"}, "Parameter 'Size' must be a number"),
    "too small": ({"Range": "10.0.0.0/16", "Size": "7"}, "not less than 8"),
    "too large": ({"Range": "10.0.0.0/16", "Size": "17"}, "not greater than 16"),
    "not allowed": ({"Range": "10.0.0.0/16", "Kind": "medium"}, "must be one of AllowedValues"),
    "pattern": ({"Range": "10.0.0.0/16", "Word": "Abc"}, "must match pattern"),
    "too short": ({"Range": "10.0.0.0/16", "Word": "a"}, "at least 2 characters"),
    "too long": ({"Range": "10.0.0.0/16", "Word": "abcde"}, "at most 4 characters"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_parameters_are_refused(cloud: Cloud, case: str) -> None:
    given, message = WRONG[case]
    with pytest.raises(ClientError, match=message):
        cloud.stacks.create_stack(StackName="wrong", TemplateBody=DECLARED, Parameters=parameter_list(given))


def test_values_are_described_but_secrets(cloud: Cloud) -> None:
    shown = {item["ParameterKey"]: item for item in cloud.stacks.validate_template(TemplateBody=DECLARED)["Parameters"]}
    assert shown["Secret"]["NoEcho"] is True and shown["Size"]["DefaultValue"] == "8"
    stack = cloud.create("described", DECLARED, {"Range": "10.0.0.0/16"})
    values = {item["ParameterKey"]: item["ParameterValue"] for item in stack["Parameters"]}
    assert values == {"Range": "10.0.0.0/16", "Size": "8", "Kind": "big", "Word": "abc", "Secret": "****"}


def test_a_parameter_that_names_nothing_rolls_the_stack_back(cloud: Cloud) -> None:
    template = with_resource("AWS::EC2::InternetGateway", "{}", "Parameters: {Vpc: {Type: AWS::EC2::VPC::Id}}")
    stack = cloud.create("nowhere", template, {"Vpc": "vpc-0123"})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reasons = [reason for _, status, reason in cloud.events("nowhere") if status == "ROLLBACK_IN_PROGRESS"]
    assert "parameter value vpc-0123 for parameter name Vpc does not exist" in reasons[0]


def test_an_ssm_parameter_must_exist(cloud: Cloud) -> None:
    template = with_resource(
        "AWS::EC2::InternetGateway", "{}", "Parameters: {Image: {Type: AWS::SSM::Parameter::Value<String>}}"
    )
    with pytest.raises(ClientError, match=r"Unable to fetch parameters \[/no/such\]"):
        cloud.stacks.create_stack(
            StackName="no-ssm", TemplateBody=template, Parameters=parameter_list({"Image": "/no/such"})
        )


FUNCTIONS = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Ranges: {Type: CommaDelimitedList, Default: "10.1.0.0/16, 10.2.0.0/16"}
  Stage: {Type: String, Default: test}
Mappings: {Sizes: {test: {Bits: 8}, live: {Bits: 12}}}
Conditions:
  Live: !Equals [!Ref Stage, live]
  Quiet: !Not [!Condition Live]
  Both: !And [!Condition Live, !Condition Quiet]
  Either: !Or [!Condition Live, !Condition Quiet]
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Select [1, !Ref Ranges], EnableDnsHostnames: "true"}}
  Subnet:
    Type: AWS::EC2::Subnet
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: !Select [2, !Cidr [!GetAtt Vpc.CidrBlock, 3, !FindInMap [Sizes, !Ref Stage, Bits]]]
      AvailabilityZone: !Select [1, !GetAZs {Ref: "AWS::Region"}]
      MapPublicIpOnLaunch: !If [Live, true, !Ref AWS::NoValue]
  Gateway: {Type: AWS::EC2::InternetGateway, Condition: Live}
Outputs:
  Names: {Value: !Join ["-", [!Ref Stage, !Ref AWS::Region, !Select [1, !Split [":", "a:b"]]]]}
  Text: {Value: !Sub ["${Word} ${!Literal} ${AWS::StackName} ${Subnet.AvailabilityZone}", {Word: !Ref Stage}]}
  Encoded: {Value: {"Fn::Base64": "hello"}}
  OnlyLive: {Value: x, Condition: Live}
  OnlyBoth: {Value: x, Condition: Both}
  OnlyEither: {Value: x, Condition: Either}
"""


def test_functions_come_to_what_aws_says(cloud: Cloud) -> None:
    stack = cloud.create("functions", FUNCTIONS)
    assert stack["StackStatus"] == "CREATE_COMPLETE", cloud.events("functions")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs == {
        "Names": "test-us-east-1-b",
        "Text": "test ${Literal} functions us-east-1b",
        "Encoded": "aGVsbG8=",
        "OnlyEither": "x",
    }
    subnet = cloud.ec2.describe_subnets(SubnetIds=[cloud.physical_id("functions", "Subnet")])["Subnets"][0]
    assert (subnet["CidrBlock"], subnet["AvailabilityZone"]) == ("10.2.2.0/24", "us-east-1b")
    listed = cloud.stacks.list_stack_resources(StackName="functions")["StackResourceSummaries"]
    assert {entry["LogicalResourceId"] for entry in listed} == {"Vpc", "Subnet"}


def test_a_condition_that_turns_adds_the_resource(cloud: Cloud) -> None:
    cloud.create("turning", FUNCTIONS)
    changes = cloud.changes("turning", None, {"Stage": "live"})
    assert {name: change["Action"] for name, change in changes.items()} == {"Gateway": "Add", "Subnet": "Modify"}
    assert changes["Subnet"]["Replacement"] == "True"
    ended = cloud.update("turning", None, {"Stage": "live"})
    assert ended["StackStatus"] == "UPDATE_COMPLETE", cloud.events("turning")
    assert "OnlyLive" in {output["OutputKey"] for output in ended["Outputs"]}
    gateway = cloud.physical_id("turning", "Gateway")
    assert cloud.update("turning", None, {"Stage": "test"})["StackStatus"] == "UPDATE_COMPLETE"
    gateways = cloud.ec2.describe_internet_gateways()["InternetGateways"]
    assert gateway not in [found["InternetGatewayId"] for found in gateways]


def test_properties_of_a_wrong_kind_fail_the_resource(cloud: Cloud) -> None:
    template = with_resource("AWS::EC2::Instance", f"{{ImageId: {IMAGE}, MetadataOptions: {{HttpTokens: maybe}}}}")
    stack = cloud.create("kind", template)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = next(reason for _, status, reason in cloud.events("kind") if status == "CREATE_FAILED")
    assert "#/MetadataOptions/HttpTokens" in reason


def test_json_and_yaml_are_the_same_template(cloud: Cloud) -> None:
    document = {"Resources": {"Thing": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}}
    cloud.create("same", with_resource("AWS::EC2::VPC", VPC))
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloud.stacks.update_stack(StackName="same", TemplateBody=json.dumps(document))
    assert cloud.stacks.get_template(StackName="same")["TemplateBody"].startswith("Resources:")


@pytest.mark.parametrize(
    "more", [{"RoleARN": "arn:aws:iam::1:role/deploying"}, {"TimeoutInMinutes": 1}, {"OnFailure": "DO_NOTHING"}]
)
def test_a_request_parameter_without_effect_is_refused(cloud: Cloud, more: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=f"{next(iter(more))} of CreateStack is not supported by the rehearsal"):
        cloud.stacks.create_stack(StackName="more", TemplateBody=with_resource("AWS::EC2::VPC", VPC), **more)
