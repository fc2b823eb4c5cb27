"""Refuse to delete a resource in use, as AWS does and moto does not."""

from botocore.exceptions import ClientError

from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.lock import LOCK


def refuse_security_group_in_use(cloud: Cloud, group_id: str) -> None:
    """Raise ClientError DependencyViolation while a security group is in use.

    A machine, a load balancer, an endpoint or another group's rule may name it.
    """
    with LOCK:
        machines = (group.id for instance in _instances(cloud) for group in instance.security_groups)
        balancers = (group for balancer in _balancers(cloud) for group in balancer.security_groups)
        endpoints = (group for endpoint in _endpoints(cloud) for group in endpoint.security_group_ids)
        rules = (
            (rule.source_group or {}).get("GroupId")
            for groups in cloud.ec2_backend.groups.values()
            for group in groups.values()
            if group.id != group_id
            for rule in [*group.ingress_rules, *group.egress_rules]
        )
        used = group_id in (*machines, *balancers, *endpoints, *rules)
    if used:
        raise _violation("DeleteSecurityGroup", f"resource {group_id} has a dependent object")


def refuse_subnet_in_use(cloud: Cloud, subnet_id: str) -> None:
    """Raise ClientError DependencyViolation while a subnet is in use.

    A machine, a load balancer or an endpoint may be in it.
    """
    with LOCK:
        machines = (instance.subnet_id for instance in _instances(cloud))
        balancers = (subnet.id for balancer in _balancers(cloud) for subnet in balancer.subnets)
        endpoints = (subnet for endpoint in _endpoints(cloud) for subnet in endpoint.subnet_ids or ())
        used = subnet_id in (*machines, *balancers, *endpoints)
    if used:
        raise _violation("DeleteSubnet", f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")


def refuse_mapped_addresses(cloud: Cloud, vpc_id: str) -> None:
    """Raise ClientError DependencyViolation while the VPC has a public address in use."""
    with LOCK:
        machines = (instance.vpc_id for instance in _instances(cloud) if instance.public_ip)
        balancers = (balancer.vpc_id for balancer in _balancers(cloud) if balancer.scheme == "internet-facing")
        used = vpc_id in (*machines, *balancers)
    if used:
        raise _violation(
            "DetachInternetGateway",
            f"Network {vpc_id} has some mapped public address(es). "
            "Please unmap those public address(es) before detaching the gateway.",
        )


def refuse_vpc_in_use(cloud: Cloud, vpc_id: str) -> None:
    """Raise ClientError DependencyViolation while the VPC is in use.

    A gateway may be attached to it, or it may have a security group of its own.
    """
    with LOCK:
        gateways = cloud.ec2_backend.internet_gateways.values()
        attached = any(gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in gateways)
        groups = [group for group in cloud.ec2_backend.groups.get(vpc_id, {}).values() if group.name != "default"]
    if attached or groups:
        raise _violation("DeleteVpc", f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")


def _instances(cloud: Cloud) -> list:
    return [instance for instance in cloud.ec2_backend.all_instances() if instance.state != "terminated"]


def _balancers(cloud: Cloud) -> list:
    return list(cloud.elbv2_backend.load_balancers.values())


def _endpoints(cloud: Cloud) -> list:
    return [endpoint for endpoint in cloud.ec2_backend.vpc_end_points.values() if endpoint.state != "deleted"]


def _violation(operation: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": "DependencyViolation", "Message": message}}, operation)
