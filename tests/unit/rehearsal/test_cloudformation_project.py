"""The project's own two templates, from create to delete.

They are used as the roles use them.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.cloudformation_server import (
    IMAGE,
    NETWORK_TEMPLATE,
    STACK_TEMPLATE,
    ZONES,
    Cloud,
    running_cloud,
    tags_of,
)

NETWORK, ALICE = "probcomp-network-shared", "probcomp-stack-alice"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        running.ec2.create_key_pair(KeyName="lab")
        yield running


@pytest.fixture(scope="module")
def network(cloud: Cloud) -> dict[str, str]:
    """Provide the outputs of the network's stack."""
    certificate = cloud.certificates.request_certificate(DomainName="*.stack.example.org")["CertificateArn"]
    parameters = {"Network": "shared", "CertificateArn": certificate, "AdminCidr": "192.0.2.1/32", **ZONES}
    stack = cloud.create(NETWORK, NETWORK_TEMPLATE, parameters, Tags=[{"Key": "owner", "Value": "lab"}])
    assert stack["StackStatus"] == "CREATE_COMPLETE", cloud.events(NETWORK)
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def machine(network: dict[str, str], user: str, priority: int, **more: str) -> dict[str, str]:
    """Return the parameters of a machine's stack."""
    return {
        "User": user,
        "HostName": f"{user}.stack.example.org",
        "Network": "shared",
        "VpcId": network["VpcId"],
        "SubnetId": network["SubnetAId"],
        "ListenerArn": network["ListenerArn"],
        "RulePriority": str(priority),
        "LoadBalancerSecurityGroupId": network["LoadBalancerSecurityGroupId"],
        "SshSecurityGroupId": network["SshSecurityGroupId"],
        "ImageId": IMAGE,
        "RootDeviceName": "/dev/sda1",
        "InstanceType": "t3.medium",
        "KeyName": "lab",
        "VolumeSize": "30",
        **more,
    }


@pytest.fixture(scope="module")
def alice(cloud: Cloud, network: dict[str, str]) -> dict[str, Any]:
    tags = [{"Key": key, "Value": f"the {key}"} for key in ("owner", "organization", "purpose", "note", "expires")]
    stack = cloud.create(
        ALICE, STACK_TEMPLATE, machine(network, "alice", 1), Tags=tags, ClientRequestToken="token-of-the-create"
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", cloud.events(ALICE)
    return stack


def test_the_network_is_as_its_template_says(cloud: Cloud, network: dict[str, str]) -> None:
    subnets = cloud.ec2.describe_subnets(SubnetIds=[network["SubnetAId"], network["SubnetBId"]])["Subnets"]
    assert sorted(subnet["CidrBlock"] for subnet in subnets) == ["10.20.0.0/20", "10.20.16.0/20"]
    assert all(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    assert {subnet["AvailabilityZone"] for subnet in subnets} == {network["SubnetAZone"], network["SubnetBZone"]}
    balancer = cloud.balancing.describe_load_balancers()["LoadBalancers"][0]
    assert balancer["DNSName"] == network["LoadBalancerName"]
    assert balancer["CanonicalHostedZoneId"] == network["LoadBalancerZoneId"]
    attributes = cloud.balancing.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])
    assert {"Key": "idle_timeout.timeout_seconds", "Value": "600"} in attributes["Attributes"]
    listeners = cloud.balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    https = next(listener for listener in listeners if listener["Port"] == 443)
    assert https["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert https["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] == "404"
    http = next(listener for listener in listeners if listener["Port"] == 80)
    assert http["DefaultActions"][0]["RedirectConfig"]["StatusCode"] == "HTTP_301"
    routes = cloud.ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [network["SubnetAId"]]}]
    )["RouteTables"][0]["Routes"]
    assert any(route.get("GatewayId", "").startswith("igw-") for route in routes)


