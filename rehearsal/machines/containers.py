"""Run EC2 instances as containers: create, start, stop and remove them.

Knows nothing of the API's records: services/ec2/instances.py changes an instance's state together with its container.
All methods wait for the container engine, so never call them with the rehearsal's lock held, except those that say so.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.models.containers import Container
from docker.types import LogConfig

from rehearsal.machines import console, first_boot
from rehearsal.machines.first_boot import Seed
from rehearsal.network import firewall
from rehearsal.network.engine_networks import HOME_LABEL, IMAGE_REPOSITORY, INSTANCE_LABEL, LABEL, Networks

_STOP_SECONDS = 20
_ENGINE_SECONDS = 180
_log = logging.getLogger(__name__)


@dataclass
class Machine:
    """The container of one instance."""

    instance_id: str
    container: Container
    private_address: IPv4Interface
    """Address in the VPC, with the VPC's prefix.

    All of a VPC's subnets share one network here.
    """
    address: str = ""
    """Address of the container in the engine's network; empty unless it runs."""
    gateway: str = ""
    process_id: int = 0
    started_at: float = 0.0
    """Wall clock time of the last power-on; a reboot does not change it."""
    booted_at: float = 0.0
    """Wall clock time of the last power-on, or reboot by the API."""
    rules: str = ""
    """Packet filter that is in force."""
    ends_by_us: bool = False
    """True if the container's end is expected, because the API asked for it."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Lock that a thread holds while it changes the container."""


