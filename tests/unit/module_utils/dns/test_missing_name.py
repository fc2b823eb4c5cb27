"""Why a name does not resolve, tested with real name servers.

They are the zone's own, and a caching resolver before them.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.dns.missing_name import MissingName, missing_name
from ansible_collections.probcomp.stack.plugins.module_utils.dns.queries import Dns, InvalidResolver

from tests.support.name_servers import NOBODY, NameServers, name_servers

ZONE, HOST = "example.org", "alice.stack.example.org"


@pytest.fixture
def servers() -> Iterator[NameServers]:
    """Provide a zone with its own servers and a resolver before them."""
    with name_servers() as made:
        made.host(ZONE, "ns-1.awsdns-01.com", "ns-2.awsdns-02.net")
        yield made


def look(servers: NameServers) -> MissingName:
    return missing_name(replace(Dns.of(servers.setting), timeout=0.3), HOST, ZONE)


def test_a_name_that_was_asked_for_before_its_record_was_made(servers: NameServers) -> None:
    assert Dns.of(servers.setting).ask(HOST).values == ()
    servers.add(ZONE, HOST, "A", "192.0.2.7")
    servers.lead = 300
    found = look(servers)
    assert (found.kind, found.addresses) == ("resolver", ("192.0.2.7",))
    assert found.seconds is not None and 590 <= found.seconds <= 600
    words = r"own name servers know alice\.\S+, but this computer's \(127\.0\.0\.1\) keeps .* until \d\d:\d\d:\d\d UTC"
    assert re.search(rf"{words}: wait 10 min", found.text), found.text
    servers.lead = 901
    assert Dns.of(servers.setting).ask(HOST).values == ("192.0.2.7",)


def test_a_record_that_is_missing(servers: NameServers) -> None:
    found = look(servers)
    assert (found.kind, found.addresses) == ("name", ())
    assert "has no record on the zone's own name servers (127.0.0.2): stack_start.yml" in found.text
    assert "keep the no for 15 min" in found.text


def test_a_name_that_exists_for_another_type_only(servers: NameServers) -> None:
    servers.add(ZONE, f"ssh.{HOST}", "A", "192.0.2.7")
    assert look(servers).kind == "name"


def test_a_part_of_the_zone_that_is_handed_on(servers: NameServers) -> None:
    servers.add(ZONE, HOST, "A", "192.0.2.7")
    servers.add(ZONE, "stack.example.org", "NS", "ns.elsewhere.test.")
    found = look(servers)
    assert found.kind == "zone" and "an NS record hands stack.example.org to other name servers" in found.text


def test_a_zone_that_nobody_was_told_of(servers: NameServers) -> None:
    servers.zones.clear()
    found = look(servers)
    assert found.kind == "zone" and "the servers of the zone example.org (no name server)" in found.text
    assert "at the registrar" in found.text


def test_servers_of_the_zone_that_are_silent(servers: NameServers) -> None:
    assert Dns.of(servers.setting).ask(HOST).values == ()
    servers.host(ZONE, "ns-3.awsdns-03.org", address=NOBODY)
    found = look(servers)
    assert found.kind == "zone" and NOBODY in found.text


def test_a_resolver_that_is_silent(servers: NameServers) -> None:
    silent = servers.setting.replace("127.0.0.1", NOBODY)
    found = missing_name(replace(Dns.of(silent), timeout=0.3), HOST, ZONE)
    assert found.kind == "resolver" and f"name server ({NOBODY}) is silent" in found.text


@pytest.mark.parametrize(
    ("setting", "server", "port"),
    [
        ("192.0.2.53", "192.0.2.53", 53),
        ("127.0.0.1:5353", "127.0.0.1", 5353),
        ("[::1]:54", "::1", 54),
        ("::1", "::1", 53),
    ],
)
def test_forms_of_dns_resolver(setting: str, server: str, port: int) -> None:
    found = Dns.of(setting)
    assert (found.servers, found.port) == ((server,), port)


@pytest.mark.parametrize("setting", ["ns.example.org", "127.0.0.1:53/x", "127.0.0.1:0", "127.0.0.1:65536", "[::1"])
def test_what_is_no_dns_resolver(setting: str) -> None:
    with pytest.raises(InvalidResolver, match="no name server's address: give an address"):
        Dns.of(setting)
