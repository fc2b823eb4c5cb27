"""Preflight where public name servers differ from Route 53's for the zone.

Route 53 takes every record then, but the world asks other servers. The name servers are real.
"""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.name_servers import NOBODY, OWN
from tests.support.preflight_world import World, machine, texts

FLEET = (machine("ws-1", fleet="ws"), machine("ws-2", fleet="ws"))
OTHERS = ("ns1.registrar.test", "ns2.registrar.test")


def only_problem(account: World, **settings: Any) -> str:
    """Return the problem that a preflight reports; fail unless it is the only one."""
    found = texts(account.sweep(*FLEET, **settings))
    assert len(found) == 1, found
    return found[0]


def test_a_zone_that_the_registrar_does_not_know(account: World) -> None:
    account.servers.zones.clear()
    problem = only_problem(account)
    assert "the world knows no name server of the zone example.org" in problem
    assert f"at the registrar, or in the zone above: {', '.join(sorted(account.own_servers))}" in problem


def test_a_zone_that_the_world_asks_others_about(account: World) -> None:
    account.servers.host("example.org", *OTHERS, address="127.0.0.3")
    problem = only_problem(account)
    assert "asks other name servers about example.org than those of the hosted zone: ns1.registrar.test" in problem


def test_route_53_under_names_of_ones_own_is_route_53(account: World) -> None:
    account.servers.host("example.org", "ns1.example.org", "ns2.example.org", address=OWN)
    assert texts(account.sweep(*FLEET)) == []


def test_a_registrar_that_still_names_another_server_too_is_a_risk(account: World) -> None:
    account.servers.host("example.org", *account.own_servers[:2], OTHERS[0])
    found = account.sweep(*FLEET)
    assert texts(found) == []
    assert any(re.search(r"risk: .* also asks ns1\.registrar\.test", note) for note in found["notes"])


def test_a_zone_whose_servers_refuse(account: World) -> None:
    # The resolver finds an NS record above the zone that leads nowhere, as one that names a deleted hosted zone's.
    account.servers.zones = {"org": []}
    account.servers.add("org", "example.org", "NS", "ns-9.awsdns-09.com.")
    assert "cannot be resolved (name server 127.0.0.1): its servers do not answer" in only_problem(account)


def test_a_resolver_that_is_silent_is_a_note(account: World) -> None:
    found = account.sweep(*FLEET, dns_resolver=account.settings.dns_resolver.replace("127.0.0.1", NOBODY))
    assert texts(found) == []
    assert any(f"name server {NOBODY} is silent" in note for note in found["notes"])


def test_without_a_setting_the_systems_name_server_is_asked(account: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dns.resolver.Resolver", lambda: SimpleNamespace(nameservers=[NOBODY]))
    found = account.sweep(*FLEET, dns_resolver="")
    assert any(f"name server {NOBODY} is silent" in note for note in found["notes"])


def test_a_setting_that_is_no_address(account: World) -> None:
    assert "dns_resolver 'ns.example.org' is no name server's address" in only_problem(
        account, dns_resolver="ns.example.org"
    )


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("stack.example.org", "ws-1, ws-2"),
        ("ws-1.stack.example.org", "ws-1"),
        ("ssh.ws-2.stack.example.org", "ws-2"),
        ("other.example.org", ""),
        ("1.stack.example.org", ""),
    ],
)
def test_a_part_of_the_zone_that_is_handed_on(account: World, name: str, whose: str) -> None:
    route53 = account.make("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    values = [{"Value": f"{server}."} for server in OTHERS]
    record = {"Name": name, "Type": "NS", "TTL": 300, "ResourceRecords": values}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    if not whose:
        assert texts(account.sweep(*FLEET)) == []
        return
    problem = only_problem(account)
    assert problem.startswith(f"{whose}: the record {name}. NS hands names below it to ns1.registrar.test."), problem
    assert problem.endswith("delete it from the hosted zone, or set zone to a zone of those servers")
