"""Format found resources: the plan before a deletion, the proof after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from ..aws import prices
from ..common.names import by_number, instance_tag
from ..output.host_summary import people
from ..output.text import one_line
from .resources import Resource

_MOST_NAMES = 3


def plan_lines(
    banner: str,
    owners: list[str],
    found: list[Resource],
    alike: Mapping[str, Sequence[str]] | None = None,
    not_known: Iterable[Resource] = (),
) -> list[str]:
    """Return a line for each owner with resources and cost.

    Free resources other than stacks are only counted. `alike` has similar names for owners without resources. Of what
    is `not_known`, others' instances are named, and all for owners without resources, as no proof follows.
    """
    lines, near, others = [banner, ""], alike or {}, list(not_known)
    strangers = [instance_tag(item.owner) for item in others if item.kind.startswith("instance ")]
    apart = [f"not ours, left alone: {people(strangers)} (stack_list.yml)"] if strangers else []
    proved = {item.owner for item in found}
    apart += not_known_lines(item for item in others if not item.has_stranger and item.owner not in proved)
    if not found:
        together = [name for owner in owners for name in near.get(owner, [])]
        return [*lines, f"there is nothing of {people(owners)}{_nearest(together)}", *apart]
    for owner in owners:
        own = [item for item in found if item.owner == owner]
        named = [item for item in own if item.kind == "stack" or item.per_hour is None or item.per_hour]
        resources = [f"{item.kind} {item.id}" for item in named]
        if free := len(own) - len(named):
            resources.append(f"{free} more that cost nothing")
        lines.append(
            f"{owner}: {'; '.join(resources)}: {costs(own)}"
            if own
            else f"{owner}: nothing{_nearest(near.get(owner, []))}"
        )
    total = ["", f"all together: {costs(found)}"] if len(owners) > 1 else []
    return [*lines, *total, *apart]


def _nearest(names: Iterable[str]) -> str:
    different = list(dict.fromkeys(names))[:_MOST_NAMES]
    return f"; nearest: {', '.join(different)}" if different else ""


def proof_lines(owners: list[str], found: list[Resource], not_known: Iterable[Resource] = ()) -> list[str]:
    """Return lines with the remaining resources of `owners`, or that there are none.

    Of what is `not_known` to be theirs, those of instances of others are left out.
    """
    unclear = [item for item in not_known if not item.has_stranger]
    if not found:
        return [f"nothing is left of {people(owners)}", *not_known_lines(unclear)]
    return [*(f"LEFT {item.text}" for item in found), f"what is left costs {costs(found)}", *not_known_lines(unclear)]


def not_known_lines(resources: Iterable[Resource]) -> list[str]:
    """Return lines about resources with names like ours, whose owner is unknown.

    The first line has their cost.
    """
    items = sorted(resources, key=lambda item: by_number(item.owner))
    if not items:
        return []
    head = f"not known whose, left alone and in no sum ({costs(items)}):"
    return [head, *(f"  {one_line(item.text)}" for item in items)]


def costs(found: Iterable[Resource]) -> str:
    """Return the cost per day as text, with the number of unknown prices."""
    items = list(found)
    total = sum((item.per_hour for item in items if item.per_hour is not None), Decimal(0))
    unknown = sum(item.per_hour is None for item in items)
    text = f"${prices.dollars(total * 24)} per day"
    return f"{text} and {unknown} of unknown price" if unknown else text
