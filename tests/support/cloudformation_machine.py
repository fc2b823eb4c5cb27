"""A stack of one machine, with every change of it.

The tests of updates and change sets use it.
"""

import base64
import json
from typing import Any

from tests.support.cloudformation_server import IMAGE, OTHER_IMAGE, Cloud

MACHINE = "AWS::EC2::Instance"


def make_place(cloud: Cloud) -> dict[str, str]:
    """Return two subnets and two security groups of the default VPC.

    Two key pairs are made as well.
    """
    for key in ("one", "two"):
        cloud.ec2.create_key_pair(KeyName=key)
    subnets = sorted(cloud.ec2.describe_subnets()["Subnets"], key=lambda subnet: subnet["AvailabilityZone"])
    vpc = subnets[0]["VpcId"]
    groups = [
        cloud.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("a", "b")
    ]
    return {
        "subnet": subnets[0]["SubnetId"],
        "other_subnet": subnets[1]["SubnetId"],
        "address": subnets[0]["CidrBlock"].replace(".0/20", ".77"),
        "group": groups[0],
        "other_group": groups[1],
    }


def machine(place: dict[str, str], **changes: Any) -> str:
    """Return a template of one machine; a change of None omits the property."""
    properties = {
        "ImageId": IMAGE,
        "InstanceType": "t3.medium",
        "KeyName": "one",
        "SubnetId": place["subnet"],
        "SecurityGroupIds": [place["group"]],
        "MetadataOptions": {"HttpTokens": "required"},
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": True}}],
        "Tags": [{"Key": "Name", "Value": "x/instance"}],
        **changes,
    }
    given = {name: value for name, value in properties.items() if value is not None}
    return json.dumps({"Resources": {"Instance": {"Type": MACHINE, "Properties": given}}})


ALTERED: dict[str, Any] = {
    "ImageId": OTHER_IMAGE,
    "KeyName": "two",
    "SubnetId": "other_subnet",
    "PrivateIpAddress": "address",
    "AvailabilityZone": "us-east-1a",
    "InstanceType": "t3.large",
    "SecurityGroupIds": ["other_group"],
    "UserData": base64.b64encode(b"#!/bin/sh\n").decode(),
    "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": True}}],
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
    "DisableApiTermination": False,
}


def altered(place: dict[str, str], name: str) -> str:
    value = ALTERED[name]
    value = [place[item] for item in value] if name == "SecurityGroupIds" else value
    return machine(place, **{name: place.get(value, value) if isinstance(value, str) else value})
