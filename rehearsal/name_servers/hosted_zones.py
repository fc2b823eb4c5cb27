"""The hosted zones of the rehearsal's account, served on loopback addresses."""

import time
from contextlib import ExitStack

from moto.route53.models import FakeZone, route53_backends

from rehearsal.lock import LOCK
from rehearsal.name_servers.authority import Authority, Record, Zones
from rehearsal.name_servers.caching import CachingResolver
from rehearsal.name_servers.server import NameServer
from rehearsal.settings import Settings

RESOLVER = "127.0.0.1"
AUTHORITY = "127.0.0.2"
"""Address of all name servers of the account's zones."""
LOAD_BALANCER = "127.0.0.1"
_ALIAS_TTL = 60
_ATTEMPTS = 20


class HostedZones:
    """A caching resolver, and behind it the name servers of the account's zones."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()

    def start(self) -> str:
        """Start the resolver and the authoritative name server on one free port.

        Returns the resolver's address and port. Raises OSError.
        """
        authority = NameServer(Authority(self._zones).respond)
        for attempt in range(_ATTEMPTS):
            port = authority.start(AUTHORITY)
            resolver = NameServer(CachingResolver(AUTHORITY, port, time.monotonic).respond)
            try:
                resolver.start(RESOLVER, port)
            except OSError:
                # Another program has this port at the other address.
                authority.stop()
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            self._stack.callback(authority.stop)
            self._stack.callback(resolver.stop)
            break
        return f"{RESOLVER}:{port}"

    def stop(self) -> None:
        """Stop the resolver and the authoritative name server."""
        self._stack.close()

    def _zones(self) -> Zones:
        with LOCK:
            hosted = [
                zone for zone in route53_backends[self._settings.account]["aws"].zones.values() if not zone.private_zone
            ]
            zones = {zone.name: _records(zone) for zone in hosted}
            servers = [server for zone in hosted if zone.delegation_set for server in zone.delegation_set.name_servers]
        for server in servers:
            zones[server] = [Record(server, "A", (AUTHORITY,))]
        return zones


def _records(zone: FakeZone) -> list[Record]:
    records = []
    for item in zone.rrsets:
        kind = item.type or ""
        if item.alias_target:
            records.append(Record(item.name, kind, (LOAD_BALANCER,), _ALIAS_TTL))
        elif kind in ("A", "AAAA", "CNAME", "NS", "SOA", "TXT"):
            # moto keeps the values of its own SOA record as the API has them.
            values = tuple(str(value["Value"] if isinstance(value, dict) else value) for value in item.records or ())
            records.append(Record(item.name, kind, values, int(item.ttl or _ALIAS_TTL)))
    return records
