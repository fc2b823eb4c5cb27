"""Run a rehearsal's process: AWS API, containers, load balancer, package files.

`scripts/rehearsal up` starts it.

usage: python -m rehearsal.server HOME SETTINGS (settings: a JSON object of fields of Settings)

Writes HOME/progress.log while it starts and HOME/rehearsal.json when all is ready. On SIGTERM, SIGINT or a request to
shut down it removes its containers and networks and ends.
"""

import ctypes
import gc
import json
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from rehearsal.services import moto_settings  # noqa: F401 - before all of moto, which reads its environment when imported

# isort: split
import docker.errors
from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from rehearsal import run_state
from rehearsal.account import inventories, seed
from rehearsal.account.strangers import Strangers
from rehearsal.api import status
from rehearsal.api.accounting import Counts
from rehearsal.api.control import ControlEndpoints
from rehearsal.api.gateway import ADDRESS_PATH, Gate
from rehearsal.cli import environment
from rehearsal.cloudformation.api import CloudFormationApi
from rehearsal.load_balancer.ingress import FrontDoor, through_security_groups
from rehearsal.machines import containers, images, packages
from rehearsal.machines.file_server import FileServer
from rehearsal.name_servers.hosted_zones import HostedZones
from rehearsal.network.addresses import AddressPool, pick_range, pick_ssh_port
from rehearsal.network.sync import NetworkSync
from rehearsal.run_state import Run
from rehearsal.services import route53
from rehearsal.services.ec2 import hooks
from rehearsal.services.ec2.instances import InstanceLife
from rehearsal.services.pricing import PricingApi
from rehearsal.services.service_quotas import ServiceQuotasApi
from rehearsal.settings import SETTINGS, Settings

LOOPBACK = "127.0.0.1"
DEFAULT_IMAGE = "ubuntu24.04"
"""Default distribution of the machines.

Its image is made before the first machine.
"""
_log = logging.getLogger("rehearsal")


