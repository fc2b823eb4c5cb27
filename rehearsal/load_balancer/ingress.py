"""Serve browsers through one HTTPS and one HTTP port for all load balancers.

The ports serve all names. Reads moto's Route 53, ELBv2 and ACM backends, and reaches machines only where their
security groups admit the load balancer's. Runs in a thread of its own.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web
from moto.ec2.models.instances import Instance
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus

from rehearsal.load_balancer.health import NOT_IN_USE, Health
from rehearsal.load_balancer.model import Address
from rehearsal.load_balancer.proxy import HTTP, Proxy
from rehearsal.load_balancer.snapshot import Pictures, Reach, used_groups
from rehearsal.load_balancer.tls import HTTPS, Certificates
from rehearsal.network import firewall

START_SECONDS = 10
STOP_SECONDS = 10
KEEP_ALIVE = 75.0
"""Seconds that an idle browser connection is kept open between requests."""
LARGEST_HEADER = 16 * 1024
"""Limit in bytes of one line and of one header, as for a load balancer."""

_describe_target_health = ELBv2Backend.describe_target_health
_log = logging.getLogger(__name__)


def through_security_groups(container_address: Callable[[str], str | None]) -> Reach:
    """Return a function that finds the address of an instance for a source.

    The address is that of the instance's container, from `container_address`, if the instance's security groups admit
    the source.
    """

    def reach(instance: Instance, source: firewall.Source, port: int) -> Address | None:
        if not firewall.may_connect(instance, source, port):
            return None
        address = container_address(instance.id)
        return (address, port) if address else None

    return reach


class FrontDoor:
    """The load balancers of one account and region."""

    def __init__(self, account: str, region: str, reach: Reach) -> None:
        self._account = account
        self._region = region
        self._reach = reach
        self._thread = threading.Thread(target=self._run, name="front-door", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._wanted = ("127.0.0.1", 0, 0)
        self._health: Health | None = None
        self.https_port = 0
        self.http_port = 0

    def start(self, https_port: int, http_port: int, address: str = "127.0.0.1") -> None:
        """Listen on both ports; raise OSError on failure.

        A port of 0 takes a free one; `https_port` and `http_port` then hold the number.
        """
        self._wanted = (address, https_port, http_port)
        self._thread.start()
        if not self._started.wait(START_SECONDS):
            raise TimeoutError(f"the load balancer did not start within {START_SECONDS} s")
        if self._failure:
            raise self._failure
        _install_health(self)

    def stop(self) -> None:
        """Close all connections and end the thread."""
        ELBv2Backend.describe_target_health = _describe_target_health
        if self._loop and self._stopping and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(STOP_SECONDS)

    def target_health(self, backend: ELBv2Backend, group_arn: str, targets: list[dict[str, Any]]) -> list[Any]:
        """Return the answer of DescribeTargetHealth; the caller holds the lock."""
        answers = _describe_target_health(backend, group_arn, targets)
        if (backend.account_id, backend.region_name) != (self._account, self._region) or self._health is None:
            return answers
        registered = backend.target_groups[group_arn].targets
        in_use = group_arn in used_groups(backend)
        return [
            _described(self._health, group_arn, answer, in_use) if answer.instance_id in registered else answer
            for answer in answers
        ]

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            self._failure = error
            _log.exception("the load balancer ended")
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        pictures = Pictures(self._account, self._region, self._reach)
        certificates = Certificates(lambda: pictures.last)
        self._health = Health(pictures)
        proxy = Proxy(pictures, certificates, self._health)
        address, https_port, http_port = self._wanted
        await proxy.open()
        runners = []
        checks = None
        try:
            for handler, port, context in (
                (proxy.answer_https, https_port, certificates.context),
                (proxy.answer_http, http_port, None),
            ):
                server = web.Server(
                    handler,
                    access_log=None,
                    auto_decompress=False,
                    keepalive_timeout=KEEP_ALIVE,
                    max_line_size=LARGEST_HEADER,
                    max_field_size=LARGEST_HEADER,
                )
                runner = web.ServerRunner(server, shutdown_timeout=1)
                await runner.setup()
                runners.append(runner)
                await web.TCPSite(runner, address, port, ssl_context=context).start()
            self.https_port, self.http_port = (runner.addresses[0][1] for runner in runners)
            proxy.ports = {HTTPS: self.https_port, HTTP: self.http_port}
            checks = asyncio.create_task(self._health.run())
            self._started.set()
            await asyncio.wait(
                [checks, asyncio.create_task(self._stopping.wait())], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            if checks:
                checks.cancel()
                await asyncio.gather(checks, return_exceptions=True)
            for runner in runners:
                await runner.cleanup()
            await proxy.close()


def _described(health: Health, group_arn: str, answer: FakeHealthStatus, in_use: bool) -> FakeHealthStatus:
    """Return moto's answer for a registered target, with the result of the checks."""
    if answer.reason == "Target.InvalidState":
        return answer
    state = health.state(group_arn, answer.instance_id, int(answer.port)) if in_use else NOT_IN_USE
    return FakeHealthStatus(
        answer.instance_id, answer.port, answer.health_check_port, state.name, state.reason, state.description
    )


def _install_health(door: FrontDoor) -> None:
    """Make DescribeTargetHealth return the result of the checks.

    moto reports every target as healthy.
    """

    def describe(backend: ELBv2Backend, target_group_arn: str, targets: list[dict[str, Any]]) -> list[Any]:
        return door.target_health(backend, target_group_arn, targets)

    # mypy objects because moto's first argument is called self.
    ELBv2Backend.describe_target_health = describe  # type: ignore[assignment]
