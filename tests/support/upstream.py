"""A server behind a load balancer, for tests of the rehearsal's load balancer."""

import asyncio
import hashlib
import threading

import aiohttp
from aiohttp import web


class Upstream:
    """A target: a server in a thread, with a settable health."""

    def __init__(self) -> None:
        self.health = 200
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self.loop).result(10)

    async def _start(self) -> int:
        app = web.Application(client_max_size=64 * 1024**2)
        app.router.add_get("/api", self._api)
        app.router.add_get("/ws", self._websocket)
        app.router.add_get("/ws-refused", self._refused)
        app.router.add_get("/stream", self._stream)
        app.router.add_get("/silent", self._silent)
        app.router.add_post("/upload", self._upload)
        app.router.add_route("*", "/echo{tail:.*}", self._echo)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        return int(self.runner.addresses[0][1])

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)

    async def _api(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "2"}, status=self.health)

    async def _echo(self, request: web.Request) -> web.Response:
        headers = [(name, value) for name, value in request.headers.items()]
        answer = web.json_response({"method": request.method, "path": request.raw_path, "headers": headers})
        answer.headers.add("Set-Cookie", "a=1; Secure")
        answer.headers.add("Set-Cookie", "b=2; Secure")
        return answer

    async def _upload(self, request: web.Request) -> web.Response:
        digest, size = hashlib.sha256(), 0
        async for chunk in request.content.iter_any():
            digest.update(chunk)
            size += len(chunk)
        return web.json_response({"size": size, "sha256": digest.hexdigest()})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(3):
            await response.write(f"data: {number}\n\n".encode())
            await asyncio.sleep(0.3)
        return response

    async def _silent(self, request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def _refused(self, request: web.Request) -> web.Response:
        return web.Response(status=403)

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        connection = web.WebSocketResponse(protocols=("v1.kernel.websocket.jupyter.org",), max_msg_size=0)
        await connection.prepare(request)
        async for message in connection:
            if message.type == aiohttp.WSMsgType.BINARY:
                await connection.send_bytes(message.data)
            elif message.data == "close":
                await connection.close(code=4001, message=b"as asked")
            else:
                await connection.send_str(message.data)
        return connection
