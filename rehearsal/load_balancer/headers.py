"""Rewrite HTTP headers on their way through a load balancer."""

import re
import secrets
import time
from collections.abc import Mapping

from multidict import CIMultiDict, CIMultiDictProxy

HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect")
)
WEBSOCKET = frozenset(
    ("sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol")
)
_VALID_NAME = re.compile(r"[-A-Za-z0-9]+")
Incoming = CIMultiDictProxy[str] | CIMultiDict[str]


def to_target(
    incoming: Incoming, *, client: str, protocol: str, port: int, drop_invalid: bool, drop: frozenset[str] = frozenset()
) -> CIMultiDict[str]:
    """Return a request's headers for the target.

    Added headers name the client, the protocol and the port.
    """
    headers = end_to_end(incoming, drop)
    if drop_invalid:
        headers = CIMultiDict((name, value) for name, value in headers.items() if _VALID_NAME.fullmatch(name))
    before = [value for value in headers.popall("X-Forwarded-For", []) if value]
    headers["X-Forwarded-For"] = ", ".join([*before, client])
    headers["X-Forwarded-Proto"] = protocol
    headers["X-Forwarded-Port"] = str(port)
    headers.setdefault("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}")
    return headers


def end_to_end(incoming: Mapping[str, str], drop: frozenset[str] = frozenset()) -> CIMultiDict[str]:
    """Return the end-to-end headers, without those to drop.

    Hop-by-hop headers, which concern one connection only, are left out.
    """
    items = CIMultiDict(incoming)
    named = {token.strip().lower() for value in items.getall("Connection", []) for token in value.split(",")}
    unwanted = HOP_BY_HOP | named | drop
    return CIMultiDict((name, value) for name, value in items.items() if name.lower() not in unwanted)
