"""Start or stop many machines with one request, one poll for all, and a timeout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..aws.client import AwsClients, tags_of
from ..aws.errors import Clock, error_code, explain, is_credentials_error, retry_transient
from ..aws.ownership import user_of
from ..output.host_summary import said_once
from ..progress.reporter import Progress

_SECONDS_BETWEEN = 0.5
"""Pause between requests for single machines, after the one for all failed."""
_SECONDS_TO_SHOW = 60.0
"""Maximum time until EC2 shows the effect of an accepted request."""
_SECONDS_UNTIL_A_REASON_IS_NEW = 10.0
_GONE = ("shutting-down", "terminated")


@dataclass
class Power:
    """One machine of a power operation, with its result."""

    user: str
    instance_id: str
    was: str = ""
    """State before the operation."""
    state: str = ""
    address: str = ""
    submitted_at: float | None = None
    """Time of StartInstances or StopInstances."""
    reason: str = ""
    """Why it failed, as text."""
    is_done: bool = False

    def as_data(self) -> dict[str, Any]:
        """Return the machine as plain data."""
        return {
            "status": "failed" if self.reason else "ready",
            "changed": self.submitted_at is not None,
            "was": self.was,
            "state": self.state,
            "address": self.address,
            "reason": self.reason,
        }


@dataclass
class PowerOperation:
    """Start or stop machines; `target` is running or stopped."""

    clients: AwsClients
    clock: Clock
    target: str
    machines: list[Power] = field(default_factory=list)

    @property
    def _from(self) -> str:
        """The state from which machines are started or stopped."""
        return "stopped" if self.target == "running" else "running"

    def read_states(self) -> None:
        """Read the states of all machines. Raises botocore's errors."""
        found = self.clients.instances_by_id(machine.instance_id for machine in self.machines)
        for machine in self.machines:
            instance = found.get(machine.instance_id, {})
            machine.state = instance.get("State", {}).get("Name", "terminated")
            machine.address = instance.get("PublicIpAddress", "")
            machine.was = machine.was or machine.state
            self._check_machine(machine, instance)

    def run(self, timeout: float) -> None:
        """Bring all machines to the target state within `timeout` seconds."""
        start = self.clock.now()
        progress = Progress("machines", len(self.machines), self.target)
        try:
            self.read_states()
            while pending := [machine for machine in self.machines if not machine.is_done]:
                self._submit_all(
                    [machine for machine in pending if machine.state == self._from and machine.submitted_at is None]
                )
                late = [machine.user for machine in self.machines if not machine.is_done]
                progress.report(late, sum(bool(machine.reason) for machine in self.machines))
                elapsed = self.clock.now() - start
                if elapsed > timeout:
                    for machine in pending:
                        if not machine.is_done:
                            self._fail(machine, f"not {self.target} after {timeout:.0f} s: {_pending_state(machine)}")
                    return
                self.clock.sleep(min(5.0, 1.0 + elapsed / 30))
                self.read_states()
        except self.clients.errors as error:
            for machine in self.machines:
                if not machine.is_done:
                    self._fail(machine, f"its state is unknown, for {explain(error)}")

    def would_change(self, machine: Power) -> bool:
        """Return whether a machine whose state was read would be started or stopped."""
        return not machine.reason and machine.state != self.target

    def _check_machine(self, machine: Power, instance: dict[str, Any]) -> None:
        """Set the machine's result if it has reached the target or has failed."""
        if machine.is_done:
            return
        if instance and user_of(tags_of(instance)) != machine.user:
            what = f"{machine.instance_id} was not made by its stack, and is left alone"
            self._fail(machine, f"{what}: stack_list.yml shows whose machine is which")
        elif machine.state in _GONE:
            self._fail(machine, f"its machine was terminated: stack_create.yml -e user={machine.user} makes it again")
        elif machine.state == self.target and (self.target == "stopped" or machine.address):
            machine.is_done = True
        elif machine.submitted_at is not None and machine.state == self._from:
            # A start without capacity is accepted and returns to stopped, as does a machine that cannot boot.
            why = instance.get("StateReason", {}).get("Message", "") if self.target == "running" else ""
            elapsed = self.clock.now() - machine.submitted_at
            is_refused = why.startswith("Server.") and elapsed > _SECONDS_UNTIL_A_REASON_IS_NEW
            if elapsed > _SECONDS_TO_SHOW or is_refused:
                self._fail(machine, f"it is {machine.state} again{f' ({why})' if why else ''}")

    def _submit_all(self, machines: list[Power]) -> None:
        """Submit one request for all, and one for each if it fails because of some."""
        if not machines:
            return
        error = self._submit(machines)
        if error is None:
            return
        if len(machines) == 1 or is_credentials_error(error):
            for machine in machines:
                self._fail(machine, explain(error))
            return
        for machine in machines:
            self.clock.sleep(_SECONDS_BETWEEN)
            if own := self._submit([machine]):
                self._fail(machine, explain(own))

    def _submit(self, machines: list[Power]) -> Exception | None:
        client = self.clients.client("ec2")
        call = client.start_instances if self.target == "running" else client.stop_instances
        ids = [machine.instance_id for machine in machines]
        try:
            retry_transient(lambda: call(InstanceIds=ids), clock=self.clock)
        except self.clients.errors as error:
            if error_code(error) == "IncorrectInstanceState" and len(machines) == 1:
                return None  # Its state changed meanwhile: the next read shows it.
            return error
        for machine in machines:
            machine.submitted_at = self.clock.now()
        return None

    def _fail(self, machine: Power, reason: str) -> None:
        machine.reason, machine.is_done = reason, True


def _pending_state(machine: Power) -> str:
    return "it has no public address" if machine.state == "running" else f"it is {machine.state}"


def result_lines(machines: Iterable[Power], target: str) -> list[str]:
    """Return what became of the machines, once what is the same for many."""
    lines = {}
    for machine in machines:
        if machine.reason:
            lines[machine.user] = f"not {target}, is {machine.state or 'unknown'}"
        elif machine.submitted_at is None and machine.was == target:
            lines[machine.user] = f"was {target} already"
        else:
            lines[machine.user] = target
    return said_once(lines)


def foreseen_lines(operation: PowerOperation) -> list[str]:
    """Return what would become of the machines, whose states were read."""
    would = f"would be {'started' if operation.target == 'running' else operation.target}"
    return said_once(
        {one.user: would if operation.would_change(one) else f"is {one.state}" for one in operation.machines}
    )
