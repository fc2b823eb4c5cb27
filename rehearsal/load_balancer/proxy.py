"""Answer requests as a load balancer: by a rule, from a target, or with an error."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from yarl import URL

from rehearsal.load_balancer import routing, websocket
from rehearsal.load_balancer.headers import WEBSOCKET, end_to_end, to_target
from rehearsal.load_balancer.health import Health
from rehearsal.load_balancer.model import Action, Address, LoadBalancer, Picture, Redirect, TargetGroup
from rehearsal.load_balancer.snapshot import Pictures
from rehearsal.load_balancer.tls import HTTPS, Certificates

HTTP = 80
SERVER = "awselb/2.0"
CONNECT_SECONDS = 10
"""Seconds that a load balancer waits for a target to accept a connection."""
CHUNK = 64 * 1024
_PHRASES = {
    408: "Request Time-out",
    460: "Client Closed Request",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
_log = logging.getLogger(__name__)


class _Stalled(Exception):
    """Error: the client stopped sending its request's body."""


class Proxy:
    """The reverse proxy of all load balancers.

    The name in a request tells which load balancer it concerns.
    """

    def __init__(self, pictures: Pictures, certificates: Certificates, health: Health) -> None:
        self._pictures = pictures
        self._certificates = certificates
        self._health = health
        self._turn = itertools.count()
        self.ports: dict[int, int] = {}
        """Ports on this computer by the load balancers' own ports.

        It is set once the sockets are bound.
        """
        self._session: aiohttp.ClientSession

    async def open(self) -> None:
        """Open the HTTP client for connections to targets."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def close(self) -> None:
        """Close all connections to targets."""
        await self._session.close()

    async def answer_https(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request over TLS; its load balancer is that of the handshake."""
        connection = request.get_extra_info("ssl_object")
        balancer = self._certificates.balancer_of(connection) if connection else None
        picture = await self._pictures.current()
        # Since the handshake, a new snapshot may have other rules, or lack the load balancer.
        balancer = picture.balancers.get(balancer.dns_name) if balancer else None
        return await self._answer(request, picture, balancer, HTTPS)

    async def answer_http(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request without TLS; its Host header names the load balancer."""
        picture = await self._pictures.current()
        return await self._answer(request, picture, picture.balancer_of(_host(request)), HTTP)

    async def _answer(
        self, request: web.BaseRequest, picture: Picture, balancer: LoadBalancer | None, port: int
    ) -> web.StreamResponse:
        listener = balancer.listeners.get(port) if balancer and port in balancer.admitted_ports else None
        if balancer is None or listener is None:
            # On AWS nobody would listen at this address, so the connection ends without an answer.
            if request.transport:
                request.transport.abort()
            return web.Response(status=503)
        action = routing.action_for(listener, _host(request), request.rel_url.raw_path)
        if action.fixed:
            status, content_type, text = action.fixed
            return web.Response(
                status=status, text=text, content_type=content_type, charset="utf-8", headers={"Server": SERVER}
            )
        if action.redirect:
            return self._redirect(request, action.redirect, port)
        group = self._group(picture, action)
        target = self._health.choose(group, next(self._turn)) if group else None
        if group is None or target is None:
            return _page(503)
        if target.address is None:
            # The security groups drop the packets, so the request fails without waiting for the time-out.
            return _page(504)
        return await self._forward(request, balancer, port, group, target.address)

    def _redirect(self, request: web.BaseRequest, redirect: Redirect, port: int) -> web.Response:
        place = routing.location(
            redirect,
            protocol="https" if port == HTTPS else "http",
            host=_host(request),
            port=str(port),
            path=request.rel_url.raw_path.removeprefix("/"),
            query=request.rel_url.raw_query_string,
            ports={str(inner): outer for inner, outer in self.ports.items()},
        )
        return _page(redirect.status, {"Location": place})

    def _group(self, picture: Picture, action: Action) -> TargetGroup | None:
        """Return the target group of a forward action.

        Several groups take turns by their weights.
        """
        arns = [arn for arn, weight in action.forward for _ in range(weight)]
        return picture.groups.get(arns[next(self._turn) % len(arns)]) if arns else None

    async def _forward(
        self, request: web.BaseRequest, balancer: LoadBalancer, port: int, group: TargetGroup, address: Address
    ) -> web.StreamResponse:
        host, target_port = address
        url = URL(f"{group.protocol.lower()}://{host}:{target_port}{request.raw_path}", encoded=True)
        is_websocket = request.headers.get("Upgrade", "").lower() == "websocket"
        headers = to_target(
            request.headers,
            client=request.remote or "",
            protocol="https" if port == HTTPS else "http",
            port=self.ports[port],
            drop_invalid=balancer.drop_invalid_headers,
            drop=WEBSOCKET if is_websocket else frozenset(),
        )
        response: web.StreamResponse | None = None
        try:
            if is_websocket:
                names = request.headers.get("Sec-WebSocket-Protocol", "")
                protocols = [name.strip() for name in names.split(",") if name.strip()]
                carried = websocket.carry(request, self._session, url, headers, protocols, balancer.idle_timeout)
                return await carried
            timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=balancer.idle_timeout)
            body = _body(request, balancer.idle_timeout) if request.body_exists else None
            async with self._session.request(
                request.method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False, ssl=False
            ) as upstream:
                response = web.StreamResponse(
                    status=upstream.status, reason=upstream.reason, headers=end_to_end(upstream.headers)
                )
                await response.prepare(request)
                async for chunk in upstream.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except aiohttp.WSServerHandshakeError as error:
            # The target answered, but without a websocket, for example with 403 before a login.
            return web.Response(
                status=error.status, headers=end_to_end(error.headers or {}, frozenset({"content-length"}))
            )
        except (aiohttp.ClientError, TimeoutError, _Stalled) as error:
            return _failure(request, response, error)


async def _body(request: web.BaseRequest, idle_timeout: float) -> AsyncIterator[bytes]:
    """Yield the request's body as it arrives; raise _Stalled when it stops."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    while True:
        try:
            async with asyncio.timeout(idle_timeout):
                chunk = await request.content.read(CHUNK)
        except TimeoutError:
            raise _Stalled from None
        if not chunk:
            return
        yield chunk


def _failure(request: web.BaseRequest, begun: web.StreamResponse | None, error: Exception) -> web.StreamResponse:
    """Return an error page, or end an answer that was already on its way.

    The client notices that such an answer is incomplete.
    """
    _log.debug("%s %s: %r", request.method, request.host, error)
    if begun is not None and begun.prepared:
        if request.transport:
            request.transport.abort()
        return begun
    if isinstance(error, _Stalled) or isinstance(error.__cause__, _Stalled):
        return _page(408)
    timed_out = isinstance(error, TimeoutError)
    return _page(504 if timed_out else 502)


def _page(status: int, headers: dict[str, str] | None = None) -> web.Response:
    """Return the load balancer's own page for a status."""
    response = web.Response(status=status, reason=_PHRASES.get(status), headers={"Server": SERVER} | (headers or {}))
    title = f"{status} {response.reason}"
    response.content_type = "text/html"
    response.text = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return response


def _host(request: web.BaseRequest) -> str:
    """Return the host name of the request, without its port."""
    return request.host.rsplit(":", 1)[0] if request.host.rpartition(":")[2].isdigit() else request.host
