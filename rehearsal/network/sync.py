"""Update listeners and packet filters to match the API's records.

The thread checks all machines at intervals, and at once when it is woken after a change. Both API calls and stacks
change security groups, and both write to the records that it reads.
"""

import logging
import subprocess
import threading
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance

from rehearsal.lock import LOCK
from rehearsal.machines.containers import Machine, Machines
from rehearsal.machines.memory import memory_bytes
from rehearsal.network import firewall
from rehearsal.network.addresses import Forwarders
from rehearsal.settings import Settings

CLIENT = "127.0.0.1"
"""Source address of connections to 127.0.0.0/8."""
_INTERVAL = 0.7
_MEMORY_EVERY = 7
"""Number of rounds between two measurements of the machines' memory."""
_log = logging.getLogger(__name__)


class NetworkSync:
    """Thread that updates listeners and packet filters."""

    def __init__(self, settings: Settings, machines: Machines) -> None:
        self._settings = settings
        self._machines = machines
        self._forwarders = Forwarders()
        self._instance_at: dict[str, Instance] = {}
        self._changed = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="network-sync", daemon=True)
        self.memory_now = 0
        """Memory of all machines together in bytes, as of a few seconds ago."""
        self.memory_peak = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Close all listeners and end the thread."""
        self._stopping.set()
        self._changed.set()
        self._thread.join(10)
        self._forwarders.stop()

    def wake(self) -> None:
        """Start a check at once; return immediately."""
        self._changed.set()

    def listening(self) -> set[tuple[str, int]]:
        """Return the public addresses and ports with a listener."""
        return self._forwarders.listening()

    def _run(self) -> None:
        rounds = 0
        while not self._stopping.is_set():
            self._changed.wait(_INTERVAL)
            self._changed.clear()
            try:
                self._put_right()
                if rounds % _MEMORY_EVERY == 0:
                    self._weigh()
            except Exception:  # the next round tries again, and the log has the error
                _log.exception("the network could not be put right")
            rounds += 1

    def _put_right(self) -> None:
        running = self._machines.running()
        with LOCK:
            instances = running_instances(self._settings.account)
            pairs = [
                (machine, instances[machine.instance_id]) for machine in running if machine.instance_id in instances
            ]
            filters = [(m.instance_id, self._filter(m, instance, instances)) for m, instance in pairs if m.gateway]
            wanted = self._wanted(pairs)
            self._instance_at = {instance.public_ip: instance for _, instance in pairs if instance.public_ip}
        for instance_id, rules in filters:
            try:
                self._machines.filter(instance_id, rules)
            except subprocess.SubprocessError as error:
                # The machine may have ended in this moment; if not, the next round tries again.
                _log.warning("packet filter of %s: %s %s", instance_id, error, getattr(error, "stderr", ""))
        self._forwarders.keep(wanted, self._admits)

    def _filter(self, machine: Machine, instance: Instance, instances: dict[str, Instance]) -> str:
        return firewall.filter_rules(instance, instances.values(), machine.gateway)

    def _wanted(self, pairs: list[tuple[Machine, Instance]]) -> dict[tuple[str, int], tuple[str, int]]:
        return {
            (instance.public_ip, self._outer(port)): (machine.address, port)
            for machine, instance in pairs
            if instance.public_ip and machine.address
            for port in firewall.open_ports(instance, CLIENT)
        }

    def _outer(self, port: int) -> int:
        return self._settings.ssh_port if port == 22 else port

    def _admits(self, address: str, port: int, client: str) -> bool:
        """Return whether a connection is admitted; called for each connection.

        So a rule that is gone admits nobody even before its listener is closed.
        """
        inner = 22 if port == self._settings.ssh_port else port
        with LOCK:
            instance = self._instance_at.get(address)
            if not instance or instance.public_ip != address or instance.state != "running":
                return False
            return firewall.may_connect(instance, firewall.Source(frozenset([client])), inner)

    def _weigh(self) -> None:
        self.memory_now = sum(memory_bytes(machine.process_id) for machine in self._machines.running())
        self.memory_peak = max(self.memory_peak, self.memory_now)


def running_instances(account: str) -> dict[str, Instance]:
    """Return the account's running instances of all regions, by id; hold the lock."""
    backends: Any = ec2_backends[account]
    return {
        instance.id: instance
        for backend in list(backends.values())
        for instance in backend.all_instances()
        if instance.state == "running"
    }
