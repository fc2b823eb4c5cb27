"""Write names of machines as they are typed in a command, many of them folded.

Pure functions, standard library only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping

from ..common.names import RESERVED, by_number
from .host_summary import runs

Groups = Mapping[str, Collection[str]]
"""Names of hosts by the name of their group."""

_FEW = 3
"""Names that stand in a command as they are."""
_OUR_GROUPS = re.compile(r"state_.*|drifted_.*|renamed_machines|chosen_machines|unpinned")
"""Groups that our inventory and playbooks make, which stand for no fleet."""
_OF_A_FLEET = re.compile(r"(.+)-([1-9][0-9]*)")


def names_argument(users: Iterable[str], groups: Groups | None = None) -> str:
    """Return the argument of `-e` that names `users`.

    It is `user=alice`, `users=ws-3,ws-7` or `"base=ws low=1 high=40"`. The last form also says which fleet new machines
    belong to; with `groups`, the inventory's, it is only for machines that are in that fleet.
    """
    names = sorted(users, key=by_number)
    if len(names) == 1:
        return f"user={names[0]}"
    first, last = _OF_A_FLEET.fullmatch(names[0]), _OF_A_FLEET.fullmatch(names[-1])
    if len(names) < _FEW or len(runs(names)) > 1 or not (first and last) or first[1] in RESERVED:
        return f"users={','.join(names)}"
    if groups is None or {*names} <= {*groups.get(first[1].replace("-", "_"), ())}:
        return f'"base={first[1]} low={first[2]} high={last[2]}"'
    return f"users={','.join(names)}"


def limit_pattern(users: Iterable[str], groups: Groups) -> str:
    """Return the argument of `-l` that chooses just `users`, quoted for a shell.

    It is `ws-3,ws-7`, `ws` or `'ws,!ws-7'`. `groups` are the inventory's, with their hosts. Ansible has no pattern for
    a range of names: it takes `ws-[1:40]` for places in a group `ws-`. So a fleet stands for its machines where few or
    none of them are left out.
    """
    left = sorted(set(users), key=by_number)
    chosen: list[str] = []
    excluded: list[str] = []
    fleets = {match[1]: None for match in map(_OF_A_FLEET.fullmatch, left) if match}
    for group in (fleet.replace("-", "_") for fleet in fleets):
        is_ours = group in RESERVED or _OUR_GROUPS.fullmatch(group)
        members = set() if is_ours else set(groups.get(group, ()))
        own, others = members.intersection(left), sorted(members.difference(left), key=by_number)
        if len(own) > _FEW >= len(others):
            chosen.append(group)
            excluded += others
            left = [name for name in left if name not in own]
    return shlex.quote(",".join([*chosen, *left, *(f"!{name}" for name in excluded)]))


def range_for_shell(names: list[str]) -> str:
    """Return shell text that expands to the machines' names, as `ws-1,ws-2,...`.

    `names` are of one fleet, in the order of their numbers. It is for names of which it is not known whether they are
    in a group. Few of them stay as they are.
    """
    if len(names) <= _FEW:
        return ",".join(names)
    base, _, low = names[0].rpartition("-")
    return f'"$(seq -s, -f {base}-%.0f {low} {names[-1].rpartition("-")[2]})"'
