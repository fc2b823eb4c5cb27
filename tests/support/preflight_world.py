"""An account in which nothing is wrong, for the tests of preflight.

It is moto's, with literal quotas and prices: moto has no vCPU quotas and no prices, so fakes answer for those two as
AWS's documentation shows. Every request is recorded, so that a test can check that a sweep only reads.
"""

import copy
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.request import MachineRequest, Settings
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.run import sweep
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from moto import mock_aws
from moto.acm import acm_backends
from moto.acm.models import CertBundle
from moto.acm.utils import make_arn_for_certificate
from moto.cloudformation import cloudformation_backends
from moto.core.utils import utcnow
from moto.ec2 import ec2_backends
from moto.ec2.models.amis import Ami
from moto.elbv2 import elbv2_backends

from rehearsal.services.ec2 import guards
from tests.support.name_servers import NameServers, name_servers

ACCOUNT, REGION = "123456789012", "eu-central-1"
READING = re.compile(r"(Get|List|Describe)[A-Z]")
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
PRICES = {
    "BoxUsage:t3.medium": "0.048",
    "BoxUsage:t4g.small": "0.0192",
    "BoxUsage:c5.large": "0.097",
    "EBS:VolumeUsage.gp3": "0.0952",
    "PublicIPv4:InUseAddress": "0.005",
    "LoadBalancerUsage": "0.027",
}


class ServiceQuotas:
    """A fake with applied quotas by code; a code without a value is denied."""

    def __init__(self, world: "World") -> None:
        self.world = world

    def get_service_quota(self, ServiceCode: str, QuotaCode: str) -> dict[str, Any]:
        self.world.requests.append("GetServiceQuota")
        if QuotaCode not in self.world.quotas:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetServiceQuota")
        return {"Quota": {"QuotaCode": QuotaCode, "Value": float(self.world.quotas[QuotaCode])}}


class Pricing:
    """A fake price list, by a product's usage type."""

    def __init__(self, world: "World") -> None:
        self.world = world

    def get_paginator(self, operation: str) -> "Pricing":
        return self

    def paginate(self, ServiceCode: str, Filters: list[dict[str, str]]) -> list[dict[str, Any]]:
        self.world.requests.append("GetProducts")
        wanted = {item["Field"]: item["Value"] for item in Filters}
        products = [
            {
                "product": {"attributes": {"usagetype": f"EUC1-{usage}", "regionCode": REGION}},
                "terms": {"OnDemand": {"t": {"priceDimensions": {"d": {"pricePerUnit": {"USD": price}}}}}},
            }
            for usage, price in self.world.prices.items()
        ]
        return [{"PriceList": [json.dumps(item) for item in products if wanted["regionCode"] == REGION]}]


_requests: list[str] = []


@cache
def new_client(service: str, region: str, recorded: bool) -> Any:
    """Return a client that is kept over all tests.

    botocore takes long to make one; moto starts anew under it.
    """
    client = boto3.client(service, region, **CREDENTIALS)
    if recorded:
        client.meta.events.register("before-call", lambda model, **_: _requests.append(model.name))
    return client


@cache
def new_certificate(name: str, region: str) -> CertBundle:
    """Return a certificate whose key, the dearest part of an account, all tests share."""
    made: CertBundle = CertBundle.generate_cert(name, ACCOUNT, region)
    return made


