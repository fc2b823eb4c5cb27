"""Format the burn rate as text and as data for the HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ..aws import prices
from ..aws.stack_statuses import delete_command
from ..output.table import Column, fitted
from ..output.text import one_line
from ..preflight.plan import price_rows
from ..progress.terminal import columns
from .burn_rate import Row, by_kind
from .leftovers_report import costs, not_known_lines
from .resources import Resource

DAY, MONTH = 24, 24 * 30
"""Hours in a day and in 30 days."""
COLUMNS = (
    Column("who", optional=False),
    Column("what is paid for", 30, optional=False),
    Column("$/hour", right=True, optional=False),
    Column("$/day", right=True, optional=False),
    Column("$/30 days", right=True, optional=False),
    Column(""),
)
PRICE_COLUMNS = (
    Column("what", optional=False),
    Column("count", right=True, optional=False),
    Column("$/hour each", right=True, optional=False),
    Column("$/hour", right=True, optional=False),
)


def amounts(per_hour: Decimal, unknown: Iterable[str]) -> dict[str, str | None]:
    """Return dollars per hour, day and 30 days as strings, None when all are unknown."""
    is_known = bool(per_hour) or not list(unknown)
    return {
        "per_hour": prices.dollars(per_hour, 4) if is_known else None,
        "per_day": prices.dollars(per_hour * DAY) if is_known else None,
        "per_30_days": prices.dollars(per_hour * MONTH) if is_known else None,
    }


def format_amount(amount: str | None, unknown: Iterable[str]) -> str:
    """Return an amount for display: "?" when unknown, "+ ?" when partly unknown."""
    return "?" if amount is None else f"{amount} + ?" if list(unknown) else amount


def lines(
    banner: str, rows: list[Row], total: prices.Bill, notes: list[str], not_known: Iterable[Resource] = ()
) -> list[str]:
    """Return the lines of the burn rate for the terminal."""
    output = [banner, ""]
    apart = not_known_lines(not_known)
    if not rows:
        return [*output, "nothing of ours is paid for here", *([""] if apart else []), *apart, *_notes(notes)]
    if late := [row for row in rows if row.days_over]:
        output += ["past their end, and still paid for:"]
        output += [f"  {overdue_line(row)}" for row in late]
        output.append("")
    output += fitted(COLUMNS, [_cells(row) for row in rows], columns())
    output += ["", *fitted(PRICE_COLUMNS, price_rows(total), columns()), "", sums(total)]
    return [*output, *([""] if apart else []), *apart, *_notes(notes)]


def overdue_line(row: Row) -> str:
    """Return a line about an overdue machine: owner, end date, cost, delete command."""
    days = "1 day" if row.days_over == 1 else f"{row.days_over} days"
    cost = format_amount(amounts(row.per_hour, row.unknown)["per_day"], row.unknown)
    expires = row.machine.expires if row.machine else ""
    return f"{row.owner}: ended {expires}, {days} ago; ${cost} a day; {delete_command(row.owner)}"


def sums(total: prices.Bill) -> str:
    """Return the total in one line."""
    per = amounts(total.per_hour, total.unknown)
    unknown = f"; unknown: {', '.join(total.unknown)}" if total.unknown else ""
    if per["per_hour"] is None:
        return f"total: no price is known{unknown}"
    least = "at least " if total.unknown else ""
    each = f"${per['per_hour']} per hour, ${per['per_day']} per day, ${per['per_30_days']} per 30 days"
    return f"total: {least}{each}{unknown}"


def footnotes(listed: prices.PriceList, region: str, found_snapshots: bool) -> list[str]:
    """Return notes about what the sums include and exclude."""
    unit = listed.per_hour(prices.CAPACITY_UNIT)
    capacity = f"${unit.normalize():f}" if unit is not None else "an unknown price"
    output = [
        f"region {region} only, and without what only use tells: traffic, CPU credits, S3, Route 53,",
        f"and {capacity} an hour for each capacity unit (LCU) that a load balancer uses",
    ]
    if found_snapshots:
        output.append("snapshots count at their full size; AWS charges the blocks that they hold, mostly less")
    return output


def dated(total: prices.Bill) -> str:
    """Return the date of the prices as text."""
    return f"list prices of {total.as_of}" if total.as_of else "no list prices could be had"


def as_data(rows: list[Row], total: prices.Bill, not_known: Iterable[Resource] = ()) -> dict[str, Any]:
    """Return rows and sums as plain data; amounts are strings in dollars, or None."""
    apart = list(not_known)
    dearest = max((row.per_hour for row in rows), default=Decimal(0))
    return {
        "total": total.as_data() | amounts(total.per_hour, total.unknown),
        "rows": [_row_data(row, dearest) for row in rows],
        "kinds": _parts(by_kind(resource for row in rows for resource in row.resources), total.per_hour),
        "not_known": [item.as_data() for item in apart],
        "not_known_cost": costs(apart),
    }


def _row_data(row: Row, dearest: Decimal) -> dict[str, Any]:
    machine = row.machine
    return {
        "name": row.name,
        "user": row.owner if "/" not in row.owner else "",
        "what": one_line(row.what),
        "state": machine.state if machine else "",
        "owner": one_line(machine.owner) if machine else "",
        "purpose": one_line(machine.purpose) if machine else "",
        "expires": one_line(machine.expires, 40) if machine else "",
        "days_over": row.days_over,
        "delete_command": delete_command(row.owner) if row.days_over else "",
        **amounts(row.per_hour, row.unknown),
        "unknown": row.unknown,
        # In percent of the most expensive row, for the chart.
        "kinds": _parts(by_kind(row.resources), dearest),
        "things": [
            {
                "kind": resource.kind,
                "id": resource.id,
                "per_hour": None if resource.per_hour is None else prices.dollars(resource.per_hour, 6),
            }
            for resource in row.resources
        ],
    }


def _parts(sums: Mapping[str, Decimal], whole: Decimal) -> list[dict[str, Any]]:
    """Return a bar chart's segments: dollars per day and percentage of `whole`."""
    return [
        {
            "kind": kind,
            "per_day": prices.dollars(amount * DAY),
            "percent": float(round(amount / whole * 100, 2)),
        }
        for kind, amount in sums.items()
    ]


def _cells(row: Row) -> tuple[str, ...]:
    per = amounts(row.per_hour, row.unknown)
    figures = (format_amount(per[name], row.unknown) for name in ("per_hour", "per_day", "per_30_days"))
    return (row.name, row.what, *figures, "overdue" if row.days_over else "")


def _notes(notes: list[str]) -> list[str]:
    return ["", *(one_line(note) for note in notes)] if notes else []
