"""Throttling beyond the rates of CloudFormation and Route 53.

The errors are in each protocol's own format.
"""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from rehearsal.api.accounting import Counts, TokenBucket
from rehearsal.api.requests import Call
from tests.support.rehearsal_process import running

pytestmark = pytest.mark.slow


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(5, 10, clock)
    assert [bucket.take() for _ in range(11)] == [True] * 10 + [False]
    passed = 0
    # Sixteenths of a second are exact in binary.
    for _ in range(80):
        clock.now += 0.0625
        passed += bucket.take()
    assert passed == 25


def test_a_rest_fills_no_more_than_the_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(5, 3, clock)
    clock.now += 3600
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_a_rate_of_nought_is_no_limit() -> None:
    bucket = TokenBucket(0, 1, Clock())
    assert all(bucket.take() for _ in range(100))


def test_the_busiest_second_is_counted_wherever_it_begins() -> None:
    clock = Clock()
    counts = Counts(clock)
    call = Call("ec2", "DescribeVpcs", "", "", "", False)
    # No second that begins with the clock's has more than four; one that begins at its half has five.
    for step in (0.5, 0.25, 0.25, 0.5, 0.125, 0.125, 0.125, 0.125, 0.5):
        clock.now += step
        counts.add(call, "answered", 200)
    assert counts.as_dict()["peak_per_second"] == 5
    counts.reset()
    assert counts.as_dict()["peak_per_second"] == 0
    counts.add(call, "throttled", 400)
    assert counts.as_dict()["peak_per_second"] == 1


def test_both_services_throttle_as_aws_does_and_others_do_not(tmp_path: Path) -> None:
    with running(tmp_path, requests_per_second=0.01, request_burst=2) as server:
        for service, call in (("cloudformation", "describe_stacks"), ("route53", "list_hosted_zones")):
            client = server.client(service)
            for _ in range(2):
                getattr(client, call)()
            with pytest.raises(ClientError) as error:
                getattr(client, call)()
            answer = error.value.response
            assert answer["Error"]["Code"] == "Throttling"
            assert answer["Error"]["Message"] == "Rate exceeded"
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
            # botocore recognizes throttling: it retries by itself where it may.
            before = server.counts()["mark"]
            with pytest.raises(ClientError):
                getattr(server.client(service, attempts=2), call)()
            assert server.counts()["mark"] == before + 2
        assert server.counts()["throttled"] == {"cloudformation:DescribeStacks": 3, "route53:ListHostedZones": 3}
        ec2 = server.client("ec2")
        for _ in range(20):
            ec2.describe_vpcs()
