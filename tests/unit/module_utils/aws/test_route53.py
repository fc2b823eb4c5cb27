"""Records of a fleet in one batch, against moto's Route 53.

Literal answers stand in where moto lacks a feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws import route53 as records
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from tests.support.in_process import run_at

ALIAS = {"dns_name": "lb-1.eu-west-1.elb.amazonaws.com", "zone_id": "Z32O12XQLNTSW2"}
NO_TIME = Clock(now=lambda: 0.0, sleep=lambda _seconds: None)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def client(server: str) -> Iterator[Any]:
    route53 = boto3.client(
        "route53", region_name="us-east-1", endpoint_url=server, aws_access_key_id="x", aws_secret_access_key="x"
    )
    zone = route53.create_hosted_zone(Name="example.org", CallerReference="1")["HostedZone"]["Id"]
    yield route53
    for record in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]:
        if record["Type"] not in ("NS", "SOA"):
            change = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
            route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)
    route53.delete_hosted_zone(Id=zone)


def test_from_nothing_to_records_and_back(server: str, client: Any) -> None:
    wanted = [
        {"name": "ssh.alice.stack.example.org", "values": ["192.0.2.7"]},
        {"name": "Alice.stack.example.org.", "alias": ALIAS},
    ]
    arguments = {"zone": "example.org.", "records": wanted}
    planned = run_at(server, "dns_records", **arguments, _ansible_check_mode=True, _ansible_diff=True)
    assert planned["changed"] is True
    assert planned["diff"]["after"].splitlines()[0] == f"alice.stack.example.org. A ALIAS {ALIAS['dns_name']}."
    zone = records.find_zone(client, "EXAMPLE.org", NO_TIME)
    assert len(zone.records()) == 2  # NS and SOA

    assert run_at(server, "dns_records", **arguments)["changed"] is True
    assert zone.records()["ssh.alice.stack.example.org.", "A"][0]["TTL"] == 60
    assert run_at(server, "dns_records", **arguments)["changed"] is False

    names = [{"name": name} for name in ("ssh.alice.stack.example.org", "alice.stack.example.org", "never.example.org")]
    deleted = run_at(server, "dns_records", zone="example.org", state="absent", records=names)
    assert len(deleted["changes"]) == 2
    assert len(zone.records()) == 2


def test_a_zone_that_is_not_there(server: str, client: Any) -> None:
    result = run_at(server, "dns_records", zone="example.com", records=[])
    assert result["msg"].startswith("no public hosted zone example.com")


def wanted(name: str = "a.example.org", value: str = "192.0.2.1", **more: Any) -> records.RecordSet:
    return records.wanted_set({"name": name, "type": "A", "ttl": 60, "values": [value], **more})


def test_equal_records_need_no_change() -> None:
    existing = {("a.example.org.", "A"): [wanted("A.Example.org.")]}
    assert records.plan([wanted()], existing, True) == []
    assert records.plan([wanted(value="192.0.2.2")], existing, True)[0]["Action"] == "UPSERT"
    assert records.plan([wanted(ttl=300)], existing, True)
    assert records.plan([records.wanted_set({"name": "a.example.org", "type": "A", "alias": ALIAS})], existing, True)


def test_aliases_compare_by_what_they_mean() -> None:
    ours = records.wanted_set({"name": "a.example.org", "type": "A", "alias": ALIAS})
    shown: dict[str, Any] = {"Name": "a.example.org.", "Type": "A", "AliasTarget": {**ours["AliasTarget"]}}
    shown["AliasTarget"]["DNSName"] = "LB-1.eu-west-1.elb.amazonaws.com."
    assert records.is_same(ours, shown)
    shown["AliasTarget"]["EvaluateTargetHealth"] = True
    assert not records.is_same(ours, shown)


def test_deletes_with_the_values_read() -> None:
    read = {"Name": "a.example.org.", "Type": "A", "TTL": 17, "ResourceRecords": [{"Value": "203.0.113.9"}]}
    (change,) = records.plan([wanted()], {("a.example.org.", "A"): [read]}, False)
    assert change == {"Action": "DELETE", "ResourceRecordSet": read}


def test_a_routing_policy_is_left_alone() -> None:
    existing = {("a.example.org.", "A"): [{**wanted(), "SetIdentifier": "one"}, {**wanted(), "SetIdentifier": "two"}]}
    for present in (True, False):
        with pytest.raises(records.RecordsError, match="routing policy"):
            records.plan([wanted()], existing, present)


def test_a_fleet_is_one_request() -> None:
    changes = records.plan([wanted(f"u{number}.example.org") for number in range(200)], {}, True)
    assert len(list(records.batches(changes))) == 1


def test_batches_keep_to_the_limits() -> None:
    changes = records.plan([wanted(f"u{number}.example.org") for number in range(501)], {}, True)
    assert [len(batch) for batch in records.batches(changes)] == [500, 1]
    long = [wanted(f"u{number}.example.org", "x" * 4000) for number in range(5)]
    assert [len(batch) for batch in records.batches(records.plan(long, {}, True))] == [4, 1]


class FakeRoute53:
    """A fake of Route 53 that first raises the given errors.

    A change needs `looks` looks to be everywhere.
    """

    def __init__(self, errors: list[Exception], looks: int = 2) -> None:
        self.errors = errors
        self.looks = looks
        self.requests: list[dict[str, Any]] = []

    def change_resource_record_sets(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.errors:
            raise self.errors.pop(0)
        return {"ChangeInfo": {"Id": "/change/1", "Status": "PENDING"}}

    def get_change(self, Id: str) -> dict[str, Any]:
        self.looks -= 1
        return {"ChangeInfo": {"Id": Id, "Status": "INSYNC" if self.looks <= 0 else "PENDING"}}


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "ChangeResourceRecordSets")


class FakeTime:
    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, sleep=self.sleep)


def test_a_change_under_way_is_waited_for_but_not_for_ever(reported: Callable[[], list[str]]) -> None:
    time = FakeTime()
    client = FakeRoute53([refusal("PriorRequestNotComplete") for _ in range(3)])
    zone = records.Zone(client, "Z1", time.clock())
    ids = zone.change(records.plan([wanted()], {}, True))
    assert ids == ["/change/1"]
    assert zone.wait(ids, 60)

    endless = records.Zone(FakeRoute53([refusal("PriorRequestNotComplete") for _ in range(99)]), "Z1", time.clock())
    begin = time.seconds
    with pytest.raises(ClientError):
        endless.change(records.plan([wanted()], {}, True))
    assert time.seconds - begin < 120

    slow = records.Zone(FakeRoute53([], looks=999), "Z1", time.clock())
    begin = time.seconds
    assert not slow.wait(["/change/1"], 30)
    assert time.seconds - begin < 40
    assert set(reported()) == {"records: not yet on all name servers after 95 s"}
