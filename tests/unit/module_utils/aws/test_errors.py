"""AWS errors as sentences, tested with a rehearsal's own answers.

Only AWS's full answer tells a wrong clock from a wrong key.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws import errors

from tests.support.cloudformation_fakes import client_error
from tests.support.rehearsal_process import Server, running

CALLS = {
    "cloudformation": "describe_stacks",
    "sts": "get_caller_identity",
    "acm": "list_certificates",
    "ec2": "describe_instances",
    "s3": "list_buckets",
    "elbv2": "describe_load_balancers",
    "route53": "list_hosted_zones",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("errors"), requests_per_second=0) as started:
        yield started


def explained(client: Any, service: str) -> str:
    with pytest.raises(errors.exceptions.ClientError) as error:
        getattr(client, CALLS[service])()
    assert errors.is_credentials_error(error.value)
    return errors.explain(error.value)


@pytest.mark.parametrize("minutes", [-17, 17, -3 * 60, 2 * 24 * 60])
@pytest.mark.parametrize("service", CALLS)
def test_a_wrong_clock_is_said_with_both_times(
    server: Server, monkeypatch: pytest.MonkeyPatch, service: str, minutes: int
) -> None:
    client, real = server.client(service), time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60 * minutes)
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda: datetime.fromtimestamp(time.time(), UTC).replace(tzinfo=None)
    )
    line = explained(client, service)
    moment = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC"
    how = {-17: "17 min behind", 17: "17 min ahead", -180: "3 h behind", 2880: "2 days ahead"}[minutes]
    match = re.fullmatch(
        rf"it is {moment} on this computer and {moment} at AWS, {how}: "
        r"set this computer's clock, and give the same command again \(\w+\)",
        line,
    )
    assert match, line
    ours, theirs = (datetime.fromisoformat(text) for text in match.groups())
    assert abs(ours - theirs - timedelta(minutes=minutes)) < timedelta(seconds=5)


@pytest.mark.parametrize("service", CALLS)
def test_a_wrong_secret_is_said_as_such(server: Server, service: str) -> None:
    line = explained(server.client(service, secret="wrong"), service)
    if service == "ec2":  # Its answer is the same for an unknown key.
        assert line == "AWS does not accept these credentials (AuthFailure): check the profile or the access key"
    else:
        assert line.startswith("the secret access key is not that of the access key: copy both again"), line


def test_a_session_that_ended_is_no_clock() -> None:
    for code in ("RequestExpired", "ExpiredToken"):
        line = errors.explain(client_error(code, "Request has expired."))
        assert line == "the AWS credentials have expired: get new ones and give the same command again"


@pytest.mark.parametrize("message", ["Signature expired: now is now earlier than then (9 - 5 min.)", "", "\0" * 500])
@pytest.mark.parametrize("more", [{}, {"ServerTime": "soon", "RequestTime": None}, {"ServerTime": "2026-01-01"}])
def test_times_that_cannot_be_read_are_no_clock(message: str, more: dict[str, Any]) -> None:
    error = client_error("SignatureDoesNotMatch", message)
    error.response["Error"].update(more)
    assert errors.explain(error).startswith("the secret access key")
