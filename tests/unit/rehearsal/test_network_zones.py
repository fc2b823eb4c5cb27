"""A network's zones and administrators, while default subnets come and go."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.create import StackCreator, Wanted
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.job import Job

from tests.support.cloudformation_lab import Lab
from tests.support.cloudformation_server import NETWORK_TEMPLATE, REGION, Cloud, parameter_list, running_cloud

NETWORK = "probcomp-network-shared"
KEPT = {"ZoneA": "SubnetAZone", "ZoneB": "SubnetBZone"}
_NEW = r"  (?:Zone[AB]|(?:Has)?AdminCidr\d): .*\n|Conditions:\n|        - !If\n(?:          .*\n){3}"
BEFORE = (
    re.sub(_NEW, "", NETWORK_TEMPLATE)
    .replace("!Ref ZoneA", '!Select [0, !GetAZs ""]')
    .replace("!Ref ZoneB", '!Select [1, !GetAZs ""]')
)
"""The template of version 1, as far as it matters here."""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        running.certificates.request_certificate(DomainName="*.stack.example.org")
        yield running


def lose_default_subnets(cloud: Cloud, *letters: str) -> None:
    """Delete the default subnets of these zones."""
    for subnet in cloud.ec2.describe_subnets()["Subnets"]:
        if subnet["DefaultForAz"] and subnet["AvailabilityZone"][-1] in letters:
            cloud.ec2.delete_subnet(SubnetId=subnet["SubnetId"])


def parameters(cloud: Cloud, **more: str) -> dict[str, str]:
    arn = cloud.certificates.list_certificates()["CertificateSummaryList"][0]["CertificateArn"]
    return {"Network": "shared", "CertificateArn": arn, "AdminCidr": "192.0.2.1/32", **more}


def zones(stack: dict[str, Any]) -> list[str]:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return [outputs["SubnetAZone"], outputs["SubnetBZone"]]


def make(cloud: Cloud, **more: str) -> dict[str, Any]:
    """Make or update the network as the role does."""
    lab = Lab(cloud)
    job = Job(NETWORK, "shared", parameters(cloud, **more))
    lab._work([job], StackCreator(lab.api, Wanted(NETWORK_TEMPLATE, update=True, kept=KEPT), lab.clock))
    return job.result


@pytest.mark.parametrize("lost", ["a", "bcdef", "abcdef"])
def test_a_network_does_not_depend_on_default_subnets(cloud: Cloud, lost: str) -> None:
    lose_default_subnets(cloud, *lost)
    made = make(cloud, ZoneA=f"{REGION}a", ZoneB=f"{REGION}c")
    assert made["status"] == "ready", made["reason"]
    assert zones(cloud.describe(NETWORK)) == [f"{REGION}a", f"{REGION}c"]


def test_a_network_of_the_version_before_keeps_its_subnets(cloud: Cloud) -> None:
    made = cloud.create(NETWORK, BEFORE, parameters(cloud))
    assert zones(made) == [f"{REGION}a", f"{REGION}b"]
    subnets = [cloud.physical_id(NETWORK, name) for name in ("SubnetA", "SubnetB")]
    lose_default_subnets(cloud, "a")
    moved = {**parameters(cloud), "AdminCidr": "198.51.100.0/24"}
    assert {"SubnetA", "SubnetB"} <= set(changes(cloud, BEFORE, moved)), "by the list of zones alone"
    kept = {**moved, "ZoneA": f"{REGION}a", "ZoneB": f"{REGION}b"}
    assert replacements(changes(cloud, NETWORK_TEMPLATE, kept)) == {"SshSecurityGroup": "False"}
    # Preflight would choose other zones for a new network; this one stays where it is.
    result = make(cloud, ZoneA=f"{REGION}c", ZoneB=f"{REGION}d", AdminCidr="198.51.100.0/24")
    assert (result["status"], result["action"]) == ("ready", "update"), result
    assert zones(cloud.describe(NETWORK)) == [f"{REGION}a", f"{REGION}b"]
    assert [cloud.physical_id(NETWORK, name) for name in ("SubnetA", "SubnetB")] == subnets
    assert make(cloud, ZoneA=f"{REGION}c", ZoneB=f"{REGION}d", AdminCidr="198.51.100.0/24")["action"] == "none"


def test_a_network_of_the_version_before_takes_more_administrators_in_place(cloud: Cloud) -> None:
    cloud.create(NETWORK, BEFORE, parameters(cloud))
    found = parameters(cloud, ZoneA=f"{REGION}a", ZoneB=f"{REGION}b")
    assert changes(cloud, NETWORK_TEMPLATE, found) == {}, "one network of administrators, as it was"
    more = {f"AdminCidr{number}": f"198.51.100.{number}/32" for number in range(2, 6)}
    assert replacements(changes(cloud, NETWORK_TEMPLATE, {**found, **more})) == {"SshSecurityGroup": "False"}
    assert make(cloud, **more)["status"] == "ready"
    group = cloud.physical_id(NETWORK, "SshSecurityGroup")
    rules = cloud.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert {entry["CidrIp"] for rule in rules for entry in rule["IpRanges"]} == {"192.0.2.1/32", *more.values()}


def changes(cloud: Cloud, template: str, given: dict[str, str]) -> dict[str, Any]:
    """Return the resources that a change set names, empty without changes."""
    name = "look"
    cloud.stacks.create_change_set(
        StackName=NETWORK, ChangeSetName=name, Parameters=parameter_list(given), TemplateBody=template
    )
    answer = cloud.stacks.describe_change_set(StackName=NETWORK, ChangeSetName=name)
    cloud.stacks.delete_change_set(StackName=NETWORK, ChangeSetName=name)
    return {item["ResourceChange"]["LogicalResourceId"]: item["ResourceChange"] for item in answer.get("Changes", [])}


def replacements(found: dict[str, Any]) -> dict[str, str]:
    return {name: change.get("Replacement", "") for name, change in found.items()}