class World:
    """The account, the settings that fit it, and the recorded requests."""

    def __init__(self, folder: Path, servers: NameServers) -> None:
        self.servers = servers
        self.requests = _requests
        self.requests.clear()
        self.quotas = {"L-1216C47A": 16, "L-F678F1CE": 5, "L-A4707A72": 5, "L-53DA6B97": 50}
        self.quotas |= {"L-7EED9B64": 100, "L-822D1B1B": 100, "L-0485CB21": 2000}
        self.prices = dict(PRICES)
        self.folder = folder
        self.passwords = folder / "passwords"
        self.passwords.mkdir(mode=0o700)
        for user in ("alice", "ws-1", "ws-2"):
            self.give_password(user)
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.settings = Settings(
            region=REGION,
            zone="example.org",
            certificate_arn=self.make_certificate("*.stack.example.org"),
            key_name="lab",
            private_key_file=str(self.write_key(self.key)),
            admin_cidr="203.0.113.7/32",
            password_directory=str(self.passwords),
            password_min_length=12,
            image_parameter="/lab/{architecture}",
            account_id=ACCOUNT,
            dns_resolver=servers.setting,
        )
        made = self.make("route53").create_hosted_zone(Name="example.org", CallerReference="1")
        self.own_servers = made["DelegationSet"]["NameServers"]
        servers.host("example.org", *self.own_servers)
        public = self.key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self.make("ec2").import_key_pair(KeyName="lab", PublicKeyMaterial=public)
        self.images = self.make_images()

    def make(self, service: str, region: str = REGION) -> Any:
        """Return a client whose requests are not recorded, to change the world."""
        return new_client(service, region, False)

    def client(self, service: str, region: str) -> Any:
        """Return a client as the module makes it; its requests are recorded."""
        if service == "service-quotas":
            return ServiceQuotas(self)
        if service == "pricing":
            return Pricing(self)
        return new_client(service, region, True)

    def give_password(self, user: str, password: str = "correct-horse-battery") -> None:
        path = self.passwords / f"{user}.passwd"
        path.write_text(password + "\n")
        path.chmod(0o600)

    def write_key(self, key: Any, name: str = "key") -> Path:
        path = self.folder / name
        form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        path.write_bytes(key.private_bytes(*form))
        path.chmod(0o600)
        return path

    def make_certificate(self, name: str, region: str = REGION, **fields: Any) -> str:
        arn = make_arn_for_certificate(ACCOUNT, region)
        certificate = copy.copy(new_certificate(name, region))
        for field, value in {"arn": arn, "created_at": utcnow(), "in_use_by": [], "status": "ISSUED", **fields}.items():
            setattr(certificate, field, value)
        acm_backends[ACCOUNT][region]._certificates[arn] = certificate
        return arn

    def make_images(self) -> dict[str, str]:
        backend = ec2_backends[ACCOUNT][REGION]
        found = {"x86_64": "ami-0aaaaaaaaaaaaaaaa", "arm64": "ami-0bbbbbbbbbbbbbbbb"}
        for architecture, parameter, root in (("x86_64", "amd64", "/dev/sda1"), ("arm64", "arm64", "/dev/xvda")):
            backend.amis[found[architecture]] = Ami(
                backend,
                found[architecture],
                name=f"ubuntu-{architecture}",
                architecture=architecture,
                virtualization_type="hvm",
                root_device_name=root,
                root_device_type="ebs",
                public=True,
            )
            self.make("ssm").put_parameter(Name=f"/lab/{parameter}", Value=found[architecture], Type="String")
        return found

    def make_machine(
        self, user: str, status: str = "CREATE_COMPLETE", fleet: str = "", instance: str = "t3.medium"
    ) -> str:
        """Make a user's stack in the state `status` with a live instance.

        Returns the instance's id.
        """
        self.make_stack(f"probcomp-stack-{user}", status, {"Network": "shared"})
        identity = self.run_instance(f"{user}/instance", instance, fleet=fleet)
        self.stack_made(identity, f"probcomp-stack-{user}")
        return identity

    def run_instance(self, name: str, instance: str = "t3.medium", **tags: str) -> str:
        """Run an instance with these tags that no stack made; return its id."""
        listed = [{"Key": key, "Value": value} for key, value in {"Name": name, **tags}.items()]
        made = self.make("ec2").run_instances(
            ImageId=self.images["x86_64"],
            InstanceType=instance,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": listed}],
        )
        return str(made["Instances"][0]["InstanceId"])

    def stack_made(self, identity: str, stack: str) -> None:
        """Tag an EC2 resource as CloudFormation does.

        The API lets nobody write such a tag.
        """
        ec2_backends[ACCOUNT][REGION].create_tags([identity], {"aws:cloudformation:stack-name": stack})

    def stack_made_elbv2(self, arn: str, stack: str) -> None:
        """Tag a load balancer or target group as CloudFormation does."""
        elbv2_backends[ACCOUNT][REGION].add_tags([arn], [{"Key": "aws:cloudformation:stack-name", "Value": stack}])

    def make_stack(
        self, name: str, status: str = "CREATE_COMPLETE", parameters: dict[str, str] | None = None,
        outputs: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Make a stack in the state `status` that holds nothing relevant."""
        template = {
            "Parameters": {key: {"Type": "String"} for key in parameters or {}},
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {key: {"Value": value} for key, value in (outputs or {}).items()},
        }
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()]
        formation = self.make("cloudformation")
        made = formation.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=given)
        cloudformation_backends[ACCOUNT][REGION].stacks[made["StackId"]].status = status

    def sweep(self, *requests: MachineRequest, **settings: Any) -> dict[str, Any]:
        """Return preflight's answer for `asked`, with some settings changed."""
        self.requests.clear()
        return sweep(AwsClients(self.client, REGION), replace(self.settings, **settings), list(requests), None)


def machine(user: str, **options: Any) -> MachineRequest:
    """Return a machine as requested by default."""
    return MachineRequest(**{"user": user, "instance": "t3.medium", "network": "shared", "volume_size": 30, **options})


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Make a new account, with no credentials of this computer in reach."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in kept:
        del os.environ[name]
    # moto's thousands of images take seconds, and no test needs any of them.
    own = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    os.environ |= own
    try:
        guards.install()
        with mock_aws(), name_servers() as servers:
            yield World(folder, servers)
    finally:
        for name in own:
            os.environ.pop(name, None)
        os.environ |= kept


def texts(found: dict[str, Any]) -> list[str]:
    """Return the texts of an answer's problems."""
    return [problem["text"] for problem in found["problems"]]
