"""Make strangers' load balancer with its rule, and their records."""

from typing import Any

from moto.route53.models import route53_backends

from rehearsal.account.strangers.machines import Network
from rehearsal.account.strangers.register import Register, name_tag
from rehearsal.services.route53 import record


def make_load_balancer(register: Register, network: Network, instance: str, host: str) -> dict[str, str]:
    """Make an internal load balancer that passes `host` on to the instance.

    Returns the ids of what belongs to stacks.
    """
    cloud = register.cloud
    balancers = register.security_group(network.vpc, "payroll-load-balancer", "network/payroll/load-balancer")
    own = register.security_group(network.vpc, "payroll", "payroll/security-group")
    source = [{"GroupId": balancers}]
    rule = {"IpProtocol": "tcp", "FromPort": 8888, "ToPort": 8888, "UserIdGroupPairs": source}
    cloud.ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=[rule])
    cloud.ec2.modify_instance_attribute(InstanceId=instance, Groups=[own])
    made = cloud.elbv2.create_load_balancer(
        Name="payroll",
        Scheme="internal",
        Subnets=list(network.subnets),
        SecurityGroups=[balancers],
        Tags=name_tag("network/payroll"),
    )
    balancer = register.note("load_balancers", made["LoadBalancers"][0]["LoadBalancerArn"])
    group = {"Name": "payroll", "Protocol": "HTTP", "Port": 8888, "VpcId": network.vpc, "TargetType": "instance"}
    made = cloud.elbv2.create_target_group(**group, Tags=name_tag("payroll/target-group"))
    target_group = register.note("target_groups", made["TargetGroups"][0]["TargetGroupArn"])
    cloud.elbv2.register_targets(TargetGroupArn=target_group, Targets=[{"Id": instance, "Port": 8888}])
    _make_rule(register, balancer, target_group, host)
    return {"SecurityGroup": own, "TargetGroup": target_group, "LoadBalancer": balancer}


def _make_rule(register: Register, balancer: str, target_group: str, host: str) -> None:
    elbv2 = register.cloud.elbv2
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain"}}
    listener = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[nothing])
    elbv2.create_rule(
        ListenerArn=listener["Listeners"][0]["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": target_group}],
    )


def records(zone: str) -> list[dict[str, Any]]:
    """Return the strangers' records in the hosted zone `zone`.

    Its name has no final dot.
    """
    values = {
        (zone, "MX"): ["10 mail.example.com."],
        (zone, "TXT"): ['"v=spf1 include:_spf.example.com -all"'],
        (f"www.{zone}", "A"): ["198.51.100.10"],
        (f"payroll.stack.{zone}", "CNAME"): ["payroll.example.com."],
    }
    return [
        {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value} for value in listed]}
        for (name, kind), listed in values.items()
    ]


def make_records(register: Register, zone: str) -> None:
    """Add the strangers' records to the hosted zone; the caller holds the lock."""
    zones = route53_backends[register.cloud.account]["aws"].zones.values()
    hosted = next(item for item in zones if item.name.rstrip(".") == zone)
    for wanted in records(zone):
        made = record(wanted)
        hosted.rrsets.append(made)
        register.note("records", record_key(made))


def record_key(made: Any) -> str:
    """Return name and type of a record, which are its identity."""
    return f"{made.name} {made.type}"
