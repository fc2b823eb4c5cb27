"""Run the life cycle of EC2 instances: states that take time, and containers.

A container stands behind every instance. A few threads work on containers, without the rehearsal's lock.
"""

import base64
import ipaddress
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from docker.errors import APIError
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance, StateReason

from rehearsal.api import faults
from rehearsal.lock import LOCK
from rehearsal.machines import images, packages
from rehearsal.machines.containers import Machines
from rehearsal.machines.first_boot import Seed
from rehearsal.network.engine_networks import IMAGE_REPOSITORY
from rehearsal.network.sync import NetworkSync
from rehearsal.services.ec2 import amis
from rehearsal.services.ec2.states import become, tag_values
from rehearsal.settings import Settings

_WORKERS = 4
"""Number of machines that are started or stopped at the same time.

More of them would only wait for each other.
"""
_DEFAULT_ADMIN = "ubuntu"
_log = logging.getLogger(__name__)


class InstanceLife:
    """State changes of instances, together with their containers.

    Hold the lock to call it.
    """

    def __init__(self, settings: Settings, machines: Machines | None, network_sync: NetworkSync | None) -> None:
        """Set up the life cycle.

        Without `machines`, instances are records only, which change state without delay.
        """
        self._settings = settings
        self._machines = machines
        self._network_sync = network_sync
        self._workers = ThreadPoolExecutor(_WORKERS, "machines")
        self._made_of: dict[str, str] = {}
        """Original image of each image that was made from an instance.

        It is the published image at the start of the chain: instance, image of it, instance of that image, and so on.
        """
        self._container_images: dict[str, str] = {}
        self._image_lock = threading.Lock()
        self.release_records: Callable[[Instance], object] = Instance.terminate
        """Function that removes a terminated instance's records from moto.

        The records are its interfaces and disks.
        """
        self._records_only = False
        self._without_container: set[str] = set()
        """Ids of the instances that are records, although others are containers."""
        if machines:
            machines.watch(self._ended_by_itself)

    def close(self) -> None:
        """Accept no more work, and wait for the work under way."""
        self._workers.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def records_only(self) -> Iterator[None]:
        """Launch instances within the block at once, without containers."""
        self._records_only = True
        try:
            yield
        finally:
            self._records_only = False

    def launch(self, instance: Instance) -> None:
        """Start a new instance."""
        if self._records_only:
            self._without_container.add(instance.id)
            become(instance, "running")
            return
        become(instance, "pending")
        self._work(self._first_start, instance)

    def start(self, instance: Instance) -> None:
        """Start a stopped instance, at the current address of its record."""
        instance.launch_time = utcnow()
        become(instance, "pending")
        self._work(self._power_on, instance)

    def stop(self, instance: Instance) -> None:
        """Stop an instance."""
        become(instance, "stopping")
        self._work(self._power_off, instance)

    def reboot(self, instance: Instance) -> None:
        """Reboot an instance; its state does not show it."""
        if self._machines_of(instance):
            self._work(lambda i: self._need().reboot(i.id), instance)

    def terminate(self, instance: Instance) -> None:
        """Remove an instance's machine and its disk."""
        become(instance, "shutting-down")
        self._work(self._remove, instance)

    def make_image(self, instance: Instance, ami: Any, reboots: bool) -> None:
        """Make a machine image of an instance's disk.

        The image is available some time after the disk was copied.
        """
        self._made_of[ami.id] = self._made_of.get(instance.image_id, instance.image_id)
        self._workers.submit(self._commit, instance, ami, reboots)

    def image_gone(self, image_id: str) -> None:
        """Remove the container image of a deregistered machine image.

        Machines made from it live on.
        """
        if self._machines:
            self._workers.submit(self._machines.remove_image, image_id)

    def network_gone(self, vpc_id: str) -> None:
        """Remove the container network of a deleted VPC."""
        if self._machines:
            self._workers.submit(self._remove_network, vpc_id)

    def changed(self) -> None:
        """Tell the network thread that security groups or instances changed."""
        if self._network_sync:
            self._network_sync.wake()

    def console(self, instance: Instance, lag: float, boot_time: float = math.inf) -> str:
        """Return the console's text; do not hold the lock for long when calling."""
        machines = self._machines_of(instance)
        if not machines or faults.machine_fault("no-console", instance.id, tag_values(instance)):
            return ""
        return machines.console(instance.id, lag, boot_time)

    def _machines_of(self, instance: Instance) -> Machines | None:
        """Return the manager of containers, None for an instance without a container."""
        return None if instance.id in self._without_container else self._machines

    def _need(self) -> Machines:
        assert self._machines  # noqa: S101 - only called where machines are
        return self._machines

    def _work(self, task: Callable[[Instance], None], instance: Instance) -> None:
        self._workers.submit(self._guarded, task, instance)

    def _guarded(self, task: Callable[[Instance], None], instance: Instance) -> None:
        try:
            task(instance)
        except Exception as error:  # no error may leave the instance in a state for ever
            _log.exception("%s failed", instance.id)
            self._lost(instance, f"Server.InternalError: Internal error on launch ({error})")
        self.changed()

    def _lost(self, instance: Instance, reason: str) -> None:
        if machines := self._machines_of(instance):
            try:
                machines.remove(instance.id)
            except APIError:
                _log.exception("the container of %s is left over", instance.id)
        with LOCK:
            if instance.state not in ("terminated", "shutting-down"):
                self.release_records(instance)
            become(instance, "terminated")
            instance._reason = "Server.InternalError"
            instance.state_reason = StateReason(reason, "Server.InternalError")

    def _first_start(self, instance: Instance) -> None:
        if self._machines:
            with LOCK:
                if instance.state != "pending":
                    return
                seed = self._seed(instance)
                vpc = instance.ec2_backend.get_vpc(instance.vpc_id)
                private_address = ipaddress.IPv4Interface(f"{instance.private_ip}/{vpc.cidr_block.partition('/')[2]}")
                hostname = instance.private_dns_name.partition(".")[0]
            image = self._container_image(instance.image_id)
            self._machines.create(seed, image, private_address, vpc.id, hostname)
        with LOCK:
            if faults.machine_fault("no-boot", instance.id, tag_values(instance)):
                raise RuntimeError("injected by the rehearsal")
        self._power_on(instance)

    def _power_on(self, instance: Instance) -> None:
        with LOCK:
            if instance.state != "pending":
                return
        if machines := self._machines_of(instance):
            machines.start(instance.id)
        with LOCK:
            if instance.state == "pending":
                become(instance, "running")

    def _power_off(self, instance: Instance) -> None:
        if machines := self._machines_of(instance):
            machines.stop(instance.id)
        with LOCK:
            if instance.state == "stopping":
                become(instance, "stopped")

    def _remove(self, instance: Instance) -> None:
        if machines := self._machines_of(instance):
            machines.remove(instance.id)
        with LOCK:
            become(instance, "terminated")

    def _commit(self, instance: Instance, ami: Any, reboots: bool) -> None:
        is_made = not faults.machine_fault("no-image", instance.id, tag_values(instance))
        try:
            if is_made and (machines := self._machines_of(instance)):
                machines.commit(instance.id, ami.id, reboots)
        except Exception:  # no error may leave the image pending for ever
            _log.exception("no image of %s", instance.id)
            is_made = False
        # The disk has been read, so the instance may end; on AWS most of the time goes into storing the snapshot.
        time.sleep(self._settings.image_delay)
        with LOCK:
            ami.finish(is_made)

    def _remove_network(self, vpc_id: str) -> None:
        try:
            self._need().networks.remove(vpc_id)
        except APIError:
            _log.exception("the network of %s is left over", vpc_id)

    def _ended_by_itself(self, instance_id: str, to_reboot: bool) -> None:
        """Handle a machine that was rebooted or powered off from inside.

        The thread that watches the engine's events calls it.
        """
        with LOCK:
            instance = next(
                (
                    found
                    for backend in list(ec2_backends[self._settings.account].values())
                    if (found := backend.get_instance_by_id(instance_id))
                ),
                None,
            )
            if not instance or instance.state not in ("pending", "running"):
                return
            if to_reboot:
                self._work(lambda i: self._need().resume(i.id), instance)
            elif instance.instance_initiated_shutdown_behavior == "terminate":
                instance.terminate()
            else:
                for nic in instance.nics.values():
                    nic.stop()
                become(instance, "stopped")
                instance._reason = f"Instance initiated ({utcnow():%Y-%m-%d %H:%M:%S} UTC)"
                code = "Client.InstanceInitiatedShutdown"
                instance.state_reason = StateReason(f"{code}: Instance initiated shutdown", code)
        self.changed()

    def _seed(self, instance: Instance) -> Seed:
        published = amis.definitions().get(self._made_of.get(instance.image_id, instance.image_id), {})
        key_pair = instance.ec2_backend.key_pairs.get(instance.key_name)
        public_key = key_pair.public_key if key_pair else ""
        if isinstance(public_key, bytes):
            public_key = public_key.decode()
        return Seed(
            instance_id=instance.id,
            admin=published.get("admin_user", _DEFAULT_ADMIN),
            authorized_keys=f"{public_key.strip()}\n" if public_key else "",
            user_data=base64.b64decode(str(instance.user_data)) if instance.user_data else b"",
        )

    def _container_image(self, ami_id: str) -> str:
        if self._settings.image:
            return self._settings.image
        if self._need().has_image(ami_id):
            return f"{IMAGE_REPOSITORY}:{ami_id}"
        published = amis.definitions().get(ami_id)
        if not published:
            raise RuntimeError(f"no container image stands for {ami_id}")
        distribution = published["machine"]
        with self._image_lock:
            if distribution not in self._container_images:
                image = images.ensure(distribution, _log.info)
                # The image's Python may differ from that of the first machines.
                packages.add_wheels(self._settings, image, _log.info)
                self._container_images[distribution] = image
            return self._container_images[distribution]
