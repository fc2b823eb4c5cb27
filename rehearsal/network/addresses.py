"""Allocate the machines' public addresses and forward their connections.

Each run has a range of 127.0.0.0/8 of its own. A machine's public address changes at every stop and start, but a
container's published ports never do. So the rehearsal's own forwarders listen on address and port, and pass
connections on to the container as long as a security group admits them.
"""

import asyncio
import errno
import ipaddress
import logging
import random
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from rehearsal.api.errors import AwsError

_CHUNK = 64 * 1024
_CONNECT_SECONDS = 10.0
_PROBE_SECONDS = 0.5
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


def pick_range() -> ipaddress.IPv4Network:
    """Return a /24 of the loopback network on which nobody listens at the ssh port.

    Raises OSError if there is none.
    """
    candidates = [(second, third) for second in range(40, 250) for third in range(1, 255)]
    for second, third in random.sample(candidates, 50):
        network = ipaddress.ip_network(f"127.{second}.{third}.0/24")
        if _can_listen(str(network[1]), 0):
            return network  # type: ignore[return-value]  # of this text never an IPv6Network
    raise OSError("no address of 127.0.0.0/8 can be listened on")


def pick_ssh_port(address: str) -> int:
    """Return the port for ssh: 22 if it is available, else a free one.

    Port 22 is available where this process may listen on it and no sshd holds it on all addresses.
    """
    if _can_listen(address, 22):
        return 22
    with socket.socket() as listener:
        listener.bind((address, 0))
        return int(listener.getsockname()[1])


def _can_listen(address: str, port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind((address, port))
            listener.listen()
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                raise
            return False
    return True


class AddressPool:
    """Pool of the range's addresses, which it allocates in turn.

    In this way a freed address does not soon belong to another machine.
    """

    def __init__(self, network: ipaddress.IPv4Network, in_use: Callable[[], set[str]]) -> None:
        self._addresses = [str(address) for address in network.hosts()]
        self._in_use = in_use
        self._next = 0

    def allocate(self) -> str:
        """Return the next free address; raise the error that EC2 gives when there is none."""
        taken = self._in_use()
        for _ in self._addresses:
            address = self._addresses[self._next]
            self._next = (self._next + 1) % len(self._addresses)
            if address not in taken:
                return address
        message = "The rehearsal has handed out all its public addresses."
        raise AwsError("InsufficientFreeAddressesInSubnet", message)


class Forwarders:
    """Listeners on public addresses.

    All sockets are in one event loop in one thread.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="forwarders", daemon=True)
        self._listeners: dict[tuple[str, int], tuple[str, int, asyncio.Server]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread.start()

    def keep(self, wanted: dict[tuple[str, int], tuple[str, int]], admits: Callable[[str, int, str], bool]) -> None:
        """Listen on exactly these (address, port), and forward each to its target.

        `wanted` maps each to its (container address, port). A port on which the container does not accept connections
        yet gets no listener, so that a client is refused as a booting machine refuses it; call again until it does.
        `admits(address, port, client)` is called for each connection. Connections that are open stay open when their
        listener goes, as AWS lets tracked ones live.
        """
        self._run(self._keep(wanted, admits))

    def listening(self) -> set[tuple[str, int]]:
        """Return the (address, port) pairs with a listener."""
        return set(self._listeners)

    def stop(self) -> None:
        """Close every listener and connection."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _keep(
        self, wanted: dict[tuple[str, int], tuple[str, int]], admits: Callable[[str, int, str], bool]
    ) -> None:
        for key, (host, port, server) in list(self._listeners.items()):
            if wanted.get(key) != (host, port):
                server.close()
                del self._listeners[key]
        missing = {key: target for key, target in wanted.items() if key not in self._listeners}
        answers = await asyncio.gather(*(_accepts(*target) for target in missing.values()))
        for (key, target), ready in zip(missing.items(), answers, strict=True):
            if ready:
                await self._listen(key, target, admits)

    async def _listen(
        self, key: tuple[str, int], target: tuple[str, int], admits: Callable[[str, int, str], bool]
    ) -> None:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task:
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if not admits(*key, writer.get_extra_info("peername")[0]):
                writer.transport.abort()
                return
            await _join(reader, writer, target)

        try:
            server = await asyncio.start_server(carry, *key, limit=_CHUNK)
        except OSError as error:
            _log.warning("cannot listen on %s:%s: %s", *key, error)
            return
        self._listeners[key] = (*target, server)

    async def _stop(self) -> None:
        for _, _, server in self._listeners.values():
            server.close()
        self._listeners.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _accepts(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _PROBE_SECONDS)
    except OSError:
        return False
    writer.transport.abort()
    return True


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int]) -> None:
    """Copy data both ways until one side ends.

    The end of one direction is passed on as such.
    """
    try:
        far_reader, far_writer = await asyncio.wait_for(asyncio.open_connection(*target), _CONNECT_SECONDS)
    except OSError:
        writer.transport.abort()
        return
    try:
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
    except OSError:
        pass  # one side vanished; both are closed below
    finally:
        far_writer.close()
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
