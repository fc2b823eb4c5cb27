"""Format the plan as text: settings, machines, quotas and costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..aws import prices
from ..common.addresses import cidrs
from ..output.host_summary import people
from ..output.table import Column, fitted
from ..output.text import one_line, redact_url
from ..progress.terminal import columns
from .findings import Findings
from .machines import MachinePlan
from .quotas import Room
from .request import Settings

VOLUME_TYPE = "gp3"
"""Volume type of the root disks in the template `stack`."""
ZONES_PER_NETWORK = 2
"""Number of zones of a network's load balancer, each with a public address."""


def bill(listed: prices.PriceList, machines: Iterable[MachinePlan], networks: int) -> prices.Bill:
    """Return the cost of running `machines` and the load balancers of `networks`."""
    machines = list(machines)
    types = Counter(machine.instance for machine in machines)
    disks = sum(machine.request.volume_size for machine in machines)
    addresses = len(machines) + ZONES_PER_NETWORK * networks
    items = [(name, count, prices.instance(name)) for name, count in sorted(types.items())]
    items.append((f"{VOLUME_TYPE} disks, GiB", disks, prices.volume(VOLUME_TYPE)))
    items.append(("public IPv4 addresses", addresses, prices.PUBLIC_ADDRESS))
    items.append(("load balancers", networks, prices.LOAD_BALANCER))
    items = [item for item in items if item[1]]
    lines = tuple(prices.Line(what, count, listed.per_hour(item)) for what, count, item in items)
    return prices.Bill(lines, listed.as_of(item for _, _, item in items))


def cost_in_words(total: prices.Bill) -> str:
    """Return the hourly total of a bill as text."""
    unknown = f" and the unknown price of {', '.join(total.unknown)}" if total.unknown else ""
    return f"${prices.dollars(total.per_hour, 4)} per hour{unknown}"


def plan(
    banner: str, settings: Settings, plans: dict[str, MachinePlan], networks: dict[str, dict[str, Any]], room: Room,
    total: prices.Bill, new: prices.Bill, findings: Findings,
) -> list[str]:  # fmt: skip
    """Return the lines of the plan; `new` is the cost of new machines in `total`."""
    lines = [banner, "", *table({"setting": None, "value": 20}, setting_rows(settings)), ""]
    heads: dict[str, int | None]
    heads = {"machines": None, "instance": 9, "vCPUs": None, "disk": None, "image": 12, "network": 8, "state": 8}
    lines += table(heads, machine_rows(plans))
    rows = [(name, _state(item["exists"], item["stack_status"])) for name, item in sorted(networks.items())]
    lines += ["", *table({"network": None, "state": 8}, rows)] if rows else []
    if room.needs:
        lines += ["", *table({"quota": None, "needed": None, "free": None, "limit": None}, quota_rows(room))]
    if total.lines:
        heads = {"price per hour in dollars": None, "count": None, "each": None, "together": None}
        lines += ["", *table(heads, price_rows(total))]
        lines += ["", f"{'at least' if total.unknown else 'together'} {_sums(total)}"]
        if new.per_hour != total.per_hour:
            lines.append(f"of which new {_sums(new)}")
        lines += [f"list prices of {total.as_of}; traffic is not in it"] if total.as_of else []
    lines += ["", *findings.notes] if findings.notes else []
    return lines


def setting_rows(settings: Settings) -> list[tuple[str, str]]:
    """Return a row for each setting of the account, with its effective value."""
    return [
        ("account_id", settings.account_id or "- (any)"),
        ("zone", one_line(str(settings.zone or "-"), 120)),
        ("certificate_arn", settings.certificate_arn or "-"),
        ("key_name", settings.key_name or "-"),
        ("private_key_file", settings.private_key_file or "- (the ssh agent's)"),
        ("admin_cidr", ", ".join(cidrs(settings.admin_cidr)) or "-"),
        ("apt_probcomp_repository_url", redact_url(settings.apt_repository_url) or "-"),
        ("apt_probcomp_key", _key(settings.apt_repository_key)),
        ("content_url", redact_url(settings.content_url) or "-"),
    ]


def _key(given: str) -> str:
    """Return the source of a repository key, or that it was given as text."""
    return "given as text" if given.lstrip().startswith("-----BEGIN") else one_line(redact_url(given), 120) or "-"


def machine_rows(plans: dict[str, MachinePlan]) -> list[tuple[str, ...]]:
    """Return a row for each group of equal machines, with their names."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for user, planned in plans.items():
        disk = f"{planned.request.volume_size} GiB" if not planned.exists else "as it is"
        state = _state(planned.exists, planned.stack_status)
        kind = (planned.instance, str(planned.vcpus or "?"), disk, planned.image or "?", planned.request.network, state)
        kinds.setdefault(kind, []).append(user)
    return [(people(users), *kind) for kind, users in kinds.items()]


def quota_rows(room: Room) -> list[tuple[str, ...]]:
    """Return a row for each needed quota."""
    rows: list[tuple[str, ...]] = []
    for data in room.as_data():
        limit = data["limit"]
        free = "?" if limit is None else str(limit - data["used"])
        rows.append((data["name"], str(data["needed"]), free, "?" if limit is None else str(limit)))
    return rows


def price_rows(total: prices.Bill) -> list[tuple[str, ...]]:
    """Return a row for each line of a bill."""
    rows: list[tuple[str, ...]] = []
    for line in total.lines:
        each = "unknown" if line.unit_price is None else prices.dollars(line.unit_price, 6)
        together = "unknown" if line.per_hour is None else prices.dollars(line.per_hour, 4)
        rows.append((line.what, str(line.count), each, together))
    return rows


def table(heads: Mapping[str, int | None], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table that fits the terminal.

    `heads` are the columns, each with the width below which it is not cut, None for never.
    """
    return fitted([Column(head, least, optional=False) for head, least in heads.items()], rows, columns())


def _state(exists: bool, status: str) -> str:
    return f"exists ({status})" if exists else f"new (after {status})" if status else "new"


def _sums(total: prices.Bill) -> str:
    day = total.per_hour * 24
    sums = f"${prices.dollars(total.per_hour, 4)} per hour, ${prices.dollars(day)} per day"
    month = f"${prices.dollars(day * Decimal(30))} if forgotten for 30 days"
    unknown = f", and what is unknown: {', '.join(total.unknown)}" if total.unknown else ""
    return f"{sums}, {month}{unknown}"
