"""Give a stack's resources boto3 clients whose requests moto answers in process.

CloudFormation makes its resources through the public APIs of other services. Doing the same keeps their checks,
defaults and messages, which live in moto's request handlers as much as in its backends.
"""

import threading
from functools import cache
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse
from moto.ec2.models import EC2Backend, ec2_backends
from moto.elbv2.models import ELBv2Backend, elbv2_backends

from rehearsal.lock import LOCK

_STUBBER = BotocoreStubber()
# boto3 sessions cannot create clients safely in several threads at once.
_CLIENTS = threading.Lock()


class Cloud:
    """One region of one account.

    Every call through it holds the rehearsal's lock for as long as it runs.
    """

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region

    @property
    def ec2(self) -> Any:
        """Return the boto3 client for EC2."""
        return _client("ec2", self.account, self.region)

    @property
    def elbv2(self) -> Any:
        """Return the boto3 client for load balancing."""
        return _client("elbv2", self.account, self.region)

    @property
    def ssm(self) -> Any:
        """Return the boto3 client for Systems Manager."""
        return _client("ssm", self.account, self.region)

    @property
    def ec2_backend(self) -> EC2Backend:
        """Return moto's own EC2 records, for facts that no API returns.

        Hold the lock while using them.
        """
        return ec2_backends[self.account][self.region]

    @property
    def elbv2_backend(self) -> ELBv2Backend:
        """Return moto's own load balancing records, for facts that no API returns.

        Hold the lock while using them.
        """
        return elbv2_backends[self.account][self.region]

    def availability_zones(self, region: str = "") -> list[str]:
        """Return the sorted zones of Fn::GetAZs, by default of this region.

        They are those with a default subnet, unless none has one.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html
        """
        client = _client("ec2", self.account, region or self.region)
        zones = {zone["ZoneName"] for zone in client.describe_availability_zones()["AvailabilityZones"]}
        with_default = {
            item["AvailabilityZone"] for item in client.describe_subnets()["Subnets"] if item["DefaultForAz"]
        }
        return sorted(zones & with_default or zones)


def _client(service: str, account: str, region: str) -> Any:
    with _CLIENTS:
        return _make_client(service, account, region)


@cache
def _make_client(service: str, account: str, region: str) -> Any:
    client = boto3.session.Session().client(
        service,
        region_name=region,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",  # noqa: S106 - never leaves the process
        # The environment points at this very server, where a request over the network would wait for the lock held
        # here.
        config=Config(ignore_configured_endpoint_urls=True, retries={"total_max_attempts": 1}),
    )

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        request.headers["x-moto-account-id"] = account
        with LOCK:
            result = _STUBBER.process_request(request)
        if result is None:
            raise NotImplementedError(f"moto does not answer {request.url}")
        status, headers, body = result
        return AWSResponse(request.url, status, headers, MockRawResponse(body))

    client.meta.events.register("before-send", answer)
    return client
