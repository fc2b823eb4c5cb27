"""Route 53 in the rehearsal: batches whole or not at all.

Deletes are exact, and changes come one at a time.
"""

import time
from collections.abc import Iterator
from typing import Any

import dns.message
import dns.query
import dns.rcode
import pytest
from botocore.exceptions import ClientError

from tests.support.rehearsal_process import Server, running

DELAY = 1.5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("records"), requests_per_second=0, record_delay=DELAY) as started:
        yield started


@pytest.fixture
def zone(server: Server) -> Iterator["Zone"]:
    server.control("POST", "settings", {"record_delay": 0})
    made = Zone(server)
    yield made
    server.control("POST", "settings", {"record_delay": DELAY})


class Zone:
    """A hosted zone of the test's own."""

    def __init__(self, server: Server) -> None:
        self.client = server.client("route53")
        name = f"z{time.monotonic_ns()}.test"
        self.id = self.client.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"]
        self.name = name

    def change(self, *changes: tuple[str, str, str]) -> str:
        """Change A records and return the change's id.

        Each change is an action, a name below the zone and an address.
        """
        batch = [{"Action": action, "ResourceRecordSet": self.record(name, value)} for action, name, value in changes]
        answer = self.client.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": batch})
        return str(answer["ChangeInfo"]["Id"])

    def record(self, name: str, value: str) -> dict[str, Any]:
        return {"Name": f"{name}.{self.name}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": value}]}

    def addresses(self) -> dict[str, str]:
        records = self.client.list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]
        return {
            record["Name"].partition(".")[0]: record["ResourceRecords"][0]["Value"]
            for record in records
            if record["Type"] == "A"
        }


def test_upserts_make_and_change_records(zone: Zone) -> None:
    zone.change(("UPSERT", "a", "127.0.0.1"), ("UPSERT", "b", "127.0.0.2"))
    zone.change(("UPSERT", "A", "127.0.0.3"))
    assert zone.addresses() == {"a": "127.0.0.3", "b": "127.0.0.2"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("CREATE", "a", "127.0.0.9"), "but it already exists"),
        (("DELETE", "a", "127.0.0.9"), "but the values provided do not match the current values"),
        (("DELETE", "c", "127.0.0.9"), "but it was not found"),
    ],
)
def test_one_wrong_change_fails_the_whole_batch(zone: Zone, change: tuple[str, str, str], says: str) -> None:
    zone.change(("UPSERT", "a", "127.0.0.1"))
    with pytest.raises(ClientError, match=says) as error:
        zone.change(("UPSERT", "b", "127.0.0.2"), change)
    assert error.value.response["Error"]["Code"] == "InvalidChangeBatch"
    assert zone.addresses() == {"a": "127.0.0.1"}


def test_an_exact_delete_removes_the_record(zone: Zone) -> None:
    zone.change(("UPSERT", "a", "127.0.0.1"))
    zone.change(("DELETE", "a", "127.0.0.1"))
    assert zone.addresses() == {}


def test_an_alias_is_deleted_by_its_exact_target(zone: Zone) -> None:
    target = {
        "HostedZoneId": "Z35SXDOTRQ7X7K",
        "DNSName": "lb-1.us-east-1.elb.amazonaws.com",
        "EvaluateTargetHealth": False,
    }
    record = {"Name": f"alice.{zone.name}", "Type": "A", "AliasTarget": target}

    def change(action: str, **other: object) -> None:
        changed = {**record, "AliasTarget": {**target, **other}}
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": changed}]}
        zone.client.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch=batch)

    change("CREATE")
    with pytest.raises(ClientError, match="do not match"):
        change("DELETE", DNSName="lb-2.us-east-1.elb.amazonaws.com")
    change("DELETE", DNSName="LB-1.us-east-1.elb.amazonaws.com.")


def test_records_of_another_zone_are_refused(zone: Zone) -> None:
    with pytest.raises(ClientError, match="is not permitted in zone"):
        record = {"Name": "www.example.org", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "127.0.0.1"}]}
        zone.client.change_resource_record_sets(
            HostedZoneId=zone.id, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        )


def test_a_change_is_pending_and_bars_the_next_until_it_is_in_sync(server: Server) -> None:
    zone = Zone(server)
    identifier = zone.change(("UPSERT", "a", "127.0.0.1"))
    assert zone.client.get_change(Id=identifier)["ChangeInfo"]["Status"] == "PENDING"
    with pytest.raises(ClientError) as error:
        zone.change(("UPSERT", "b", "127.0.0.2"))
    assert error.value.response["Error"]["Code"] == "PriorRequestNotComplete"
    # A pending change bars only its own zone.
    Zone(server).change(("UPSERT", "a", "127.0.0.1"))
    time.sleep(DELAY)
    assert zone.client.get_change(Id=identifier)["ChangeInfo"]["Status"] == "INSYNC"
    zone.change(("UPSERT", "b", "127.0.0.2"))


def test_an_unknown_change_is_an_error(server: Server) -> None:
    with pytest.raises(ClientError) as error:
        server.client("route53").get_change(Id="CNOSUCHCHANGE")
    assert error.value.response["Error"]["Code"] == "NoSuchChange"


def test_name_servers_answer_for_the_records_and_a_resolver_keeps_a_no(server: Server, zone: "Zone") -> None:
    address, port = server.described["dns_resolver"].split(":")

    def ask(name: str, kind: str = "A") -> tuple[str, set[str]]:
        query = dns.message.make_query(f"{name}.{zone.name}" if name else zone.name, kind)
        response = dns.query.udp(query, address, 5, int(port))
        kept.extend((rrset.ttl, rrset[0].minimum) for rrset in response.authority)
        values = {str(item) for rrset in response.answer for item in rrset}
        return dns.rcode.to_text(response.rcode()), values

    kept: list[tuple[int, int]] = []
    assert ask("before")[0] == "NXDOMAIN" and kept == [(900, 86400)], "as in the SOA record that Route 53 makes"
    soa = {"Name": zone.name, "Type": "SOA", "TTL": 1, "ResourceRecords": [{"Value": "ns. me. 1 7200 900 1209600 60"}]}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": soa}]}
    zone.client.change_resource_record_sets(HostedZoneId=zone.id, ChangeBatch=batch)
    assert ask("", "SOA") == ("NOERROR", {"ns. me. 1 7200 900 1209600 60"})
    servers = zone.client.get_hosted_zone(Id=zone.id)["DelegationSet"]["NameServers"]
    assert ask("", "NS") == ("NOERROR", {f"{name}." for name in servers})
    assert ask("ssh.new") == ("NXDOMAIN", set())
    zone.change(("UPSERT", "ssh.new", "192.0.2.7"))
    assert ask("ssh.new") == ("NXDOMAIN", set()), "it was asked before the record was made"
    assert ask("new") == ("NOERROR", set()), "a name exists as soon as one below it does"
    time.sleep(1.1)
    assert ask("ssh.new") == ("NOERROR", {"192.0.2.7"})
