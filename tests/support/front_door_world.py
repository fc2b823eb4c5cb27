"""A load balancer with a real HTTP and websocket server behind it.

Helpers send it requests.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from moto import mock_aws
from moto.elbv2.models import elbv2_backends
from yarl import URL

from rehearsal.account import pki
from rehearsal.load_balancer import health, snapshot
from rehearsal.load_balancer.ingress import FrontDoor, through_security_groups
from tests.support.upstream import Upstream

REGION, ACCOUNT = "us-east-1", "123456789012"
DOMAIN = "stack.localhost"


class Loopback(AbstractResolver):
    """A resolver that leads every name to this computer.

    Browsers do so for names below localhost.
    """

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        return


@dataclass
class Cloud:
    """A load balancer with one user's machine, and the means to change it."""

    door: FrontDoor
    upstream: Upstream
    group: str
    load_balancer: str
    listener: str
    instance: str
    machine_group: str
    balancer_group: str
    zone: str
    dns_name: str
    authority: Path

    def url(self, path: str = "/", name: str = f"alice.{DOMAIN}", scheme: str = "https") -> str:
        port = self.door.https_port if scheme == "https" else self.door.http_port
        return f"{scheme}://{name}:{port}{path}"

    def health(self) -> dict[str, Any]:
        answer = boto3.client("elbv2", REGION).describe_target_health(TargetGroupArn=self.group)
        state: dict[str, Any] = answer["TargetHealthDescriptions"][0]["TargetHealth"]
        return state

    def wait(self, wanted: str) -> dict[str, Any]:
        end = time.monotonic() + 8
        while (state := self.health())["State"] != wanted:
            assert time.monotonic() < end, f"{state} instead of {wanted}"
            time.sleep(0.05)
        return state

    def alias(self, name: str, action: str = "UPSERT") -> None:
        target = {"HostedZoneId": "Z35SXDOTRQ7X7K", "DNSName": self.dns_name, "EvaluateTargetHealth": False}
        record = {"Name": name, "Type": "A", "AliasTarget": target}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        boto3.client("route53").change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)


def trusting(cloud: Cloud) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(cloud.authority))


def talk(cloud: Cloud, use: Callable[[aiohttp.ClientSession], Awaitable[Any]]) -> Any:
    """Run `use` with a client that trusts the authority alone."""

    async def run() -> Any:
        connector = aiohttp.TCPConnector(resolver=Loopback(), ssl=trusting(cloud))
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=15)) as session:
            return await use(session)

    return asyncio.run(run())


def get(cloud: Cloud, url: str, **options: Any) -> tuple[int, dict[str, str], str]:
    async def use(session: aiohttp.ClientSession) -> tuple[int, dict[str, str], str]:
        async with session.get(URL(url, encoded=True), allow_redirects=False, **options) as answer:
            return answer.status, dict(answer.headers), await answer.text()

    result: tuple[int, dict[str, str], str] = talk(cloud, use)
    return result


def serves(cloud: Cloud, status: int | None, name: str = f"alice.{DOMAIN}") -> None:
    """Wait until a name is answered with `status`.

    None stands for a refusal in the handshake.
    """
    end, seen = time.monotonic() + 15, status
    while time.monotonic() < end:
        try:
            seen = get(cloud, cloud.url(name=name))[0]
        except aiohttp.ClientConnectorError:
            seen = None
        if seen == status:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name}: {seen} instead of {status}")


def handshake(cloud: Cloud, name: str) -> str | None:
    """Return the TLS version that the handshake for a name agrees on."""
    with (
        socket.create_connection(("127.0.0.1", cloud.door.https_port), timeout=5) as plain,
        trusting(cloud).wrap_socket(plain, server_hostname=name) as wrapped,
    ):
        return wrapped.version()