def test_a_machine_is_as_its_template_says(cloud: Cloud, network: dict[str, str], alice: dict[str, Any]) -> None:
    instance = cloud.instance(cloud.physical_id(ALICE, "Instance"))
    assert instance["State"]["Name"] == "running"
    assert instance["PublicIpAddress"]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    own = cloud.physical_id(ALICE, "SecurityGroup")
    assert {group["GroupId"] for group in instance["SecurityGroups"]} == {own, network["SshSecurityGroupId"]}
    assert len(instance["BlockDeviceMappings"]) == 1
    volume_id = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    volume = cloud.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (30, "gp3", True)
    assert tags_of(volume)["Name"] == "alice/instance"
    rules = cloud.ec2.describe_security_groups(GroupIds=[own])["SecurityGroups"][0]["IpPermissions"]
    assert [rule["FromPort"] for rule in rules] == [8888]
    assert rules[0]["UserIdGroupPairs"][0]["GroupId"] == network["LoadBalancerSecurityGroupId"]


def test_tags_of_stack_resource_and_cloudformation_meet(cloud: Cloud, alice: dict[str, Any]) -> None:
    expected = {
        "owner": "the owner",
        "expires": "the expires",
        "aws:cloudformation:stack-name": ALICE,
        "aws:cloudformation:stack-id": alice["StackId"],
    }
    instance = tags_of(cloud.instance(cloud.physical_id(ALICE, "Instance")))
    assert instance | {**expected, "Name": "alice/instance", "aws:cloudformation:logical-id": "Instance"} == instance
    arns = [cloud.physical_id(ALICE, logical_id) for logical_id in ("TargetGroup", "ListenerRule")]
    for description in cloud.balancing.describe_tags(ResourceArns=arns)["TagDescriptions"]:
        assert tags_of(description) | expected == tags_of(description)


def test_the_target_group_leads_to_the_machine(cloud: Cloud, alice: dict[str, Any]) -> None:
    arn = cloud.physical_id(ALICE, "TargetGroup")
    group = cloud.balancing.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert len(group["TargetGroupName"]) <= 32
    assert (group["HealthCheckPath"], group["HealthCheckIntervalSeconds"]) == ("/api", 10)
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 3)
    health = cloud.balancing.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [(entry["Target"]["Id"], entry["Target"]["Port"]) for entry in health] == [
        (cloud.physical_id(ALICE, "Instance"), 8888)
    ]
    attributes = cloud.balancing.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "10"} in attributes


