"""Resolve machines' names for the check, and find out why one does not resolve."""

from __future__ import annotations

import asyncio
import socket

import aiohttp

from ..dns.missing_name import MissingName, missing_name
from ..dns.queries import Dns, NoAnswer


class HostNames(aiohttp.abc.AbstractResolver):
    """Resolver of machines' names: the server of `dns_resolver`, or the system's.

    The system's, for "", includes /etc/hosts, and names below .localhost are 127.0.0.1: browsers do so (RFC 6761), and
    the C library does not.
    """

    def __init__(self, dns_resolver: str = "", zone: str = "") -> None:
        """Raise InvalidResolver for a `dns_resolver` that is no address.

        Without a `zone` nobody looks closer at a name that does not resolve.
        """
        self._dns = Dns.of(dns_resolver)
        self._zone = zone
        self._is_system = not dns_resolver
        self._used: dict[str, tuple[str, ...]] = {}
        self._asking: set[str] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """Return the addresses of `host`; raise OSError where there are none."""
        self._asking.add(host)
        try:
            if host in self._used:
                return _results(host, port, self._used[host])
            if not self._is_system:
                return _results(host, port, await self._addresses(host))
            if is_loopback_name(host):
                return _results(host, port, ("127.0.0.1",))
            # aiohttp would take aiodns where it is installed, but /etc/hosts and the system's resolver must apply.
            return await aiohttp.ThreadedResolver().resolve(host, port, family)
        finally:
            self._asking.discard(host)

    async def _addresses(self, host: str) -> tuple[str, ...]:
        try:
            found = (await asyncio.to_thread(self._dns.ask, host)).values
        except NoAnswer as error:
            raise OSError(f"no answer from {error}") from error
        if not found:
            raise OSError("no such name")
        return found

    def is_asking(self, host: str) -> bool:
        """Return whether an answer about `host` is still awaited."""
        return host in self._asking

    async def missing(self, host: str) -> MissingName | None:
        """Return why `host` does not resolve; None where no name servers are asked for it."""
        if not self._zone or (self._is_system and is_loopback_name(host)):
            return None
        return await asyncio.to_thread(missing_name, self._dns, host, self._zone)

    def use(self, host: str, addresses: tuple[str, ...]) -> None:
        """Resolve `host` to these addresses until `forget`."""
        self._used[host] = addresses

    def forget(self, host: str) -> None:
        """Ask for `host` again."""
        self._used.pop(host, None)

    async def close(self) -> None:
        """Do nothing: nothing is held."""


def is_loopback_name(host: str) -> bool:
    """Return whether `host` is localhost or a name below it."""
    return host == "localhost" or host.endswith(".localhost")


def _results(host: str, port: int, addresses: tuple[str, ...]) -> list[aiohttp.abc.ResolveResult]:
    return [
        aiohttp.abc.ResolveResult(
            hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
        )
        for address in addresses
    ]
