"""Resolve as a caching resolver does.

Answers are kept for their TTL, negative ones for that of the SOA record (RFC 2308).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

_TIMEOUT = 2.0


@dataclass(frozen=True)
class _Kept:
    response: dns.message.Message
    since: float
    seconds: int


class CachingResolver:
    """Answers of one authoritative server, kept as long as it allows."""

    def __init__(self, upstream: str, port: int, now: Callable[[], float] = time.monotonic) -> None:
        self._upstream = upstream
        self._port = port
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def respond(self, query: dns.message.Message) -> dns.message.Message:
        """Return the response to a query with one question."""
        question = query.question[0]
        key = question.to_text()
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or self._now() - kept.since >= kept.seconds:
            kept = self._fetch(question.name.to_text(), dns.rdatatype.to_text(question.rdtype))
            if kept:
                with self._lock:
                    self._kept[key] = kept
        response = dns.message.make_response(query, recursion_available=True)
        if kept is None:
            response.set_rcode(dns.rcode.SERVFAIL)
            return response
        age = int(self._now() - kept.since)
        response.set_rcode(kept.response.rcode())
        response.answer += [_aged(rrset, age) for rrset in kept.response.answer]
        response.authority += [_aged(rrset, age) for rrset in kept.response.authority]
        return response

    def _fetch(self, name: str, kind: str) -> _Kept | None:
        query = dns.message.make_query(name, kind, flags=0)
        try:
            response = dns.query.udp(query, self._upstream, _TIMEOUT, self._port)
        except (dns.exception.DNSException, OSError):
            return None
        # Nobody here answers for a part of a zone that is handed on.
        if not response.flags & dns.flags.AA:
            return None
        times = [rrset.ttl for rrset in response.answer]
        times += [min(rrset.ttl, rrset[0].minimum) for rrset in response.authority if rrset.rdtype == dns.rdatatype.SOA]
        return _Kept(response, self._now(), min(times, default=0))


def _aged(rrset: dns.rrset.RRset, age: int) -> dns.rrset.RRset:
    aged = rrset.copy()
    aged.ttl = max(0, rrset.ttl - age)
    return aged