def test_events_tell_the_whole_story(cloud: Cloud, alice: dict[str, Any]) -> None:
    events = cloud.events(ALICE)
    assert events[0] == (ALICE, "CREATE_IN_PROGRESS", "User Initiated")
    assert events[-1][:2] == (ALICE, "CREATE_COMPLETE")
    statuses = [(status, reason) for logical_id, status, reason in events if logical_id == "Instance"]
    assert statuses == [
        ("CREATE_IN_PROGRESS", ""),
        ("CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("CREATE_COMPLETE", ""),
    ]
    order = [logical_id for logical_id, status, _ in events if status == "CREATE_COMPLETE"]
    assert order.index("SecurityGroup") < order.index("Instance") < order.index("TargetGroup")
    newest = cloud.stacks.describe_stack_events(StackName=ALICE)["StackEvents"][0]
    assert newest["ClientRequestToken"] == "token-of-the-create"


def test_a_taken_priority_fails_the_create_and_leaves_nothing(
    cloud: Cloud, network: dict[str, str], alice: dict[str, Any]
) -> None:
    before = len(cloud.ec2.describe_security_groups()["SecurityGroups"])
    stack = cloud.create("probcomp-stack-late", STACK_TEMPLATE, machine(network, "late", 1))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert not stack.get("Outputs")
    failed = [event for event in cloud.events("probcomp-stack-late") if event[1] == "CREATE_FAILED"]
    assert [event[0] for event in failed] == ["ListenerRule"]
    assert "priority is in use" in failed[0][2].lower()
    assert len(cloud.ec2.describe_security_groups()["SecurityGroups"]) == before
    assert len(cloud.balancing.describe_target_groups()["TargetGroups"]) == 1
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        cloud.stacks.update_stack(
            StackName="probcomp-stack-late", UsePreviousTemplate=True, Parameters=[], Tags=[{"Key": "a", "Value": "b"}]
        )
    assert cloud.delete("probcomp-stack-late")["StackStatus"] == "DELETE_COMPLETE"


def test_a_moved_administrator_is_one_update_in_place(cloud: Cloud, network: dict[str, str]) -> None:
    assert list(cloud.changes(NETWORK, None, {"AdminCidr": "198.51.100.0/24"})) == ["SshSecurityGroup"]
    stack = cloud.update(NETWORK, None, {"AdminCidr": "198.51.100.0/24"})
    assert stack["StackStatus"] == "UPDATE_COMPLETE", cloud.events(NETWORK)
    group = cloud.ec2.describe_security_groups(GroupIds=[network["SshSecurityGroupId"]])["SecurityGroups"][0]
    assert [entry["CidrIp"] for rule in group["IpPermissions"] for entry in rule["IpRanges"]] == ["198.51.100.0/24"]


def test_priority_certificate_health_check_and_tags_change_in_place(
    cloud: Cloud, network: dict[str, str], alice: dict[str, Any]
) -> None:
    rule, instance = cloud.physical_id(ALICE, "ListenerRule"), cloud.physical_id(ALICE, "Instance")
    template = STACK_TEMPLATE.replace("HealthCheckIntervalSeconds: 10", "HealthCheckIntervalSeconds: 15")
    tags = [{"Key": "owner", "Value": "another"}]
    stack = cloud.update(ALICE, template, {"RulePriority": "7"}, Tags=tags)
    assert stack["StackStatus"] == "UPDATE_COMPLETE", cloud.events(ALICE)
    assert cloud.physical_id(ALICE, "Instance") == instance
    assert cloud.balancing.describe_rules(RuleArns=[rule])["Rules"][0]["Priority"] == "7"
    arn = cloud.physical_id(ALICE, "TargetGroup")
    group = cloud.balancing.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert group["HealthCheckIntervalSeconds"] == 15
    assert tags_of(cloud.instance(instance))["owner"] == "another"
    assert "expires" not in tags_of(cloud.instance(instance))
    certificate = cloud.certificates.request_certificate(DomainName="*.stack.example.net")["CertificateArn"]
    assert cloud.update(NETWORK, None, {"CertificateArn": certificate})["StackStatus"] == "UPDATE_COMPLETE"
    listener = cloud.balancing.describe_listeners(ListenerArns=[network["ListenerArn"]])["Listeners"][0]
    assert listener["Certificates"] == [{"CertificateArn": certificate}]


def test_delete_removes_everything_and_only_in_order(
    cloud: Cloud, network: dict[str, str], alice: dict[str, Any]
) -> None:
    stuck = cloud.delete(NETWORK)
    assert stuck["StackStatus"] == "DELETE_FAILED"
    assert "Vpc" not in stuck["StackStatusReason"], "what nobody tried to delete has not failed"
    reasons = {logical_id: reason for logical_id, status, reason in cloud.events(NETWORK) if status == "DELETE_FAILED"}
    assert "dependent object" in reasons["SshSecurityGroup"]
    instance = cloud.physical_id(ALICE, "Instance")
    assert cloud.delete(ALICE)["StackStatus"] == "DELETE_COMPLETE"
    assert cloud.instance(instance)["State"]["Name"] == "terminated"
    assert cloud.delete(NETWORK)["StackStatus"] == "DELETE_COMPLETE", cloud.events(network["VpcId"])
    assert cloud.ec2.describe_volumes()["Volumes"] == []
    vpcs = [vpc["VpcId"] for vpc in cloud.ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
    groups = [group["GroupName"] for group in cloud.ec2.describe_security_groups()["SecurityGroups"]]
    assert (vpcs, set(groups)) == ([], {"default"})
    assert cloud.ec2.describe_internet_gateways()["InternetGateways"] == []
    assert cloud.balancing.describe_load_balancers()["LoadBalancers"] == []
    assert cloud.balancing.describe_target_groups()["TargetGroups"] == []
    with pytest.raises(ClientError, match=f"Stack with id {ALICE} does not exist"):
        cloud.describe(ALICE)
    assert cloud.describe(alice["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    deleted = cloud.stacks.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"]
    assert {NETWORK, ALICE} <= {stack["StackName"] for stack in deleted}
