"""Describe all that belongs to strangers.

Two such snapshots show what changed between them.
"""

import json
from collections.abc import Callable
from typing import Any

from moto.route53.models import route53_backends

from rehearsal.account.strangers.load_balancer import record_key
from rehearsal.account.strangers.register import KINDS, Register
from rehearsal.cloudformation import views
from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.stacks import STACKS
from rehearsal.lock import LOCK

Snapshot = dict[str, dict[str, Any]]
"""Descriptions of resources as plain data, by kind and id.

Deleted resources are left out.
"""
_DESCRIBED: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "vpcs": ("describe_vpcs", "Vpcs", "VpcId", {}),
    "subnets": ("describe_subnets", "Subnets", "SubnetId", {}),
    "security_groups": ("describe_security_groups", "SecurityGroups", "GroupId", {}),
    "volumes": ("describe_volumes", "Volumes", "VolumeId", {}),
    "snapshots": ("describe_snapshots", "Snapshots", "SnapshotId", {"OwnerIds": ["self"]}),
    "images": ("describe_images", "Images", "ImageId", {"Owners": ["self"]}),
    "endpoints": ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", {}),
}
"""Operation of EC2, key of its answer, key of the id, and request, by kind."""


def take(register: Register) -> Snapshot:
    """Return a snapshot of this moment."""
    others: dict[str, Callable[[Cloud], dict[str, Any]]] = {
        "instances": _instances,
        "load_balancers": _load_balancers,
        "target_groups": _target_groups,
        "records": _records,
        "stacks": _stacks,
    }
    with LOCK:
        found = {
            kind: others[kind](register.cloud) if kind in others else _described(register.cloud, *_DESCRIBED[kind])
            for kind in KINDS
        }
    wanted = {kind: {key: found[kind][key] for key in register.ids[kind] if key in found[kind]} for kind in KINDS}
    plain: Snapshot = json.loads(json.dumps(wanted, default=str))
    return plain


def _described(cloud: Cloud, operation: str, key: str, identity: str, request: dict[str, Any]) -> dict[str, Any]:
    answer = getattr(cloud.ec2, operation)(**request)
    # An endpoint is described for a while after its deletion.
    return {item[identity]: item for item in answer[key] if item.get("State") != "deleted"}


def _instances(cloud: Cloud) -> dict[str, Any]:
    pages = cloud.ec2.get_paginator("describe_instances").paginate()
    reservations = [reservation for page in pages for reservation in page["Reservations"]]
    return {item["InstanceId"]: item for reservation in reservations for item in reservation["Instances"]}


def _load_balancers(cloud: Cloud) -> dict[str, Any]:
    elbv2 = cloud.elbv2
    found = {}
    for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        listeners = elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        found[arn] = {
            **balancer,
            "Tags": _tags(cloud, arn),
            "Attributes": elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"],
            "Listeners": [
                {**listener, "Rules": elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]}
                for listener in listeners
            ],
        }
    return found


def _target_groups(cloud: Cloud) -> dict[str, Any]:
    elbv2 = cloud.elbv2
    found = {}
    for group in elbv2.describe_target_groups()["TargetGroups"]:
        arn = group["TargetGroupArn"]
        # The health of a target changes by itself.
        targets = cloud.elbv2_backend.target_groups[arn].targets
        found[arn] = {
            **group,
            "Tags": _tags(cloud, arn),
            "Attributes": elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"],
            "Targets": sorted(f"{item['Id']}:{item['Port']}" for item in targets.values()),
        }
    return found


def _tags(cloud: Cloud, arn: str) -> Any:
    return cloud.elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]


def _records(cloud: Cloud) -> dict[str, Any]:
    zones = route53_backends[cloud.account]["aws"].zones.values()
    return {
        record_key(item): {"TTL": item.ttl, "Values": item.records, "AliasTarget": item.alias_target}
        for zone in zones
        for item in zone.rrsets
    }


def _stacks(cloud: Cloud) -> dict[str, Any]:
    return {
        stack.stack_id: {
            **views.stack(stack),
            "Events": [f"{event.logical_id} {event.status}" for event in stack.events],
            "Policy": stack.policy,
            "ChangeSets": len(stack.change_sets),
            "Resources": [views.resource_summary(resource) for resource in stack.resources.values()],
        }
        for stack in STACKS[cloud.account, cloud.region].all()
    }