class Machines:
    """All containers of one run."""

    def __init__(self, run_id: str, home: Path, memory: str) -> None:
        self._run_id = run_id
        self._labels = {LABEL: run_id, HOME_LABEL: str(home)}
        self._memory = memory
        self._engine = docker.from_env(timeout=_ENGINE_SECONDS)
        self.networks = Networks(self._engine, run_id, self._labels)
        self._machines: dict[str, Machine] = {}

    def create(self, seed: Seed, image: str, private_address: IPv4Interface, vpc_id: str, hostname: str) -> None:
        """Create the container of an instance, not started yet.

        Raises docker.errors.APIError.
        """
        container = self._engine.containers.create(
            image,
            "/lib/systemd/systemd",
            name=f"probcomp-{self._run_id}-{seed.instance_id}",
            hostname=hostname,
            labels={**self._labels, INSTANCE_LABEL: seed.instance_id},
            network=self.networks.of_vpc(vpc_id),
            # README.md tells what each of these is for.
            cap_add=["SYS_ADMIN"],
            cap_drop=["NET_RAW"],
            security_opt=["apparmor=unconfined"],
            **_cgroups(),
            tmpfs={"/run": "", "/run/lock": ""},
            environment={"container": "docker"},
            stop_signal="SIGRTMIN+3",
            # A terminal puts the boot's output in the container's log, which is the machine's console.
            tty=True,
            mem_limit=self._memory or None,
            log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "1m", "max-file": "1"}),
        )
        container.put_archive("/", first_boot.archive(seed, hostname))
        self._machines[seed.instance_id] = Machine(seed.instance_id, container, private_address)

    def start(self, instance_id: str) -> None:
        """Power the machine on.

        Until `filter` sets other rules, only the load balancer and the forwarders of public addresses can connect.
        """
        machine = self._machines[instance_id]
        with machine.lock:
            machine.started_at = machine.booted_at = time.time()
            machine.ends_by_us = False
            machine.container.start()
            self._connect(machine)

    def stop(self, instance_id: str) -> None:
        """Shut the machine down, by force after a while; its disk stays."""
        machine = self._machines[instance_id]
        with machine.lock:
            _disconnect(machine)
            machine.container.stop(timeout=_STOP_SECONDS)

    def reboot(self, instance_id: str) -> None:
        """Shut the machine down and start it again."""
        machine = self._machines[instance_id]
        with machine.lock:
            _disconnect(machine)
            machine.container.stop(timeout=_STOP_SECONDS)
            machine.ends_by_us = False
            machine.booted_at = time.time()
            machine.container.start()
            self._connect(machine)

    def resume(self, instance_id: str) -> None:
        """Start a machine again that ended to reboot itself."""
        machine = self._machines[instance_id]
        with machine.lock:
            machine.ends_by_us = False
            machine.container.start()
            self._connect(machine)

    def remove(self, instance_id: str) -> None:
        """Remove the machine with its disk; do nothing if it does not exist."""
        machine = self._machines.get(instance_id)
        if not machine:
            return
        with machine.lock:
            _disconnect(machine)
            try:
                machine.container.remove(force=True, v=True)
            except docker.errors.NotFound:
                _log.info("%s was gone already", instance_id)
            del self._machines[instance_id]

    def filter(self, instance_id: str, rules: str) -> None:
        """Put a packet filter in force, if it differs from the current one.

        Raises CalledProcessError.
        """
        machine = self._machines.get(instance_id)
        if not machine or machine.rules == rules:
            return
        with machine.lock:
            if machine.process_id:
                firewall.apply(machine.process_id, rules)
                machine.rules = rules

    def commit(self, instance_id: str, ami_id: str, reboots: bool) -> None:
        """Make a container image of the machine's disk.

        A running machine is shut down for it if `reboots`.
        """
        machine = self._machines[instance_id]
        changes = [f"LABEL {LABEL}={self._run_id}"]
        with machine.lock:
            if reboots:
                _disconnect(machine)
                machine.container.stop(timeout=_STOP_SECONDS)
            machine.container.commit(repository=IMAGE_REPOSITORY, tag=ami_id, changes=changes)
            if reboots:
                machine.ends_by_us = False
                machine.container.start()
                self._connect(machine)

    def remove_image(self, ami_id: str) -> None:
        """Remove a container image made by `commit`; do nothing if it does not exist.

        Machines that were started from it are not affected.
        """
        try:
            self._engine.images.remove(f"{IMAGE_REPOSITORY}:{ami_id}", force=True)
        except docker.errors.ImageNotFound:
            _log.info("no container image stood for %s", ami_id)

    def has_image(self, ami_id: str) -> bool:
        """Return whether this machine image was made from a machine."""
        return bool(self._engine.images.list(f"{IMAGE_REPOSITORY}:{ami_id}"))

    def console(self, instance_id: str, lag: float, boot_time: float) -> str:
        """Return the machine's console output from the time around its boot.

        It begins at power-on and ends `boot_time` seconds after the boot. The last `lag` seconds are left out.
        """
        machine = self._machines.get(instance_id)
        if not machine:
            return ""
        until = min(time.time() - lag, machine.booted_at + boot_time)
        if until <= machine.started_at:
            return ""
        # The engine keeps the log of earlier runs, but the console of a started EC2 instance is empty at first.
        return console.readable(machine.container.logs(since=machine.started_at, until=until))

    def running(self) -> list[Machine]:
        """Return the running machines; the caller may hold the rehearsal's lock."""
        return [machine for machine in list(self._machines.values()) if machine.process_id]

    def container_address(self, instance_id: str) -> str | None:
        """Return the address of the machine's container, or None unless it runs.

        The caller may hold the rehearsal's lock.
        """
        machine = self._machines.get(instance_id)
        return machine.address or None if machine else None

    def watch(self, ended: Callable[[str, bool], None]) -> threading.Thread:
        """Call `ended(instance_id, to_reboot)` whenever a machine ends unexpectedly.

        An end that the API asked for is expected.
        """
        filters = {"type": "container", "event": "die", "label": f"{LABEL}={self._run_id}"}
        events = self._engine.events(decode=True, filters=filters)
        thread = threading.Thread(target=self._watch, args=(events, ended), name="engine-events", daemon=True)
        thread.start()
        return thread

    def _watch(self, events: object, ended: Callable[[str, bool], None]) -> None:
        for event in events:  # type: ignore[attr-defined]  # the client of the engine has no types
            instance_id = event["Actor"]["Attributes"].get(INSTANCE_LABEL, "")
            machine = self._machines.get(instance_id)
            if not machine:
                continue
            try:
                # The thread that holds the machine's lock asked for this end, and may have started the machine again
                # since.
                with machine.lock:
                    machine.container.reload()
                    if machine.ends_by_us or machine.container.status == "running":
                        continue
                    last_words = machine.container.logs(tail=20)
                    _disconnect(machine)
            except docker.errors.APIError as error:
                _log.warning("%s ended and cannot be asked why: %s", instance_id, error)
            else:
                ended(instance_id, console.asked_for_reboot(last_words))

    def _connect(self, machine: Machine) -> None:
        """Read the address of a started container, and add its private address."""
        machine.container.reload()
        state = machine.container.attrs
        network = next(iter(state["NetworkSettings"]["Networks"].values()))
        process_id = int(state["State"]["Pid"])
        if not process_id:
            raise RuntimeError(f"the container of {machine.instance_id} ended at once")
        machine.gateway = network["Gateway"]
        # The machine is closed to other machines until its security groups are known, which takes less time than the
        # start of sshd.
        machine.rules = firewall.closed(machine.gateway)
        firewall.apply(process_id, machine.rules)
        firewall.add_address(process_id, machine.private_address)
        machine.process_id = process_id
        machine.address = network["IPAddress"]


def _cgroups() -> dict[str, Any]:
    """Return the engine's options with which systemd can write its control groups.

    With cgroup version 2 the engine mounts a container's own groups read-only, so the container gets the host's.
    """
    if not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return {"cgroupns": "private"}
    return {"cgroupns": "host", "volumes": {"/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "rw"}}}


def _disconnect(machine: Machine) -> None:
    machine.ends_by_us = True
    machine.address = ""
    machine.process_id = 0
    machine.rules = ""


_in_use: list[Machines] = []


def use(machines: Machines) -> Machines:
    """Set the machines that `container_address` looks up."""
    _in_use[:] = [machines]
    return machines


def container_address(instance_id: str) -> str | None:
    """Return the address at which the load balancer reaches the instance's container.

    It is None unless the container runs.
    """
    return _in_use[0].container_address(instance_id) if _in_use else None
