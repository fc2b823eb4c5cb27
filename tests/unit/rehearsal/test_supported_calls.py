"""Supported calls: each is answered, and a call without an answer is refused.

The refusal names the call.
"""

from collections.abc import Iterator

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from moto.acm.responses import AWSCertificateManagerResponse
from moto.core.responses import BaseResponse, method_names_from_class
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.ec2.responses import EC2Response
from moto.elbv2.responses import ELBV2Response
from moto.route53.responses import Route53
from moto.ssm.responses import SimpleSystemManagerResponse
from moto.sts.responses import TokenResponse

from rehearsal.api.supported_calls import CARRIED, is_carried
from rehearsal.cloudformation.api import CloudFormationApi
from rehearsal.services.ec2 import guards
from rehearsal.services.pricing import PricingApi
from rehearsal.services.service_quotas import ServiceQuotasApi
from tests.support.rehearsal_process import Server, running

HANDLERS: dict[str, type[BaseResponse]] = {
    "acm": AWSCertificateManagerResponse,
    "cloudformation": CloudFormationApi,
    "ec2": EC2Response,
    "elbv2": ELBV2Response,
    "pricing": PricingApi,
    "route53": Route53,
    "service-quotas": ServiceQuotasApi,
    "ssm": SimpleSystemManagerResponse,
    "sts": TokenResponse,
}
"""Classes with a method for each call, by service.

S3, which moto answers within its routing, has a test of its own.
"""
READABLE = sorted(service for service in HANDLERS if any("*" in pattern for pattern in CARRIED[service]))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("calls"), requests_per_second=0) as started:
        yield started


def answered(service: str) -> set[str]:
    """Return the calls of a service that moto or the rehearsal has a method for."""
    guards.install()
    methods = method_names_from_class(HANDLERS[service])
    return {call for call in get_service_model(service).operation_names if camelcase_to_underscores(call) in methods}


def test_each_service_is_looked_at() -> None:
    assert {*HANDLERS, "s3"} == set(CARRIED)


@pytest.mark.parametrize("service", HANDLERS)
def test_each_call_that_is_named_is_answered(service: str) -> None:
    assert {call for call in CARRIED[service] if "*" not in call} <= answered(service)


@pytest.mark.parametrize("service", READABLE)
def test_a_read_that_nothing_answers_is_refused(server: Server, service: str) -> None:
    client, codes = server.client(service, validate=False), {}
    nobodys = sorted(set(get_service_model(service).operation_names) - answered(service))
    # Of EC2's two hundred the first dozen: they take one way.
    for call in [call for call in nobodys if is_carried(service, call)][:12]:
        with pytest.raises(ClientError) as error:
            getattr(client, xform_name(call))()
        codes[call] = error.value.response["Error"]["Code"]
    assert codes and set(codes.values()) == {"NotCarriedByRehearsal"}, codes
