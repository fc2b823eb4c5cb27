"""The rehearsal refuses what a wrong clock signed, each service in its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import botocore.auth
import pytest
from botocore.exceptions import ClientError

from tests.support.rehearsal_process import Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("clock"), requests_per_second=0) as started:
        yield started


@pytest.mark.parametrize(
    ("service", "call", "minutes", "code", "message"),
    [
        ("cloudformation", "describe_stacks", -7, "SignatureDoesNotMatch", "^Signature expired: .* - 5 min.)$"),
        ("cloudformation", "describe_stacks", 7, "SignatureDoesNotMatch", "^Signature not yet current: .* + 5 min.)$"),
        ("sts", "get_caller_identity", -17, "SignatureDoesNotMatch", "^Signature expired: .* - 15 min.)$"),
        ("acm", "list_certificates", -17, "InvalidSignatureException", "^Signature expired: .* - 5 min.)$"),
        ("ec2", "describe_instances", -17, "RequestExpired", "^Request has expired.$"),
        ("ec2", "describe_instances", 17, "AuthFailure", "^AWS was not able to validate"),
        ("s3", "list_buckets", -17, "RequestTimeTooSkewed", "^The difference between"),
    ],
)
def test_a_wrong_clock_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch, service: str, call: str, minutes: int, code: str, message: str
) -> None:
    client = getattr(server.client(service), call)
    wrong = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: wrong)
    with pytest.raises(ClientError) as error:
        client()
    told = error.value.response["Error"]
    assert told["Code"] == code
    assert re.search(re.sub(r"([+()])", r"\\\1", message), told["Message"])


@pytest.mark.parametrize(("service", "call"), [("sts", "get_caller_identity"), ("ec2", "describe_vpcs")])
def test_a_clock_that_is_a_little_off_is_not(
    server: Server, monkeypatch: pytest.MonkeyPatch, service: str, call: str
) -> None:
    late = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=13)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: late)
    getattr(server.client(service), call)()
