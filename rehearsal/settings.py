"""Define a rehearsal's settings.

The server fills `SETTINGS` once, before anything else reads it.
"""

import secrets
from dataclasses import dataclass, field, fields
from pathlib import Path

_KEY_ID_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _new_access_key() -> str:
    return "AKIA" + "".join(secrets.choice(_KEY_ID_CHARACTERS) for _ in range(16))


@dataclass
class Settings:
    """One rehearsal's settings; times are in seconds, addresses are IPv4.

    The defaults are those of `scripts/rehearsal up`; tests shorten the times.
    """

    root: Path = field(default_factory=lambda: Path(__file__).resolve().parents[1])
    """Checkout that the rehearsal belongs to."""
    home: Path = field(default_factory=lambda: Path(__file__).resolve().parents[1] / ".rehearsal")
    """Folder of all files that the rehearsal writes."""
    run_id: str = "none"
    """Label of every container and network of this run."""
    account: str = "123456789012"
    region: str = "us-east-1"
    access_key: str = field(default_factory=_new_access_key)
    """Id of the only access key that the API accepts; random, as is its secret."""
    # Ansible modules mask the secret key in their output, so it must be part of no path or name.
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20), repr=False)
    zone: str = "localhost"
    """Name of the hosted zone.

    Browsers resolve every name below localhost to the loopback address by themselves.
    """
    seconds_per_resource: float = 0.2
    """Time that CloudFormation takes for one resource."""
    console_delay: float = 2.0
    """Time that a machine's console output stays empty after its boot.

    A live read of the console has no such delay.
    """
    console_boot_time: float = 120.0
    """Time after a boot at which EC2 keeps the console output.

    A live read also shows what came later.
    """
    image_delay: float = 2.0
    """Time that a machine image stays pending after the instance's disk was copied."""
    record_delay: float = 1.0
    """Time that a change of Route 53 records is PENDING."""
    requests_per_second: float = 5.0
    """Rate limit of CloudFormation and Route 53; 0 removes it."""
    request_burst: int = 10
    """Number of requests that may come at once before the rate limit applies."""
    boot_timeout: float = 120.0
    """Time that a stack waits for its machine to be running."""
    vcpu_quota: int = 256
    """Service quota L-1216C47A, running On-Demand Standard vCPUs."""
    clean: bool = False
    """True if the account has nothing of others in it.

    False: it is an account that others use as well, with rehearsal/account/strangers in it.
    """
    foreign_stacks: int = 0
    """Number of further stacks of others, so that lists of stacks have many pages."""
    machines: bool = True
    """True if instances have containers.

    False: instances are records without containers, for tests of the API alone.
    """
    container_memory: str = "2g"
    """Memory limit of one machine's container, in the engine's notation."""
    services_address: str = "127.0.0.1"
    """Address at which machines reach the object store and the package files.

    It is the gateway of the run's own network.
    """
    https_port: int = 0
    http_port: int = 0
    ssh_port: int = 22
    """Port that forwards to the machines' port 22.

    It is 22 unless the computer's own sshd holds it.
    """
    image: str = ""
    """Container image of every machine, whatever its AMI.

    If empty, it is the image for the AMI.
    """

    def update(self, values: dict[str, object]) -> None:
        """Set the values by name; raise KeyError for a name that is no setting."""
        known = {item.name for item in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise KeyError(name)
            setattr(self, name, value)


SETTINGS = Settings()
