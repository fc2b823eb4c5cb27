"""Summarise a command: machines that are ok, failed or changed.

The summary gives the first reason of each failure. The callback plugin adds the results. The code only returns lines
and has no side effects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..common.names import by_number
from .text import one_line

_REASON_LENGTH = 160


@dataclass
class RunSummary:
    """Results of a command so far.

    Ansible's statistics count a task that runs once for all machines under the first machine, even if nothing ran on
    that machine. Such a machine is in `filed_under`.
    """

    changed_machines: set[str] = field(default_factory=set)
    changed_as_a_whole: bool = False
    seen_machines: set[str] = field(default_factory=set)
    first_reasons: dict[str, str] = field(default_factory=dict)
    filed_under: set[str] = field(default_factory=set)

    def add_change(self, host: str, for_all: bool) -> None:
        """Record a change to one machine, or to something shared by all machines."""
        if for_all:
            self.changed_as_a_whole = True
        else:
            self.changed_machines.add(host)

    def add_failure(self, host: str, reason: str, for_all: bool) -> None:
        """Record the first reason why a machine failed.

        After a failure for all machines, the first machine is in the same state as the others.
        """
        if for_all:
            self.filed_under.add(host)
        else:
            self.first_reasons.setdefault(host, reason)

    def recap(self, processed: Iterable[str], failed: Iterable[str], is_check_mode: bool) -> str:
        """Return the line that counts machines, or "" without any machine to count."""
        everybody = _machines(processed)
        machines = [host for host in everybody if host in self.seen_machines or host in self.first_reasons]
        if machines and not self.filed_under:
            failures = len(_machines(failed))
            changed = f"{len(self.changed_machines)} {'would change' if is_check_mode else 'changed'}"
            line = f"{_count(machines)}: {len(machines) - failures} ok, {changed}, {failures} failed"
            if self.changed_as_a_whole and not is_check_mode:
                line += "; something here or in AWS was changed for all at once"
            return line
        is_changed = self.changed_as_a_whole or bool(self.changed_machines)
        return "nothing was changed" if everybody and not (self.filed_under or is_changed or is_check_mode) else ""

    def failures(self, failed: Iterable[str]) -> str:
        """Return the line that names each failed machine with its first reason.

        The line is "" when no machine failed.
        """
        named = [host for host in _machines(failed) if host not in self.filed_under or host in self.first_reasons]
        if not named:
            return ""
        reasons = (one_line(self.first_reasons.get(host, "see above"), _REASON_LENGTH) for host in named)
        listed = ", ".join(f"{host} ({reason})" for host, reason in zip(named, reasons, strict=True))
        return f"{_count(named)} failed: {listed}"


def _machines(hosts: Iterable[str]) -> list[str]:
    return sorted((host for host in hosts if host != "localhost"), key=by_number)


def _count(machines: list[str]) -> str:
    return "1 machine" if len(machines) == 1 else f"{len(machines)} machines"
