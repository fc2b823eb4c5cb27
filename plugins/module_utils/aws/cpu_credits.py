"""CPU credits of burstable instance types: what unlimited ones may cost.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-performance-instances-unlimited-mode-concepts.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from . import prices

DEFAULTS = {"t2": "standard", "t3": "unlimited", "t3a": "unlimited", "t4g": "unlimited"}
"""AWS's default credit mode by instance family; other families have no credits."""


def is_unlimited(instance_type: str, wanted: str) -> bool:
    """Return whether a machine may use more than its baseline and pay for it.

    `wanted` is the machine's own credit mode, "" for AWS's default.
    """
    default = DEFAULTS.get(_family(instance_type), "")
    return bool(default) and (wanted or default) == "unlimited"


def notes(machines: Iterable[tuple[str, str, int]], listed: prices.PriceList) -> list[str]:
    """Return a line for each type with unlimited credits: the most that they may cost.

    `machines` are the type, the wanted credits and the vCPUs of each machine.
    """
    counts: Counter[str] = Counter()
    vcpus: Counter[str] = Counter()
    for instance_type, wanted, number in machines:
        if is_unlimited(instance_type, wanted):
            counts[instance_type] += 1
            vcpus[instance_type] += number
    return [_note(name, counts[name], vcpus[name], listed.per_hour(_item(name))) for name in sorted(counts)]


def _note(instance_type: str, count: int, vcpus: int, each: Decimal | None) -> str:
    what = f"{instance_type} above its baseline costs more"
    if each is not None:
        what = f"{what}, ${prices.dollars(each, 2)} per vCPU and hour"
        if vcpus:
            what = f"{what}, at most ${prices.dollars(each * vcpus)} an hour for {_machines(count)}"
    return f"{what}; cpu_credits=standard slows it down instead"


def _machines(count: int) -> str:
    return "1 machine" if count == 1 else f"{count} machines"


def _item(instance_type: str) -> prices.Item:
    family = _family(instance_type)
    filters = (("productFamily", "CPU Credits"), ("instance", family))
    return prices.Item(f"cpu-credits/{family}", "AmazonEC2", filters, f"CPUCredits:{family}")


def _family(instance_type: str) -> str:
    return instance_type.partition(".")[0]
