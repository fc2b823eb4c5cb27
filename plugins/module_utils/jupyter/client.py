"""Log in to a machine as a student does and run `1+1` in a kernel.

aiohttp handles HTTP, cookies and websockets in one event loop, so that forty machines cost the controller little.
Machines belong to their users: only numbers and our own text reach the output, and every answer is limited in size and
time.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from ..output.machine_errors import UnexpectedAnswer, one_machine
from ..progress.reporter import Tally
from .failures import REPAIRS, CheckFailed, explained, repair_command
from .host_names import HostNames, is_loopback_name
from .kernel_messages import answer, execute_request, kernel_id

LARGEST_ANSWER = 1_000_000
"""Maximum size of an answer in bytes.

A login page or a kernel's message is far below it.
"""
PAUSE = 3.0
"""Seconds between two checks of a machine that is not ready.

A load balancer checks every 10 s.
"""


@dataclass(frozen=True)
class Machine:
    """Machine with its user, its URL, and the password that must open it."""

    user: str
    url: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Limits:
    """Limits in seconds, for an answer, kernel and readiness, and the last step.

    Steps are "refuse" (nobody gets in without the password), "login" (the user does), "kernel" (it runs `1+1`).
    """

    connect: float = 10
    kernel: float = 60
    wait: float = 0
    last_step: str = "kernel"


@dataclass(frozen=True)
class Result:
    """Result of a check.

    `kind` is "" for success, else the kind of failure; `repair` is the command that fixes it, if there is one. `since`
    is the time of the first check in a row that failed, once the report before was read.
    """

    user: str
    url: str
    ok: bool
    seconds: float
    kind: str = ""
    reason: str = ""
    repair: str = ""
    since: str = ""


async def check_all(
    machines: list[Machine], limits: Limits, ca_bundle: str, concurrency: int, names: HostNames | None = None
) -> list[Result]:
    """Check all `machines`, and return the results in their order.

    At most `concurrency` machines are checked at a time. `ca_bundle` is a file with the authorities to trust, "" for
    the system's. Raises OSError when `ca_bundle` cannot be used.
    """
    context = ssl.create_default_context(cafile=ca_bundle or None)
    names = names or HostNames()
    connector = aiohttp.TCPConnector(resolver=names, ssl=context, limit=0)
    slots = asyncio.Semaphore(concurrency)
    tally = Tally.of("checks", (machine.user for machine in machines), "passed")

    async def one(machine: Machine) -> Result:
        async with slots:
            result = await _check(machine, limits, connector, names)
        tally.end(machine.user, result.ok)
        return result

    try:
        return list(await asyncio.gather(*(one(machine) for machine in machines)))
    finally:
        await connector.close()
        await names.close()


async def _check(machine: Machine, limits: Limits, connector: aiohttp.TCPConnector, names: HostNames) -> Result:
    start = time.monotonic()
    while True:
        try:
            left = limits.wait - PAUSE - (time.monotonic() - start)
            await _try(_Student(machine, limits, connector, names), left)
        except CheckFailed as failure:
            passed = time.monotonic() - start
            if failure.is_passing and passed + PAUSE < limits.wait:
                await asyncio.sleep(PAUSE)
                continue
            return _failed(machine, failure, passed, limits)
        return Result(machine.user, machine.url, True, round(time.monotonic() - start, 2))


async def _try(student: _Student, left: float) -> None:
    """Check once; whatever the machine answers, the only error is CheckFailed."""
    try:
        with one_machine(CheckFailed):
            await student.check(left)
    except UnexpectedAnswer as error:
        raise CheckFailed("protocol", f"{error}: look at its journal") from error


def _failed(machine: Machine, failure: CheckFailed, seconds: float, limits: Limits) -> Result:
    reason = str(failure)
    if failure.is_passing and limits.wait:
        reason += f" (waited {seconds:.0f} s for it)"
    playbook = REPAIRS.get(failure.kind)
    repair = repair_command(playbook, [machine.user], {}) if playbook else ""
    return Result(machine.user, machine.url, False, round(seconds, 2), failure.kind, reason, repair)


class _UnknownName(Exception):
    """Error for a machine's name without an address.

    `failure` is the result unless a closer look at the name servers finds more.
    """

    def __init__(self, failure: CheckFailed) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Student:
    """Check of one machine."""

    def __init__(self, machine: Machine, limits: Limits, connector: aiohttp.TCPConnector, names: HostNames) -> None:
        self._names = names
        self._machine = machine
        self._limits = limits
        self._connector = connector
        self._url = machine.url.rstrip("/")
        self._host = urlsplit(machine.url).hostname or ""

    async def check(self, left: float) -> None:
        """Check that a student can work on the machine, and nobody without the password.

        Raises CheckFailed. `left` is the number of seconds that a fault may still take to pass.
        """
        self._names.forget(self._host)
        try:
            await self._steps()
        except _UnknownName as unknown:
            missing = await self._names.missing(self._host)
            if missing is None:
                raise unknown.failure from None
            if not missing.addresses or (missing.seconds or 0) <= left:
                raise CheckFailed(missing.kind, missing.text, True) from None
            self._names.use(self._host, missing.addresses)
            await self._steps()
            raise CheckFailed(missing.kind, f"the machine works, but not for all yet: {missing.text}") from None

    async def _steps(self) -> None:
        try:
            async with self._session() as stranger:
                await self._expect_closed(stranger)
                await self._expect_refused(stranger)
            if self._limits.last_step == "refuse":
                return
            async with self._session() as student:
                token = await self._log_in(student)
                if self._limits.last_step == "kernel":
                    await self._run_kernel(student, token)
        except aiohttp.ClientConnectorDNSError as error:
            raise _UnknownName(explained(error, self._host)) from error
        except aiohttp.ClientError as error:
            raise explained(error, self._host) from error
        except TimeoutError:
            what = f"no answer from {self._host} within {self._limits.connect:g} s"
            late = CheckFailed("connection", f"{what}: see whether the machine runs and its network", True)
            raise (_UnknownName(late) if self._names.is_asking(self._host) else late) from None

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # Also of a machine that is asked by its address.
            # Jupyter accepts a websocket only after the kernel has started, so opening one gets the kernel's limit.
            timeout=aiohttp.ClientTimeout(total=self._limits.kernel),
            trust_env=not is_loopback_name(self._host),
        )

    async def _request(
        self, session: aiohttp.ClientSession, method: str, path: str, **options: Any
    ) -> tuple[int, bytes]:
        options.setdefault("timeout", aiohttp.ClientTimeout(total=self._limits.connect))
        async with session.request(method, self._url + path, allow_redirects=False, **options) as response:
            status = response.status
            if status in (502, 503, 504):
                what = f"the load balancer answers {status}: Jupyter does not run, or is not healthy yet"
                raise CheckFailed("unavailable", what, True)
            body = await response.content.read(LARGEST_ANSWER)
        return status, body

    async def _expect_closed(self, session: aiohttp.ClientSession) -> None:
        status, _ = await self._request(session, "GET", "/api/contents")
        if status == 200:
            raise CheckFailed("open", "the machine serves everybody without a password: set one at once")
        if status == 404:
            what = "the load balancer knows no machine of this name (404): see the listener's rules"
            raise CheckFailed("rule", what, True)
        if status not in (302, 401, 403):
            raise CheckFailed("protocol", f"GET /api/contents answers {status}, unlike Jupyter: look at its journal")

    async def _expect_refused(self, session: aiohttp.ClientSession) -> None:
        if await self._post_login(session, secrets.token_urlsafe(18)) or await self._is_logged_in(session):
            raise CheckFailed("open", "a wrong password opens the machine: set the password again at once")

    async def _log_in(self, session: aiohttp.ClientSession) -> str:
        accepted = await self._post_login(session, self._machine.password)
        if not accepted or not await self._is_logged_in(session):
            what = "the machine refuses the password of the password file: set it, or ask the user who changed it"
            raise CheckFailed("password", what)
        return self._token(session)

    async def _post_login(self, session: aiohttp.ClientSession, password: str) -> bool:
        status, _ = await self._request(session, "GET", "/login")
        token = self._token(session)
        if status != 200 or not token:
            raise CheckFailed("protocol", f"GET /login answers {status} without Jupyter's form: look at its journal")
        form = {"_xsrf": token, "password": password}
        status, _ = await self._request(session, "POST", "/login", data=form)
        if status not in (302, 401, 403):
            raise CheckFailed("protocol", f"POST /login answers {status}, as no Jupyter does: look at its journal")
        return status == 302

    async def _is_logged_in(self, session: aiohttp.ClientSession) -> bool:
        status, _ = await self._request(session, "GET", "/api/status")
        return status == 200

    def _token(self, session: aiohttp.ClientSession) -> str:
        cookie = next((cookie for cookie in session.cookie_jar if cookie.key == "_xsrf"), None)
        return cookie.value if cookie else ""

    async def _run_kernel(self, session: aiohttp.ClientSession, token: str) -> None:
        headers = {"X-XSRFToken": token}
        options: dict[str, Any] = {"headers": headers, "timeout": aiohttp.ClientTimeout(total=self._limits.kernel)}
        end = time.monotonic() + self._limits.kernel
        late = CheckFailed("kernel", f"no kernel ran 1+1 within {self._limits.kernel:g} s: restart Jupyter")
        try:
            status, body = await self._request(session, "POST", "/api/kernels", json={}, **options)
        except TimeoutError:
            raise late from None
        kernel = kernel_id(body) if status == 201 else None
        if kernel is None:
            raise CheckFailed("kernel", f"Jupyter starts no kernel (POST /api/kernels answers {status}): restart it")
        try:
            async with asyncio.timeout(max(1.0, end - time.monotonic())):
                await self._execute(session, kernel)
        except TimeoutError:
            raise late from None
        finally:
            # A kernel that stays does not invalidate a successful check: Jupyter culls the kernel.
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, CheckFailed):
                await self._request(session, "DELETE", f"/api/kernels/{kernel}", headers=headers)

    async def _execute(self, session: aiohttp.ClientSession, kernel: str) -> None:
        name, message = uuid.uuid4().hex, uuid.uuid4().hex
        url = f"{self._url}/api/kernels/{kernel}/channels?session_id={name}"
        try:
            async with session.ws_connect(url, max_msg_size=LARGEST_ANSWER) as socket_:
                await socket_.send_json(execute_request(name, message))
                async for frame in socket_:
                    found = answer(frame, message)
                    if found == "2":
                        return
                    if found is not None:
                        raise CheckFailed("kernel", "the kernel's answer to 1+1 is not 2: restart Jupyter")
        except aiohttp.WSServerHandshakeError as error:
            what = f"the websocket to the kernel is refused ({error.status}): restart Jupyter"
            raise CheckFailed("kernel", what) from error
        raise CheckFailed("kernel", "the connection to the kernel was closed before its answer: restart Jupyter")
