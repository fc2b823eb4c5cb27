"""Bounds for the figures, each from the same run.

No bound fails the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tests.bench import accounts, bare_loop, fleet, tasks
from tests.bench.measure import Row

FULL = 40
"""The number of machines for which the bounds are meant."""

SECONDS = {
    fleet.CREATE: 80,
    fleet.AGAIN: 40,
    fleet.SAME: 10,
    fleet.NEW: 14,
    fleet.RESTART: 14,
    fleet.LOGS: 12,
    fleet.UPDATE: 30,
    fleet.START: 25,
    fleet.DELETE: 25,
}
"""Processor seconds of the controller for forty machines.

They hold on the two cores of the computer for which they were set.
"""

Rows = Mapping[tuple[str, int], Row]


@dataclass(frozen=True)
class Target:
    """A figure and its upper bound."""

    name: str
    measured: float | None
    at_most: float
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Return whether the bound is met; None when the figure was not measured."""
        return None if self.measured is None else self.measured <= self.at_most

    def as_dict(self) -> dict[str, object]:
        """Return plain data for the report."""
        return {**asdict(self), "met": self.met}


def targets(rows: Rows, further: Mapping[str, float], count: int) -> list[Target]:
    """Return all bounds.

    `further` is the processor time of a further task by kind, `count` the fleet's size.
    """

    def figure(name: str, what: str = "processor_s", machines: int = count) -> float | None:
        row = rows.get((name, machines))
        return row.median(what) if row else None

    def loop(command: str) -> float | None:
        return ratio(figure(command), figure(bare_loop.row_name(command, "default")))

    # The loops and the accounts of records have no counted calls.
    commands = [row for row in rows.values() if row.machines == count and row.median("api_calls") is not None]
    memory = [value for row in commands if (value := row.median("memory_bytes"))]
    inventory = ratio(figure(accounts.INVENTORY, machines=1000), figure(accounts.AWS_EC2, machines=1000))
    throttled = [value for (name, _), row in rows.items() if (value := row.median("api_throttled")) is not None]
    return [
        *(Target(name, figure(name), most, "s") for name, most in SECONDS.items()),
        Target("create again, one machine", figure(fleet.AGAIN, machines=1), 10, "s"),
        Target("task on the controller, each host", further.get(tasks.DEBUG), 0.03, "s"),
        Target(
            "module / the same, literal variables", ratio(further.get(tasks.MODULE), further.get(tasks.LITERAL)), 1.3
        ),
        Target("new pass phrase / bare loop", loop(fleet.NEW), 3),
        Target("logs / bare loop", loop(fleet.LOGS), 2),
        Target("restart / bare loop", loop(fleet.RESTART), 3),
        Target("inventory of 1,000 / aws_ec2", inventory, 0.5),
        Target("memory of any command", max(memory) / 1e6 if memory else None, 250, "MB"),
        Target(f"wall time of {count} / 1, AWS's times", ratio(free_wall(rows, count), free_wall(rows, 1)), 2),
        Target("API calls of a creation", figure(fleet.CREATE, "api_calls"), 250),
        Target("API calls of a creation, AWS's times", figure(fleet.AWS_CREATE, "api_calls"), 250),
        Target("throttled calls, all commands", sum(throttled) if throttled else None, 0),
    ]


def free_wall(rows: Rows, machines: int) -> float | None:
    """Return a creation's wall time without the share of machines and server.

    The creation has AWS's times. Half of the processor time of machines and server is subtracted, for two processors
    share it; on AWS they have processors of their own.
    """
    row = rows.get((fleet.AWS_CREATE, machines))
    if not row or not row.runs:
        return None
    values = [row.median(name) or 0.0 for name in ("wall_s", "machines_s", "server_s")]
    return values[0] - (values[1] + values[2]) / 2


def ratio(one: float | None, other: float | None) -> float | None:
    """Return one / other, None if a value is missing or the quotient undefined."""
    return one / other if one is not None and other else None
