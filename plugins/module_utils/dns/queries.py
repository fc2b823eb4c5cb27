"""Ask this computer's name server, and the name servers of a zone themselves."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from ..common.names import absolute_name, domain_name

PORT = 53
TIMEOUT = 2.0
"""Seconds that one name server may take for an answer."""
_SERVERS_ASKED = 3
"""Maximum number of name servers to ask, so that silent ones cost only seconds."""


class InvalidResolver(ValueError):
    """Error for a setting `dns_resolver` that is no address.

    `what` is the problem, `fix` what to do; str() has both.
    """

    def __init__(self, setting: str) -> None:
        self.what = f"dns_resolver {setting!r} is no name server's address"
        self.fix = "give an address, or an address and a port: 203.0.113.53, 127.0.0.1:5353, [2001:db8::53]:53"
        super().__init__(f"{self.what}: {self.fix}")


class NoAnswer(Exception):
    """No name server gave a usable answer; str() names the servers.

    `is_silent` is whether none of them answered at all.
    """

    def __init__(self, servers: str, is_silent: bool = True) -> None:
        super().__init__(servers)
        self.is_silent = is_silent


@dataclass(frozen=True)
class Answer:
    """Answer of one name server: values, a negative answer, or a referral.

    `seconds` is how long a negative answer may be kept, None where the server does not say; `handed_on` is the name
    that other servers answer for, "" for none.
    """

    server: str
    values: tuple[str, ...] = ()
    seconds: int | None = None
    handed_on: str = ""


@dataclass(frozen=True)
class Dns:
    """Name servers that resolve for this computer, and the port of all name servers."""

    servers: tuple[str, ...]
    port: int = PORT
    timeout: float = TIMEOUT

    @classmethod
    def of(cls, setting: str) -> Dns:
        """Return the resolver of the setting dns_resolver; "" is the system's.

        Raises InvalidResolver.
        """
        if setting:
            address, port = _address_and_port(setting)
            return cls((address,), port)
        try:
            return cls(tuple(str(server) for server in dns.resolver.Resolver().nameservers))
        except dns.exception.DNSException:
            return cls(())

    def ask(self, name: str, kind: str = "A") -> Answer:
        """Return what the resolver says about a name; raise NoAnswer."""
        return self._first(self.servers, name, kind, recursive=True)

    def zone_servers(self, zone: str) -> tuple[str, ...]:
        """Return the names of a zone's servers as the resolver knows them.

        Raises NoAnswer.
        """
        return tuple(sorted(domain_name(value) for value in self.ask(zone, "NS").values))

    def addresses(self, names: Iterable[str]) -> list[str]:
        """Return the addresses of those names that the resolver knows."""
        found: list[str] = []
        for name in names:
            with suppress(NoAnswer):
                found += self.ask(name).values
        return found

    def ask_zone(self, zone: str, name: str) -> Answer:
        """Return a name's addresses at the zone's own name servers; raise NoAnswer."""
        servers = self.zone_servers(zone)
        if not servers:
            raise NoAnswer("no name server")
        addresses = self.addresses(servers[:_SERVERS_ASKED])
        if not addresses:
            raise NoAnswer(", ".join(servers))
        return self._first(addresses, name, "A", recursive=False)

    def _first(self, servers: Iterable[str], name: str, kind: str, *, recursive: bool) -> Answer:
        asked, is_silent = list(servers)[:_SERVERS_ASKED], True
        for server in asked:
            with suppress(dns.exception.DNSException, OSError):
                answer = self._one(server, name, kind, recursive)
                if answer is not None:
                    return answer
                is_silent = False
        raise NoAnswer(", ".join(asked) or "no name server", is_silent)

    def _one(self, server: str, name: str, kind: str, recursive: bool) -> Answer | None:
        query = dns.message.make_query(absolute_name(name), kind, flags=dns.flags.RD if recursive else 0)
        response, _ = dns.query.udp_with_fallback(query, server, self.timeout, self.port)
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return None
        wanted = dns.rdatatype.from_text(kind)
        values = tuple(str(item) for rrset in response.answer if rrset.rdtype == wanted for item in rrset)
        seconds, handed_on = None, ""
        for rrset in response.authority:
            if rrset.rdtype == dns.rdatatype.SOA:
                # A resolver caches a negative answer for the smaller of the two; it counts the TTL down (RFC 2308).
                seconds = min(rrset.ttl, rrset[0].minimum)
            elif rrset.rdtype == dns.rdatatype.NS and not recursive and not response.flags & dns.flags.AA:
                handed_on = domain_name(str(rrset.name))
        return Answer(server, values, seconds, handed_on)


def _address_and_port(setting: str) -> tuple[str, int]:
    with suppress(ValueError):
        return str(ipaddress.ip_address(setting)), PORT
    with suppress(ValueError):
        parts = urlsplit(f"//{setting}")
        if parts.netloc == setting and parts.port != 0:
            return str(ipaddress.ip_address(parts.hostname or "")), parts.port or PORT
    raise InvalidResolver(setting)
