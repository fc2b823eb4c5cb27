"""Read instance types and images, and check their compatibility. Reads only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ..aws.client import AwsClients
from ..common.names import nearest
from .findings import Findings
from .request import MachineRequest

TYPES_PER_REQUEST = 100
"""Maximum number of names in a DescribeInstanceTypes request."""

_SSM_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
_IMAGE_ID = re.compile(r"ami-[0-9a-f]{8,17}")


def offerings(clients: AwsClients, types: Iterable[str]) -> dict[str, set[str]]:
    """Return the zones that offer each of `types`, without unavailable types."""
    found: dict[str, set[str]] = {}
    filters = [{"Name": "instance-type", "Values": sorted(set(types))}]
    for item in clients.read_all(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=filters,
    ):
        found.setdefault(item["InstanceType"], set()).add(item["Location"])
    return found


def describe(clients: AwsClients, types: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return EC2's description of each of `types`, all offered in the region."""
    names = sorted(set(types))
    described: list[dict[str, Any]] = []
    for start in range(0, len(names), TYPES_PER_REQUEST):
        part = names[start : start + TYPES_PER_REQUEST]
        described += clients.read_all("ec2", "describe_instance_types", "InstanceTypes", InstanceTypes=part)
    return {item["InstanceType"]: item for item in described}


def vcpus(description: dict[str, Any]) -> int:
    """Return the number of vCPUs of a described type."""
    return int(description["VCpuInfo"]["DefaultVCpus"])


def check_types(
    findings: Findings, clients: AwsClients, requests: list[MachineRequest], offered: dict[str, set[str]]
) -> None:
    """Report requested types that the region does not offer."""
    users: dict[str, list[str]] = {}
    for machine in requests:
        if machine.instance not in offered:
            users.setdefault(machine.instance, []).append(machine.user)
    if not users:
        return
    # botocore's model has the types of all regions; read those of this region only after a problem.
    everywhere = set(clients.client("ec2").meta.service_model.shape_for("InstanceType").enum)
    here = {
        item["InstanceType"]
        for item in clients.read_all("ec2", "describe_instance_type_offerings", "InstanceTypeOfferings")
    }
    for name, whose in sorted(users.items()):
        alike = nearest(name, here)
        fix = f"take another, e.g. {', '.join(alike)}" if alike else "take another, e.g. t3.medium"
        if name in everywhere:
            findings.problem(f"instance type {name} is not offered in {clients.region}", fix, whose)
        else:
            findings.problem(f"there is no instance type {name!r}", fix, whose)


def default_images(clients: AwsClients, parameter: str, architectures: Iterable[str]) -> dict[str, str]:
    """Return the default image of each architecture for which SSM has one.

    `parameter` is the SSM parameter's name with `{architecture}` in place of amd64 or arm64.
    """
    names = {
        parameter.replace("{architecture}", _SSM_ARCHITECTURES[architecture]): architecture
        for architecture in sorted(set(architectures))
        if architecture in _SSM_ARCHITECTURES
    }
    if not names:
        return {}
    found = clients.read("ssm", "get_parameters", Names=sorted(names))["Parameters"]
    # Without the placeholder one image is the default of all architectures, checked like a given one.
    if len(names) == 1 and "{architecture}" not in parameter:
        return {architecture: item["Value"] for item in found for architecture in architectures}
    return {names[item["Name"]]: item["Value"] for item in found}


def architecture(description: dict[str, Any]) -> str:
    """Return the architecture of a described type: x86_64 or arm64, else EC2's first."""
    supported: list[str] = description["ProcessorInfo"]["SupportedArchitectures"]
    return next((name for name in _SSM_ARCHITECTURES if name in supported), supported[0] if supported else "")


def images(clients: AwsClients, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return EC2's description of the images that exist among `ids`."""
    names = sorted({name for name in ids if _IMAGE_ID.fullmatch(name)})
    if not names:
        return {}
    # A filter, because one unknown id would fail the whole request.
    filters = [{"Name": "image-id", "Values": names}]
    found = clients.read_all("ec2", "describe_images", "Images", Filters=filters, IncludeDeprecated=True)
    return {item["ImageId"]: item for item in found}


def image_fault(
    image: dict[str, Any] | None, name: str, machine: MachineRequest, description: dict[str, Any], allowed: str = ""
) -> str:
    """Return why `machine` cannot use the image `name`, "" when it can.

    `allowed` is the state of the account's setting Allowed AMIs. Enabled, it hides what it does not allow:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
    """
    if image is None:
        hidden = ", or Allowed AMIs, which is enabled, hides it" if allowed == "enabled" else ""
        return f"there is no image {name!r} in this region that the account may use{hidden}"
    supported = description["ProcessorInfo"]["SupportedArchitectures"]
    if image.get("Architecture") not in supported:
        return f"image {name} is for {image.get('Architecture')}, {machine.instance} for {' or '.join(supported)}"
    if image.get("State", "available") != "available":
        return f"image {name} is {image['State']}"
    if image.get("RootDeviceType") != "ebs":
        return f"image {name} has no EBS root disk"
    if image.get("Platform", "").lower() == "windows":
        return f"image {name} is a Windows image"
    kinds = description.get("SupportedVirtualizationTypes", [])
    if kinds and image.get("VirtualizationType") not in kinds:
        return f"image {name} is of virtualization {image.get('VirtualizationType')}, {machine.instance} of {kinds[0]}"
    smallest = root_size(image)
    if smallest > machine.volume_size:
        return f"volume_size {machine.volume_size} is less than the {smallest} GiB of image {name}"
    return ""


def image_risk(image: dict[str, Any], allowed: str) -> str:
    """Return what may soon keep machines from the image, "" for nothing."""
    deprecated = image.get("DeprecationTime", "")
    if deprecated and datetime.fromisoformat(deprecated) <= datetime.now(UTC):
        return f"is deprecated since {deprecated[:10]}: take a newer one (ami_bake.yml makes one)"
    if allowed == "audit-mode" and image.get("ImageAllowed") is False:
        return "would be refused if Allowed AMIs were enabled, which is in audit mode"
    return ""


def root_size(image: dict[str, Any]) -> int:
    """Return the size of the image's root disk in GiB, 0 when unknown."""
    for mapping in image.get("BlockDeviceMappings", []):
        if mapping.get("DeviceName") == image.get("RootDeviceName"):
            return int(mapping.get("Ebs", {}).get("VolumeSize", 0))
    return 0