class Rehearsal:
    """All services of one rehearsal.

    `start` starts them one by one; `stop` stops those that were started.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counts = Counts()
        self._stack = ExitStack()
        self._strangers = Strangers(settings.account, settings.region)
        self._stopped = threading.Event()
        self._machines: containers.Machines | None = None
        self._network_sync: NetworkSync | None = None

    def start(self) -> None:
        """Start all services and write rehearsal.json.

        Raises OSError, ImageError, InputError or DockerException.
        """
        settings = self._settings
        run = Run(settings.run_id, os.getpid(), run_state.start_ticks(os.getpid()))
        run_state.write_run(settings.home, run)
        self._stack.callback((settings.home / "run.json").unlink, missing_ok=True)
        described = {"pid": run.pid, "started": run.started, "run_id": run.run_id}
        described |= {"access_key": settings.access_key, "secret_key": settings.secret_key}
        described |= {"region": settings.region, "account": settings.account}
        if settings.machines:
            described |= self._start_machines(run)
        described |= self._start_api()
        inventories.write(settings.home, settings.root, described)
        run_state.write_private(settings.home / "aws_config", environment.aws_config(described))
        run_state.write_json(settings.home / "rehearsal.json", described)
        self._stack.callback((settings.home / "rehearsal.json").unlink, missing_ok=True)
        _give_back_memory()
        self._say("ready")

    def wait(self) -> None:
        """Wait until a stop is requested."""
        self._stopped.wait()

    def ask_to_stop(self) -> None:
        """Let `wait` return."""
        self._stopped.set()

    def stop(self) -> None:
        """Stop all services, in reverse order of their start."""
        self._stack.close()

    def _say(self, line: str) -> None:
        """Write one line of progress for the user who waits for `up`."""
        with (self._settings.home / "progress.log").open("a") as log:
            log.write(f"{line}\n")

    def _start_machines(self, run: Run) -> dict[str, object]:
        settings = self._settings
        self._raise_limits(run)
        self._machines = containers.use(containers.Machines(settings.run_id, settings.home, settings.container_memory))
        self._stack.callback(self._remove_remains)
        services = self._machines.networks.make_services_network()
        settings.services_address = services
        image = settings.image or images.ensure(DEFAULT_IMAGE, self._say)
        self._say("preparing the packages that machines fetch")
        files = packages.prepare(settings, image, self._say)
        file_server = FileServer(files.folder, services)
        file_server.start()
        self._stack.callback(file_server.stop)
        self._network_sync = NetworkSync(settings, self._machines)
        self._network_sync.start()
        self._stack.callback(self._network_sync.stop)
        address = f"http://{services}:{file_server.port}"
        return {
            "files": address,
            "apt_repository_url": f"{address}{files.apt_path}",
            "apt_suite": files.apt_suite,
            "apt_key_file": str(files.apt_key_file),
            "jupyter_index_url": f"{address}{files.index_path}",
        }

    def _start_api(self) -> dict[str, object]:
        settings = self._settings
        network = pick_range()
        settings.ssh_port = pick_ssh_port(str(network[1]))
        life = InstanceLife(settings, self._machines, self._network_sync)
        self._stack.callback(life.close)
        pool = AddressPool(network, lambda: _public_addresses(settings.account))
        hooks.install(settings, life, pool.allocate)
        route53.install()
        described = dict(seed.install(settings, settings.account, settings.region))
        if not settings.clean:
            self._strangers.install(settings.zone, life.records_only(), settings.foreign_stacks)
        apis = {"cloudformation": CloudFormationApi, "pricing": PricingApi, "service-quotas": ServiceQuotasApi}
        control = ControlEndpoints(settings, self._counts, self._describe, self.ask_to_stop, self._strangers)
        gate = Gate(settings, self._counts, apis, control)
        api = self._serve(LOOPBACK, gate)
        store = self._serve(settings.services_address, gate.object_store)
        reach = through_security_groups(containers.container_address)
        front_door = FrontDoor(settings.account, settings.region, reach)
        front_door.start(settings.https_port, settings.http_port)
        self._stack.callback(front_door.stop)
        settings.https_port, settings.http_port = front_door.https_port, front_door.http_port
        hosted_zones = HostedZones(settings)
        self._stack.callback(hosted_zones.stop)
        dns_resolver = hosted_zones.start()
        return {
            **described,
            "api": api,
            "address_service": f"{api}{ADDRESS_PATH}",
            "dns_resolver": dns_resolver,
            "object_store": store,
            "https_port": settings.https_port,
            "http_port": settings.http_port,
            "ssh_port": settings.ssh_port,
        }

    def _serve(self, address: str, application: Callable[..., Iterable[bytes]]) -> str:
        server: BaseWSGIServer = make_server(
            address,
            0,
            application,
            threaded=True,
            request_handler=_QuietHandler,
        )
        thread = threading.Thread(target=server.serve_forever, name=f"api {address}", daemon=True)
        thread.start()
        self._stack.callback(thread.join, 5)
        self._stack.callback(server.shutdown)
        return f"http://{address}:{server.port}"

    def _raise_limits(self, run: Run) -> None:
        try:
            run.inotify_before = run_state.raise_inotify_limit()
        except OSError:
            self._say(
                f"{run_state.INOTIFY} is low and cannot be raised from here: about 30 machines will boot; "
                f"for more, run: sysctl fs.inotify.max_user_instances={run_state.INOTIFY_WANTED}"
            )
            return
        if run.inotify_before:
            run_state.write_run(self._settings.home, run)
            self._stack.callback(run_state.restore_inotify_limit, run)
            self._say(f"raised {run_state.INOTIFY} from {run.inotify_before} to {run_state.INOTIFY_WANTED} until down")

    def _remove_remains(self) -> None:
        for line in run_state.remove_remains(self._settings.run_id):
            _log.error("left over: %s", line)

    def _describe(self) -> dict[str, object]:
        return status.describe(self._settings, self._counts, self._machines, self._network_sync, self._strangers)


class _QuietHandler(MotoRequestHandler):
    """HTTP handler that keeps connections open and writes no log.

    The API gateway counts the requests.
    """

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Write no log."""


def _public_addresses(account: str) -> set[str]:
    """Return the public addresses of network interfaces.

    The thread that allocates an address holds the lock.
    """
    backends = list(ec2_backends[account].values())
    return {eni.public_ip for backend in backends for eni in backend.enis.values() if eni.public_ip}


def _give_back_memory() -> None:
    """Free the memory of other regions' instance type offerings, some 80 MB.

    The C library returns the freed memory to the system.
    """
    for offerings in INSTANCE_TYPE_OFFERINGS.values():
        for region in [name for name in offerings if name != SETTINGS.region]:
            del offerings[region]
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def main(home: Path, values: dict[str, object]) -> int:
    """Run a rehearsal until a stop is requested; return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("botocore", "urllib3", "docker", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    SETTINGS.update({**values, "home": home, "run_id": secrets.token_hex(4)})
    rehearsal = Rehearsal(SETTINGS)
    starting = True

    def end(*_: object) -> None:
        rehearsal.ask_to_stop()
        if starting:
            raise SystemExit(f"asked to end while starting, after {time.monotonic() - began:.0f} s")

    began = time.monotonic()
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        rehearsal.start()
        starting = False
        _log.info("ready after %.1f s", time.monotonic() - began)
        rehearsal.wait()
    except (OSError, RuntimeError, docker.errors.DockerException) as error:
        _log.exception("cannot start")
        rehearsal._say(f"failed: {error}")
        return 1
    finally:
        starting = False
        rehearsal.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
