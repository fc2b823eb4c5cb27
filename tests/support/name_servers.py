"""Real name servers on loopback addresses.

They are a zone's own, and a caching resolver before them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rehearsal.name_servers.authority import Authority, Record, Zones
from rehearsal.name_servers.caching import CachingResolver
from rehearsal.name_servers.server import NameServer

RESOLVER, OWN, NOBODY = "127.0.0.1", "127.0.0.2", "127.0.0.9"
"""Addresses of the resolver, the zone's own servers, and one without a server."""


@dataclass
class NameServers:
    """State of the name servers.

    `zones` are those that the servers have now, `setting` is the resolver's address and port, and `lead` the seconds by
    which its clock is ahead.
    """

    zones: Zones = field(default_factory=dict)
    setting: str = ""
    lead: float = 0.0

    def host(self, zone: str, *servers: str, address: str = OWN) -> None:
        """Make a zone that the world asks these servers about, all at one address."""
        self.zones[zone] = [Record(zone, "NS", tuple(f"{server}." for server in servers), 172800)]
        for server in servers:
            self.zones[server] = [Record(server, "A", (address,))]

    def add(self, zone: str, name: str, kind: str, *values: str) -> None:
        """Add a record to a zone."""
        self.zones[zone].append(Record(name, kind, values))


@contextmanager
def name_servers() -> Iterator[NameServers]:
    """Run the servers; the port is the same at both addresses."""
    made = NameServers()
    authority = NameServer(Authority(lambda: made.zones).respond)
    port = authority.start(OWN)
    resolver = NameServer(CachingResolver(OWN, port, lambda: time.monotonic() + made.lead).respond)
    try:
        resolver.start(RESOLVER, port)
        made.setting = f"{RESOLVER}:{port}"
        yield made
    finally:
        resolver.stop()
        authority.stop()
