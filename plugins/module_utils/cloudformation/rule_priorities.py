"""Allocate listener rule priorities, unique per listener, for new stacks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ..aws.errors import Clock, retry_transient

_HIGHEST = 50000
_COLLISION = re.compile(r"priority.*(?:in use|already)", re.IGNORECASE | re.DOTALL)
_OUR_STACKS = "probcomp-stack-"


def is_collision(reason: str) -> bool:
    """Return whether a failure reason means that the priority is in use."""
    return bool(_COLLISION.search(reason))


@dataclass
class Priorities:
    """Allocator of the lowest priority free in rules, stacks and earlier allocations."""

    client: Any
    """elbv2 client."""
    parameter: str
    """Stack parameter that holds a rule's priority."""
    listener_parameter: str
    """Stack parameter that holds the listener's ARN."""
    clock: Clock
    _taken: dict[str, set[int]] = field(default_factory=dict)

    def take(self, listener: str, stacks: Iterable[dict[str, Any]], not_these: Iterable[int] = ()) -> int:
        """Return a free priority on `listener`; `stacks` are all stacks of the region."""
        if listener not in self._taken:
            self._taken[listener] = self._in_rules(listener)
        # A stack in creation has its parameter but no rule yet.
        taken = self._taken[listener] | self._in_stacks(stacks) | set(not_these)
        free = next(number for number in count(1) if number not in taken)
        if free > _HIGHEST:
            raise ValueError(f"all {_HIGHEST} rule priorities of the listener are taken")
        self._taken[listener].add(free)
        return free

    def refresh(self, listener: str) -> None:
        """Read the listener's rules again, after others have changed them."""
        self._taken.setdefault(listener, set()).update(self._in_rules(listener))

    def of(self, stack: dict[str, Any]) -> int | None:
        """Return the priority in the stack's parameters, None without one."""
        values = {item["ParameterKey"]: item.get("ParameterValue", "") for item in stack.get("Parameters", [])}
        value = values.get(self.parameter, "")
        return int(value) if value.isdecimal() else None

    def _in_rules(self, listener: str) -> set[int]:
        pages = retry_transient(
            lambda: list(self.client.get_paginator("describe_rules").paginate(ListenerArn=listener)), clock=self.clock
        )
        # The default rule's priority is the word "default".
        return {int(rule["Priority"]) for page in pages for rule in page["Rules"] if rule["Priority"].isdecimal()}

    def _in_stacks(self, stacks: Iterable[dict[str, Any]]) -> set[int]:
        ours = (stack for stack in stacks if stack["StackName"].startswith(_OUR_STACKS))
        return {priority for stack in ours if (priority := self.of(stack)) is not None}
