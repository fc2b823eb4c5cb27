"""Measure the manual's commands on one machine and on the whole fleet.

The machines belong to a rehearsal of the bench's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tests.bench import processes
from tests.bench.measure import Figures, Recorder, Shell
from tests.support.door import ROOT
from tests.support.workshop import Workshop

CREATE, AGAIN, DELETE = "create from an image", "create again, nothing to do", "delete, homes saved"
SAME, NEW = "set_password, unchanged", "set_password, new"
RESTART, LOGS, CHECK, UPDATE = "restart_jupyter", "fetch_logs", "fleet_check", "stack_update, type"
STOP, START = "stack_stop", "stack_start"
AWS_CREATE = "create, with AWS's times"
STACK_SECONDS, CONSOLE_SECONDS = 90.0, 60.0
"""Seconds that AWS takes to make a machine's stack and to show its console."""

_ALONE = "solo"
"""The user beside the fleet, whose machine is created and deleted alone."""
_LIMIT = 1800.0
"""The limit of one command, in seconds."""


@dataclass
class FleetBench:
    """Measurements of the commands on a fleet of `count` machines, ws-1 and on."""

    workshop: Workshop
    recorder: Recorder
    count: int
    image: str = ""

    @property
    def names(self) -> str:
        """Return the fleet's names as -e takes them."""
        return f"base=ws low=1 high={self.count}"

    @property
    def users(self) -> list[str]:
        """Return the users of the fleet."""
        return [f"ws-{number}" for number in range(1, self.count + 1)]

    @property
    def chosen(self) -> tuple[tuple[int, str], ...]:
        """Return the -l arguments for one machine and for all."""
        return ((1, "ws-1"), (self.count, "ws"))

    @property
    def shell(self) -> Shell:
        """Return the shell that runs the commands."""
        return Shell(self.workshop.root, self.workshop.environment, self.workshop.transcript("commands"))

    def play(self, arguments: str) -> Figures:
        """Run ansible-playbook and return its cost."""
        return self.shell.run(f"ansible-playbook {arguments}", _LIMIT)

    def begin(self) -> None:
        """Start the rehearsal, make the pass phrases, and bake the machines' image."""
        self.workshop.begin()
        for names in (self.names, f"user={_ALONE}"):
            self.workshop.succeed(f'ansible-playbook create_passwords.yml -e "{names}"')
        bake = self.recorder.row("ami_bake", 1)
        if self.recorder.wants_more(bake):
            self.recorder.once(bake, lambda: self.play("ami_bake.yml"), beside=Api(self.workshop))
            self.recorder.show(bake)
        images = self.workshop.ec2.describe_images(Owners=["self"])["Images"]
        self.image = max(images, key=lambda image: str(image["CreationDate"]))["ImageId"]

    def create(self) -> None:
        """Create and delete one machine beside the fleet, then create the fleet.

        Repeats it as often as there is time for.
        """
        alone = (f'stack_create.yml -e "user={_ALONE} ami={self.image}"', f"stack_delete.yml -e user={_ALONE}")
        self._create_and_delete(1, *alone, keep=False)
        fleet = (f'fleet_create.yml -e "{self.names} ami={self.image}"', f'fleet_delete.yml -e "{self.names}"')
        self._create_and_delete(self.count, *fleet, keep=True)

    def _create_and_delete(self, machines: int, create: str, delete: str, keep: bool) -> None:
        made, gone = self.recorder.row(CREATE, machines), self.recorder.row(DELETE, machines)
        while self.recorder.wants_more(made):
            self.recorder.once(made, lambda: self.play(create), beside=Api(self.workshop))
            if not self.recorder.wants_more(made) and keep:
                break
            self.recorder.once(gone, lambda: self.play(f"{delete} -e confirm=yes"), beside=Api(self.workshop))
        self.recorder.show(made)
        if not keep:
            self.recorder.show(gone)

    def delete(self) -> None:
        """Delete the fleet, whatever the time is: the next rows make it anew."""
        if not self.recorder.row(CREATE, self.count).runs:
            return
        gone = self.recorder.row(DELETE, self.count)
        command = f'fleet_delete.yml -e "{self.names}" -e confirm=yes'
        self.recorder.once(gone, lambda: self.play(command), beside=Api(self.workshop))
        self.recorder.show(gone)

    def live(self) -> None:
        """Measure the commands for machines that exist and stay."""
        for machines, names in ((1, "user=ws-1"), (self.count, self.names)):
            self._row(AGAIN, machines, f'fleet_create.yml -e "{names} ami={self.image}"')
        for machines, who in self.chosen:
            self._row(SAME, machines, f"-l {who} set_password.yml")
        for machines, who in self.chosen:
            chosen = self.users[:machines]
            self._row(NEW, machines, f"-l {who} set_password.yml", partial(self._phrases, chosen))
        for machines, who in self.chosen:
            allow = partial(self.allow_restarts, self.users[:machines])
            self._row(RESTART, machines, f"-l {who} restart_jupyter.yml", allow)
        for name, command in ((LOGS, "fetch_logs.yml"), (CHECK, "fleet_check.yml")):
            for machines, who in self.chosen:
                self._row(name, machines, f"-l {who} {command}")

    def change(self) -> None:
        """Measure the commands that change a machine's type or address."""
        for (machines, who), types in zip(
            self.chosen, (("t3.large", "t3.medium"), ("t3.small", "t3.medium")), strict=True
        ):
            row = self.recorder.row(UPDATE, machines)
            while self.recorder.wants_more(row):
                command = f"-l {who} stack_update.yml -e instance={types[len(row.runs) % 2]}"
                self.recorder.once(row, partial(self.play, command), beside=Api(self.workshop))
            self.recorder.show(row)
        for machines, who in self.chosen:
            stop, start = self.recorder.row(STOP, machines), self.recorder.row(START, machines)
            while self.recorder.wants_more(start):
                for row, file in ((stop, "stack_stop.yml"), (start, "stack_start.yml")):
                    command = f"-l {who} {file}"
                    self.recorder.once(row, partial(self.play, command), beside=Api(self.workshop))
            self.recorder.show(stop)
            self.recorder.show(start)

    def create_with_times_of_aws(self) -> None:
        """Create one machine, then the fleet, in an account as slow as AWS."""
        template = (ROOT / "roles/stack/files/stack.cfn.yml").read_text()
        resources = len(re.findall(r"^    Type: AWS::", template, re.MULTILINE))
        slow = {"seconds_per_resource": STACK_SECONDS / resources, "console_delay": CONSOLE_SECONDS}
        for machines, names in ((1, f"user={_ALONE}"), (self.count, self.names)):
            row = self.recorder.row(AWS_CREATE, machines)
            if self.recorder.wants_more(row):
                ask(self.workshop, "settings", slow)
                command = f'fleet_create.yml -e "{names} ami={self.image}"'
                self.recorder.once(row, partial(self.play, command), beside=Api(self.workshop))
            self.recorder.show(row)

    def _row(self, name: str, machines: int, arguments: str, prepare: Callable[[int], None] | None = None) -> None:
        self.recorder.measure(name, machines, lambda: self.play(arguments), prepare, Api(self.workshop))

    def allow_restarts(self, users: list[str], _: int = 0) -> None:
        """Reset systemd's count of Jupyter's starts.

        systemd refuses a fifth start within two minutes.
        """
        machines, run_id = self.workshop.machines(), self.workshop.facts["run_id"]
        names = " ".join(f"probcomp-{run_id}-{machines[user]['InstanceId']}" for user in users)
        reset = "docker exec NAME systemctl reset-failed jupyter"
        self.workshop.succeed(f"printf '%s\\n' {names} | xargs -P 8 -I NAME {reset}")

    def _phrases(self, users: list[str], run: int) -> None:
        self.allow_restarts(users)
        for user in users:
            self.workshop.password_file(user).write_text(f"bench-{user}-{len(users)}-{run}-phrase\n")


