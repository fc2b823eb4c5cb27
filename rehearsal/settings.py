"""What can be set about a rehearsal. `SETTINGS` is filled once by the server, before anything else reads it."""

from dataclasses import dataclass, field, fields
from pathlib import Path


@dataclass
class Settings:
    """One rehearsal's settings; times are in seconds, addresses are IPv4.

    The defaults are those of `scripts/rehearsal up`; tests shorten the times.
    """

    root: Path = field(default_factory=lambda: Path(__file__).resolve().parents[1])
    """Checkout that the rehearsal belongs to."""
    home: Path = field(default_factory=lambda: Path(__file__).resolve().parents[1] / ".rehearsal")
    """Folder of everything that the rehearsal writes."""
    run_id: str = "none"
    """Label of every container and network of this run."""
    account: str = "123456789012"
    region: str = "us-east-1"
    access_key: str = "AKIAREHEARSAL0000000"
    """Access key id of the only credentials that the API knows; signatures are not verified."""
    # Modules blot it out of whatever they print, so it must be part of no path or name.
    secret_key: str = "no-secret-of-anybody-0123456789abcdefghi"  # noqa: S105 - opens this computer's rehearsal only
    zone: str = "localhost"
    """Hosted zone; browsers resolve every name below localhost to the loopback address by themselves."""
    seconds_per_resource: float = 0.2
    """How long CloudFormation takes over one resource."""
    console_delay: float = 2.0
    """How long a machine's console output stays empty after its boot, unless it is read live."""
    image_delay: float = 2.0
    """How long a machine image that was made of an instance stays pending after the disk was copied."""
    record_delay: float = 1.0
    """How long a change of Route 53 records is PENDING."""
    requests_per_second: float = 5.0
    """Rate at which CloudFormation and Route 53 answer; 0 removes the limit."""
    request_burst: int = 10
    """Requests that may come at once before the rate applies."""
    boot_timeout: float = 120.0
    """How long a stack waits for its machine to be running."""
    vcpu_quota: int = 256
    """Service quota L-1216C47A, running On-Demand Standard vCPUs."""
    machines: bool = True
    """False: instances are records without containers, for tests of the API alone."""
    container_memory: str = "2g"
    """Limit for one machine's container, in the engine's notation."""
    services_address: str = "127.0.0.1"
    """Where machines reach the object store and the package files: the gateway of the run's own network."""
    https_port: int = 0
    http_port: int = 0
    ssh_port: int = 22
    """Port that carries the machines' port 22: 22 unless the computer's own sshd holds it."""
    image: str = ""
    """Container image of every machine, whatever its AMI; empty: the one that the AMI stands for."""

    def update(self, values: dict[str, object]) -> None:
        """Take over the values by name; raises KeyError for a name that is no setting."""
        known = {item.name for item in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise KeyError(name)
            setattr(self, name, value)


SETTINGS = Settings()
