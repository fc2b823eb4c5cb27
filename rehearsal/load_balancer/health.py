"""Check the health of all targets in one loop.

Their target groups configure the checks.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, field

import aiohttp

from rehearsal.load_balancer.model import HealthCheck, Picture, Target, TargetGroup
from rehearsal.load_balancer.snapshot import Pictures

TICK = 0.5
"""Seconds between two searches for due checks."""
AT_ONCE = 20
"""Maximum number of checks at the same time."""
INITIAL, HEALTHY, UNHEALTHY, UNUSED = "initial", "healthy", "unhealthy", "unused"

Key = tuple[str, str, int]
"""Key of a target: target group, instance, port."""


@dataclass(frozen=True)
class State:
    """A target's health as DescribeTargetHealth shows it."""

    name: str
    reason: str | None = None
    description: str | None = None


_REGISTERING = State(INITIAL, "Elb.RegistrationInProgress", "Target registration is in progress")
_CHECKING = State(INITIAL, "Elb.InitialHealthChecking", "Initial health checks in progress")
_STOPPED = State(UNUSED, "Target.InvalidState", "Target is in the stopped state")
_DISABLED = State("unavailable", "Target.HealthCheckDisabled", "Health checks are not enabled")
NOT_IN_USE = State(
    UNUSED, "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)


@dataclass
class _Record:
    state: State = _REGISTERING
    due: float = 0.0
    passed: int = 0
    """Checks passed in a row."""
    failed: int = 0
    """Checks failed in a row."""
    busy: bool = False


@dataclass
class Health:
    """The health of every target; any thread may call `state`."""

    pictures: Pictures
    _records: dict[Key, _Record] = field(default_factory=dict)

    def state(self, group_arn: str, instance_id: str, port: int) -> State:
        """Return a registered target's health."""
        record = self._records.get((group_arn, instance_id, port))
        return record.state if record else _REGISTERING

    def choose(self, group: TargetGroup, turn: int) -> Target | None:
        """Return a target for a request, a healthy one if possible.

        If the checks found all targets unhealthy, any of them is returned, as a load balancer does.
        """
        states = [(target, self.state(group.arn, target.instance_id, target.port).name) for target in group.targets]
        for wanted in ((HEALTHY, _DISABLED.name), (UNHEALTHY,)):
            found = [target for target, state in states if state in wanted and target.running]
            if found:
                return found[turn % len(found)]
        return None

    async def run(self) -> None:
        """Run the checks for ever."""
        slots = asyncio.Semaphore(AT_ONCE)
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=_any_certificate())
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            asyncio.TaskGroup() as tasks,
        ):
            while True:
                picture = await self.pictures.current()
                for key, check, target in self._due(picture):
                    tasks.create_task(self._check(session, slots, key, check, target))
                await asyncio.sleep(TICK)

    def _due(self, picture: Picture) -> list[tuple[Key, HealthCheck, Target]]:
        """Update the records to the snapshot, and return the checks that are due."""
        now = time.monotonic()
        due = []
        seen = set()
        for group in picture.groups.values():
            for target in group.targets:
                key = (group.arn, target.instance_id, target.port)
                seen.add(key)
                record = self._records.setdefault(key, _Record())
                if not target.running:
                    self._records[key] = _Record(state=_STOPPED)
                elif group.check is None:
                    record.state = _DISABLED
                elif record.state is _STOPPED:
                    self._records[key] = _Record()
                elif record.due <= now and not record.busy:
                    record.busy = True
                    record.due = now + group.check.interval
                    due.append((key, group.check, target))
        for key in set(self._records) - seen:
            del self._records[key]
        return due

    async def _check(
        self, session: aiohttp.ClientSession, slots: asyncio.Semaphore, key: Key, check: HealthCheck, target: Target
    ) -> None:
        record = self._records[key]
        try:
            async with slots:
                fault = await _ask(session, check, target)
        finally:
            record.busy = False
        _note(record, check, fault)


async def _ask(session: aiohttp.ClientSession, check: HealthCheck, target: Target) -> State | None:
    """Check a target: return None if it is healthy, else its state."""
    timed_out = State(UNHEALTHY, "Target.Timeout", "Request timed out")
    if target.health_address is None:
        # The security groups admit no connection, so the check fails without waiting for its time-out.
        return timed_out
    host, port = target.health_address
    url = f"{check.protocol.lower()}://{host}:{port}{check.path}"
    try:
        async with asyncio.timeout(check.timeout):
            headers = {"User-Agent": "ELB-HealthChecker/2.0", "Accept-Encoding": "gzip, compressed"}
            async with session.get(url, headers=headers, allow_redirects=False) as answer:
                if matches(check.codes, answer.status):
                    return None
                text = f"Health checks failed with these codes: [{answer.status}]"
                return State(UNHEALTHY, "Target.ResponseCodeMismatch", text)
    except TimeoutError:
        return timed_out
    except aiohttp.ClientError:
        return State(UNHEALTHY, "Target.FailedHealthChecks", "Health checks failed")


def matches(codes: str, status: int) -> bool:
    """Return whether a status matches codes such as `200`, `200,204` or `200-299`."""
    for part in codes.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def _note(record: _Record, check: HealthCheck, fault: State | None) -> None:
    """Count a check and update the target's state.

    A new target needs one passed check to be healthy; an unhealthy one needs as many as configured.
    """
    if fault is None:
        record.passed, record.failed = record.passed + 1, 0
        if record.state.name == INITIAL or record.passed >= check.healthy_threshold:
            record.state = State(HEALTHY)
        return
    record.passed, record.failed = 0, record.failed + 1
    if record.failed >= check.unhealthy_threshold:
        record.state = fault
    elif record.state.name == INITIAL:
        record.state = _CHECKING


def _any_certificate() -> ssl.SSLContext:
    """Return a TLS context that accepts any certificate.

    Targets may have self-signed certificates; a load balancer does not verify them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
