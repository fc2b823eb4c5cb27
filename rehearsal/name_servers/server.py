"""Serve DNS over UDP on a loopback address."""

import socketserver
import threading
from collections.abc import Callable
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.rcode

Respond = Callable[[dns.message.Message], dns.message.Message]
"""Function that returns the response to a query with one question."""


class NameServer:
    """A name server in threads of its own, from `start` to `stop`."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._server: socketserver.ThreadingUDPServer | None = None

    def start(self, address: str, port: int = 0) -> int:
        """Serve on an address and return the port; raise OSError where another has it."""
        respond = self._respond

        class Handler(socketserver.DatagramRequestHandler):
            def handle(self) -> None:
                reply = _reply(self.rfile.read(), respond)
                if reply:
                    self.wfile.write(reply)

        self._server = socketserver.ThreadingUDPServer((address, port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name=f"dns {address}", daemon=True).start()
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Serve no longer; without a start, do nothing."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _reply(packet: Any, respond: Respond) -> bytes:
    try:
        query = dns.message.from_wire(packet)
    except dns.exception.DNSException:
        return b""
    if query.flags & dns.flags.QR or len(query.question) != 1:
        return b""
    return respond(query).to_wire()
