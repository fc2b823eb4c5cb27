"""The change set of a machine, before anything is done.

The tests cover every property that could replace it.
"""

import pytest
from botocore.exceptions import ClientError

from rehearsal.cloudformation import schema
from rehearsal.cloudformation.resources import RESOURCE_TYPES
from tests.support.cloudformation_machine import ALTERED, MACHINE, altered, machine
from tests.support.cloudformation_server import IMAGE, OTHER_IMAGE, Cloud

VERDICTS = {"Always": "True", "Conditionally": "Conditional", "Never": "False"}


@pytest.fixture
def stack(cloud: Cloud, place: dict[str, str], request: pytest.FixtureRequest) -> str:
    """Provide the name of a stack of one machine."""
    name = request.node.name.replace("_", "-")
    assert cloud.create(name, machine(place))["StackStatus"] == "CREATE_COMPLETE", cloud.events(name)
    return name


def test_every_replacing_property_of_the_machine_is_tried() -> None:
    tops = {path for path in RESOURCE_TYPES[MACHINE].properties if "." not in path}
    replacing = {name for name in tops if schema.recreation(MACHINE, name) != "Never"}
    assert replacing <= ALTERED.keys()


@pytest.mark.parametrize("name", ALTERED)
def test_change_set_tells_what_becomes_of_the_machine(
    cloud: Cloud, place: dict[str, str], shared_stack: str, name: str
) -> None:
    change = cloud.changes(shared_stack, altered(place, name))["Instance"]
    recreation = schema.recreation(MACHINE, name)
    assert (change["Action"], change["Replacement"]) == ("Modify", VERDICTS[recreation])
    targets = [detail["Target"] for detail in change["Details"]]
    assert targets == [{"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}]


@pytest.fixture(scope="module")
def shared_stack(cloud: Cloud, place: dict[str, str]) -> str:
    assert cloud.create("looked-at", machine(place))["StackStatus"] == "CREATE_COMPLETE"
    return "looked-at"


def test_nothing_to_update_is_refused(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    with pytest.raises(ClientError, match=r"No updates are to be performed\."):
        cloud.update(stack, machine(place))
    cloud.stacks.create_change_set(StackName=stack, ChangeSetName="none", TemplateBody=machine(place))
    change_set = cloud.stacks.describe_change_set(StackName=stack, ChangeSetName="none")
    assert (change_set["Status"], change_set["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in change_set["StatusReason"]


def test_a_change_set_is_executed_once(cloud: Cloud, place: dict[str, str], stack: str) -> None:
    cloud.stacks.create_change_set(
        StackName=stack, ChangeSetName="grow", TemplateBody=machine(place, InstanceType="t3.large")
    )
    assert cloud.stacks.list_change_sets(StackName=stack)["Summaries"][0]["ExecutionStatus"] == "AVAILABLE"
    cloud.stacks.execute_change_set(StackName=stack, ChangeSetName="grow")
    assert cloud.ended(stack)["StackStatus"] == "UPDATE_COMPLETE"
    assert cloud.instance(cloud.physical_id(stack, "Instance"))["InstanceType"] == "t3.large"
    with pytest.raises(ClientError, match="cannot be executed"):
        cloud.stacks.execute_change_set(StackName=stack, ChangeSetName="grow")
    with pytest.raises(ClientError, match="does not exist"):
        cloud.stacks.describe_change_set(StackName=stack, ChangeSetName="other")


TWO = """
Parameters:
  Image: {Type: AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>, Default: /images/latest}
Resources:
  Instance: {Type: AWS::EC2::Instance, Properties: {ImageId: !Ref Image, InstanceType: t3.micro, SubnetId: SUBNET}}
  Targets:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {VpcId: VPC, Protocol: HTTP, Port: 80, Targets: [{Id: !Ref Instance, Port: 80}]}
Outputs:
  Instance: {Value: !Ref Instance}
"""


def test_a_moving_image_parameter_replaces_the_machine_and_its_target(cloud: Cloud, place: dict[str, str]) -> None:
    subnet = cloud.ec2.describe_subnets(SubnetIds=[place["subnet"]])["Subnets"][0]
    template = TWO.replace("SUBNET", subnet["SubnetId"]).replace("VPC", subnet["VpcId"])
    cloud.parameters.put_parameter(Name="/images/latest", Value=IMAGE, Type="String")
    stack = cloud.create("moving", template)
    assert stack["Parameters"][0]["ResolvedValue"] == IMAGE, cloud.events("moving")
    cloud.parameters.put_parameter(Name="/images/latest", Value=OTHER_IMAGE, Type="String", Overwrite=True)
    changes = cloud.changes("moving", None)
    assert changes["Instance"]["Replacement"] == "True"
    assert changes["Targets"]["Replacement"] == "False"
    sources = {detail["ChangeSource"]: detail for detail in changes["Instance"]["Details"]}
    assert sources["ParameterReference"]["CausingEntity"] == "Image"
    assert [detail["ChangeSource"] for detail in changes["Targets"]["Details"]] == ["ResourceReference"]
    old = cloud.physical_id("moving", "Instance")
    ended = cloud.update("moving", None)
    new = cloud.physical_id("moving", "Instance")
    assert ended["StackStatus"] == "UPDATE_COMPLETE" and new != old
    assert ended["Outputs"][0]["OutputValue"] == new
    health = cloud.balancing.describe_target_health(TargetGroupArn=cloud.physical_id("moving", "Targets"))
    assert [entry["Target"]["Id"] for entry in health["TargetHealthDescriptions"]] == [new]
