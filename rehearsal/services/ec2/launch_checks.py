"""Refuse launches as EC2 does: type, architecture, zone, capacity, quota of vCPUs."""

from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from rehearsal.api import faults
from rehearsal.api.errors import AwsError
from rehearsal.services import service_quotas

_STANDARD_FAMILIES = "acdhimrtz"
"""First letters of the instance types that share one quota.

The quota is that of On-Demand Standard instances (L-1216C47A).
"""


def check_type(region: str, instance_type: str, architecture: str, zone: str) -> None:
    """Raise EC2's error for an instance type that cannot be launched.

    The type does not exist, is not offered in the zone, or cannot run the image.
    """
    offered = {item["InstanceType"] for item in INSTANCE_TYPE_OFFERINGS["region"].get(region, [])}
    if instance_type not in INSTANCE_TYPES or instance_type not in offered:
        raise AwsError("InvalidParameterValue", f"Invalid value '{instance_type}' for InstanceType.")
    runs = INSTANCE_TYPES[instance_type]["ProcessorInfo"]["SupportedArchitectures"]
    if architecture not in runs:
        message = (
            f"The architecture '{','.join(runs)}' of the specified instance type does not match the architecture "
            f"'{architecture}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again."
        )
        raise AwsError("InvalidParameterValue", message)
    if zone and not any(
        item["InstanceType"] == instance_type and item["Location"] == zone
        for item in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    ):
        message = f"Your requested instance type ({instance_type}) is not supported in the Availability Zone {zone}."
        raise AwsError("Unsupported", message)


def check_capacity(instance_type: str, zone: str) -> None:
    """Raise EC2's error for a zone that has no room at the moment."""
    if faults.capacity_fault(instance_type, zone):
        message = (
            f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested "
            f"({zone}). Our system will be working on provisioning additional capacity. You can currently get "
            f"{instance_type} capacity by not specifying an Availability Zone in your request."
        )
        raise AwsError("InsufficientInstanceCapacity", message)


def check_quota(backend: Any, more: list[str]) -> None:
    """Raise EC2's error when more instances would exceed the quota of vCPUs."""
    running = [i.instance_type for i in backend.all_instances() if i.state in ("pending", "running")]
    wanted = sum(_standard_vcpus(instance_type) for instance_type in more)
    limit = int(service_quotas.applied(*service_quotas.STANDARD_VCPUS))
    if wanted and wanted + sum(_standard_vcpus(name) for name in running) > limit:
        message = (
            f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows for "
            "the instance bucket that the specified instance type belongs to. Please visit "
            "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        )
        raise AwsError("VcpuLimitExceeded", message)


def _standard_vcpus(instance_type: str) -> int:
    if instance_type[0] not in _STANDARD_FAMILIES or instance_type not in INSTANCE_TYPES:
        return 0
    return int(INSTANCE_TYPES[instance_type]["VCpuInfo"]["DefaultVCpus"])
