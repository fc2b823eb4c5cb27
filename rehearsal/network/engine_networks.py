"""Create the Docker networks of a run: one for services, and one for each VPC.

The gateway of the services network is the services address. A VPC's network is made for its first machine. A VPC's own
addresses are given to the containers besides those of the engine's network, so two VPCs may have the same range, as on
AWS, and neither conflicts with the computer's own networks.
"""

import ipaddress
import random
import subprocess
import threading

import docker
import docker.errors
from docker.models.networks import Network

LABEL = "probcomp-rehearsal"
"""Label of all Docker objects of a run; its value is the run id."""
HOME_LABEL = "probcomp-rehearsal-home"
"""Label with the folder of the run, in case its files are gone."""
INSTANCE_LABEL = "probcomp-instance"
IMAGE_REPOSITORY = "probcomp-stack/ami"
"""Repository of container images made from machines.

The tag is the machine image's id; they are removed with the run.
"""
_POOL = ipaddress.ip_network("100.64.0.0/10")
"""Carrier-grade NAT's range.

Private networks of homes, offices and VPCs use other ranges.
"""
_VPC_PREFIX = 22
_SERVICES_PREFIX = 29
_TRIES = 20


class Networks:
    """The networks of one run."""

    def __init__(self, engine: docker.DockerClient, run_id: str, labels: dict[str, str]) -> None:
        self._engine = engine
        self._run_id = run_id
        self._labels = labels
        self._lock = threading.Lock()
        self._of_vpc: dict[str, str] = {}

    def make_services_network(self) -> str:
        """Create the services network, and return its gateway's address.

        Machines reach the package files and objects on it.
        """
        _, gateway = self._make("services", _SERVICES_PREFIX)
        return gateway

    def of_vpc(self, vpc_id: str) -> str:
        """Return the name of the VPC's network; create it at its first machine."""
        with self._lock:
            if vpc_id not in self._of_vpc:
                self._of_vpc[vpc_id], _ = self._make(vpc_id, _VPC_PREFIX)
            return self._of_vpc[vpc_id]

    def remove(self, vpc_id: str) -> None:
        """Remove the VPC's network if it has one; its containers must be gone."""
        with self._lock:
            name = self._of_vpc.pop(vpc_id, None)
        if name:
            self._engine.networks.get(name).remove()

    def _make(self, suffix: str, prefix: int) -> tuple[str, str]:
        name = f"probcomp-{self._run_id}-{suffix}"
        for _ in range(_TRIES):
            subnet = self._free_subnet(prefix)
            gateway = str(subnet[1])
            pool = docker.types.IPAMPool(subnet=str(subnet), gateway=gateway)
            try:
                network: Network = self._engine.networks.create(
                    name,
                    driver="bridge",
                    ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                    labels=self._labels,
                )
            except docker.errors.APIError as error:
                if "overlap" not in str(error):
                    raise
                continue
            return str(network.name), gateway
        raise OSError(f"no free /{prefix} for a network of the container engine in {_POOL}")

    def _free_subnet(self, prefix: int) -> ipaddress.IPv4Network:
        routed = _routes()
        while True:
            nth = random.randrange(1 << (prefix - _POOL.prefixlen))  # noqa: S311 - a free address, not a secret
            start = int(_POOL.network_address) + nth * (1 << (32 - prefix))
            subnet = ipaddress.IPv4Network((start, prefix))
            if not any(subnet.overlaps(route) for route in routed):
                return subnet


def _routes() -> list[ipaddress.IPv4Network]:
    """Return the destinations of this computer's routes, except the default route."""
    done = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=True, timeout=10)
    destinations = (line.split()[0] for line in done.stdout.splitlines() if line and line[0].isdigit())
    return [ipaddress.IPv4Network(destination) for destination in destinations]