@contextmanager
def running_cloud(folder: Path) -> Iterator[Cloud]:
    """Run a load balancer with one machine behind it, in an account of moto's."""
    patch = pytest.MonkeyPatch()
    patch.setattr(health, "TICK", 0.1)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        patch.setenv(name, value)
    upstream = Upstream()
    with mock_aws():
        made = _make(folder, upstream)
        made.door.start(0, 0)
        yield made
        made.door.stop()
    upstream.close()
    patch.undo()


def _make(folder: Path, upstream: Upstream) -> Cloud:
    ec2, elb = boto3.client("ec2", REGION), boto3.client("elbv2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{16 * number}.0/20", AvailabilityZone=f"{REGION}{zone}")
        for number, zone in enumerate("ab")
    ]
    subnet_ids = [item["Subnet"]["SubnetId"] for item in subnets]
    groups = [ec2.create_security_group(GroupName=n, Description=n, VpcId=vpc)["GroupId"] for n in ("lb", "machine")]
    for port in (80, 443):
        ec2.authorize_security_group_ingress(
            GroupId=groups[0], IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0"
        )
    admit(groups[1], groups[0], upstream.port)
    image = ec2.register_image(Name="plain", RootDeviceName="/dev/xvda")["ImageId"]
    instance = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet_ids[0], SecurityGroupIds=[groups[1]]
    )["Instances"][0]["InstanceId"]
    signer = pki.authority(folder)
    issued = pki.issue(signer, [f"*.{DOMAIN}", DOMAIN])
    certificate = boto3.client("acm", REGION).import_certificate(
        Certificate=issued.certificate, PrivateKey=issued.private_key, CertificateChain=issued.chain
    )["CertificateArn"]
    balancer = elb.create_load_balancer(Name="shared", Subnets=subnet_ids, SecurityGroups=[groups[0]])["LoadBalancers"][
        0
    ]
    arn = balancer["LoadBalancerArn"]
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn,
        Attributes=[
            {"Key": "idle_timeout.timeout_seconds", "Value": "60"},
            {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"},
        ],
    )
    group = elb.create_target_group(
        Name="alice",
        Protocol="HTTP",
        Port=upstream.port,
        VpcId=vpc,
        TargetType="instance",
        HealthCheckPath="/api",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": instance, "Port": upstream.port}])
    refused = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "No machine has this name."}
    listener = elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTPS",
        Port=443,
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": refused}],
    )["Listeners"][0]["ListenerArn"]
    elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTP",
        Port=80,
        DefaultActions=[
            {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
        ],
    )
    elb.create_rule(
        ListenerArn=listener,
        Priority=10,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [f"alice.{DOMAIN}"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    zone = boto3.client("route53").create_hosted_zone(Name="localhost.", CallerReference="1")["HostedZone"]["Id"]
    door = FrontDoor(ACCOUNT, REGION, through_security_groups(lambda _: "127.0.0.1"))
    made = Cloud(
        door,
        upstream,
        group,
        arn,
        listener,
        instance,
        groups[1],
        groups[0],
        zone,
        balancer["DNSName"],
        signer.certificate_file,
    )
    made.alias(f"alice.{DOMAIN}")
    made.alias(f"bob.{DOMAIN}")
    # The rehearsal's interval would be ten seconds, and the API refuses less, so the test sets it past the API.
    interval: Any = 0.1
    elbv2_backends[ACCOUNT][REGION].target_groups[group].health_check_interval_seconds = interval
    return made


def idle_timeout(cloud: Cloud, seconds: int) -> None:
    """Set the idle timeout and wait until it is in force."""
    attribute = {"Key": "idle_timeout.timeout_seconds", "Value": str(seconds)}
    boto3.client("elbv2", REGION).modify_load_balancer_attributes(
        LoadBalancerArn=cloud.load_balancer, Attributes=[attribute]
    )
    time.sleep(2 * snapshot.MAX_AGE)


def admit(machine_group: str, balancer_group: str, port: int) -> None:
    boto3.client("ec2", REGION).authorize_security_group_ingress(
        GroupId=machine_group, IpPermissions=admission(balancer_group, port)
    )


def admission(balancer_group: str, port: int) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": balancer_group}]}]
