"""Pass on websocket messages in both directions."""

import asyncio
from collections.abc import Sequence

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

NORMAL, GOING_AWAY = 1000, 1001
_UNSENDABLE = frozenset((1005, 1006, 1015))
"""Close codes that stand for 'no code received'; no message may contain them."""
CLOSE_SECONDS = 5.0

Side = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def carry(
    request: web.BaseRequest,
    session: aiohttp.ClientSession,
    url: URL,
    headers: CIMultiDict[str],
    protocols: Sequence[str],
    idle_timeout: float,
) -> web.WebSocketResponse:
    """Connect a websocket client to the target, and pass on their messages.

    It returns when one side ends.

    It connects to the target first, then to the client with the subprotocol that the target chose. Raises
    aiohttp.WSServerHandshakeError when the target answers with something other than a websocket, and other
    aiohttp.ClientErrors when it cannot be reached; nothing was sent to the client then.
    """
    # Pings and pongs are passed on, so that either end learns whether the other one is alive.
    upstream = await session.ws_connect(
        url, headers=headers, protocols=protocols, autoping=False, max_msg_size=0, timeout=_CLOSE_TIMEOUT
    )
    chosen = [upstream.protocol] if upstream.protocol else []
    downstream = web.WebSocketResponse(
        protocols=chosen, autoping=False, max_msg_size=0, compress=False, timeout=CLOSE_SECONDS
    )
    try:
        await downstream.prepare(request)
        code, text = await _until_one_ends(downstream, upstream, idle_timeout)
        await downstream.close(code=code, message=text)
        await upstream.close(code=code, message=text)
    finally:
        await upstream.close()
    return downstream


_CLOSE_TIMEOUT = aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS)


async def _until_one_ends(
    downstream: web.WebSocketResponse, upstream: aiohttp.ClientWebSocketResponse, idle: float
) -> tuple[int, bytes]:
    """Pass on messages both ways until one side ends.

    Returns the close code and text for the other side.
    """
    clock = asyncio.get_running_loop().time
    last = [clock()]
    pumps = [
        asyncio.create_task(_pump(downstream, upstream, last)),
        asyncio.create_task(_pump(upstream, downstream, last)),
    ]
    try:
        while (quiet := clock() - last[0]) < idle:
            done, _ = await asyncio.wait(pumps, timeout=idle - quiet, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return done.pop().result()
    except ConnectionError:
        # A message for a side that has just closed cannot be delivered.
        pass
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
    return GOING_AWAY, b""


async def _pump(source: Side, sink: Side, last: list[float]) -> tuple[int, bytes]:
    """Pass on messages until the source ends; return its close code and text."""
    while True:
        message = await source.receive()
        last[0] = asyncio.get_running_loop().time()
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                await sink.send_str(message.data)
            case aiohttp.WSMsgType.BINARY:
                await sink.send_bytes(message.data)
            case aiohttp.WSMsgType.PING:
                await sink.ping(message.data)
            case aiohttp.WSMsgType.PONG:
                await sink.pong(message.data)
            case aiohttp.WSMsgType.CLOSE:
                return _sendable(message.data), (message.extra or "").encode()
            case _:
                return GOING_AWAY, b""


def _sendable(code: int | None) -> int:
    return NORMAL if code is None or code in _UNSENDABLE else code
