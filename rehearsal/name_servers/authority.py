"""Answer as Route 53's name servers do, for the hosted zones and the root."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

SOA_TTL = 900
"""Seconds that resolvers keep a negative answer.

It is the TTL of the SOA record that Route 53 gives each zone.
"""
_SOA = "ns.invalid. hostmaster.invalid. 1 7200 900 1209600 86400"
"""SOA record of a zone that has none of its own.

Such a zone is the root, with all names outside of the hosted zones.
"""


@dataclass(frozen=True)
class Record:
    """The records of one name and type."""

    name: str
    kind: str
    values: tuple[str, ...]
    ttl: int = 60

    @property
    def rrset(self) -> dns.rrset.RRset:
        """The records in the form of a message."""
        # Names without a trailing dot are absolute, as in Route 53's values.
        return dns.rrset.from_text_list(
            _absolute(self.name), self.ttl, "IN", self.kind, self.values, origin=dns.name.root, relativize=False
        )


Zones = dict[str, list[Record]]
"""The records of each zone; what is below no zone does not exist."""


class Authority:
    """Authoritative answers for zones, by the rules of RFC 1034, 4.3.2.

    The zones are read anew for each query.
    """

    def __init__(self, zones: Callable[[], Zones]) -> None:
        self._zones = zones

    def respond(self, query: dns.message.Message) -> dns.message.Message:
        """Return the response to a query with one question."""
        response = dns.message.make_response(query)
        question = query.question[0]
        zone, records = self._zone_of(question.name)
        sets = [record.rrset for record in records]
        for rrset in sets:
            # Records below this name are in another zone, whatever this one holds.
            if rrset.rdtype == dns.rdatatype.NS and rrset.name != zone and question.name.is_subdomain(rrset.name):
                response.authority.append(rrset)
                return response
        response.flags |= dns.flags.AA
        found = [rrset for rrset in sets if rrset.name == question.name and rrset.rdtype == question.rdtype]
        response.answer += found
        if not found:
            soa = next((rrset for rrset in sets if (rrset.name, rrset.rdtype) == (zone, dns.rdatatype.SOA)), None)
            response.authority.append(soa or dns.rrset.from_text(zone, SOA_TTL, "IN", "SOA", _SOA))
            # A name exists as soon as a name below it does (RFC 4592).
            exists = any(rrset.name.is_subdomain(question.name) for rrset in sets)
            response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        return response

    def _zone_of(self, name: dns.name.Name) -> tuple[dns.name.Name, Iterable[Record]]:
        """Return the nearest zone above a name, or the root, with its records."""
        zones = {dns.name.from_text(_absolute(zone)): records for zone, records in self._zones().items()}
        above = [zone for zone in zones if name.is_subdomain(zone)]
        if not above:
            return dns.name.root, []
        zone = max(above, key=len)
        return zone, zones[zone]


def _absolute(name: str) -> str:
    return name.lower().rstrip(".") + "."