@dataclass
class Api:
    """A run's cost beside the controller.

    It counts calls of the API, and processor time of its server and of the machines.
    """

    workshop: Workshop

    def begin(self) -> None:
        """Reset the counts."""
        ask(self.workshop, "counts/reset", {})
        self._before = self._seconds()

    def end(self) -> Figures:
        """Return calls, the most within a second, throttled ones, and processor time.

        The processor time leaves out machines that are gone or were stopped.
        """
        counts = self.workshop.control("counts")
        server, machines = self._seconds()
        return {
            "api_calls": counts["reads"] + counts["changes"],
            "api_peak_per_second": counts["peak_per_second"],
            "api_throttled": sum(counts.get("throttled", {}).values()),
            "server_s": server - self._before[0],
            "machines_s": sum(max(0.0, seconds - self._before[1].get(name, 0.0)) for name, seconds in machines.items()),
        }

    def _seconds(self) -> tuple[float, dict[str, float]]:
        facts = self.workshop.facts
        machines = processes.containers_seconds(f"probcomp-{facts['run_id']}-")
        return processes.processor_seconds(facts["pid"]), machines


def ask(workshop: Workshop, path: str, values: Mapping[str, object]) -> None:
    """Post to the rehearsal's own endpoints."""
    workshop.ask("POST", path, values)
