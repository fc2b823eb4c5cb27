"""Summarise a command: machines that are ok, failed or changed.

The summary gives the first reason of each failure. The callback plugin adds the results. The code only returns lines
and has no side effects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..common.names import by_number
from .host_summary import short_names
from .text import one_line

_REASON_LENGTH = 160
DO_WHAT_IS_MISSING = frozenset(
    {"stack_create.yml", "fleet_create.yml", "stack_start.yml", "grab_content.yml", "fetch_logs.yml", "ami_bake.yml"}
)
"""Commands whose next run goes on where the last one stopped.

The others do all again, or refuse what only another setting changes.
"""


@dataclass
class RunSummary:
    """Results of a command so far.

    Ansible's statistics count a task that runs once for all machines under the first machine, even if nothing ran on
    that machine. Such a machine is in `filed_under`.
    """

    changed_machines: set[str] = field(default_factory=set)
    done_for_all: dict[str, None] = field(default_factory=dict)
    """Names of tasks that changed something for all machines at once, in order."""
    seen_machines: set[str] = field(default_factory=set)
    first_reasons: dict[str, str] = field(default_factory=dict)
    filed_under: set[str] = field(default_factory=set)
    skipped_machines: set[str] = field(default_factory=set)
    """Machines that were left as they are, because they do not run."""
    shown_just_now: set[str] = field(default_factory=set)
    """Machines whose failure stands right above the summary."""

    def add_change(self, host: str, for_all: bool, task: str) -> None:
        """Record a change of `task` to one machine, or to something that all share."""
        if for_all:
            self.done_for_all[task] = None
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
        # Ansible has no statistics of a machine for which no task ran.
        everybody = _machines({*processed, *self.skipped_machines})
        counted = {*self.seen_machines, *self.first_reasons, *self.skipped_machines}
        machines = [host for host in everybody if host in counted]
        if machines and not self.filed_under:
            failed_machines = set(_machines(failed))
            skipped = len(self.skipped_machines.intersection(machines) - failed_machines)
            changed = f"{len(self.changed_machines)} {'would change' if is_check_mode else 'changed'}"
            ok, failures = len(machines) - len(failed_machines) - skipped, len(failed_machines)
            line = f"{_count(machines)}: {ok} ok, {changed}, {failures} failed"
            if skipped:
                line += f", {skipped} skipped"
            if self.done_for_all and not is_check_mode:
                line += f"\nchanged for all at once by: {'; '.join(self.done_for_all)}"
            return line
        is_changed = bool(self.done_for_all or self.changed_machines)
        return "nothing was changed" if everybody and not (self.filed_under or is_changed or is_check_mode) else ""

    def failures(self, failed: Iterable[str]) -> str:
        """Return the line that names each failed machine with its first reason.

        It leaves out the reasons when all stand right above. The line is "" when no machine failed.
        """
        named = [host for host in _machines(failed) if host not in self.filed_under or host in self.first_reasons]
        if not named:
            return ""
        machines: dict[str, list[str]] = {}
        # Beside others' reasons a machine without one would seem to have theirs.
        is_above = self.shown_just_now.issuperset(named)
        for host in named:
            reason = "" if is_above else one_line(self.first_reasons.get(host, "see above"), _REASON_LENGTH)
            machines.setdefault(reason, []).append(host)
        # All are named, for people go through them; a reason of many is told once.
        parts = (
            f"{short_names(hosts, len(hosts))}{f' ({reason})' if reason else ''}" for reason, hosts in machines.items()
        )
        return f"{_count(named)} failed: {', '.join(parts)}"


def _machines(hosts: Iterable[str]) -> list[str]:
    return sorted((host for host in hosts if host != "localhost"), key=by_number)


def _count(machines: list[str]) -> str:
    return "1 machine" if len(machines) == 1 else f"{len(machines)} machines"
