"""A picture of what the load balancers are configured to do, taken at one moment and never changed afterwards."""

from dataclasses import dataclass, field

from rehearsal.load_balancer.names import Names

Address = tuple[str, int]

DEFAULT_IDLE_TIMEOUT = 60.0
"""Seconds without data after which a load balancer closes a connection, when its attributes say nothing else."""


@dataclass(frozen=True)
class HealthCheck:
    """How a target group asks its targets for their health; times in seconds."""

    protocol: str
    path: str
    interval: float
    timeout: float
    healthy_threshold: int
    unhealthy_threshold: int
    codes: str
    """As the API has it: `200`, `200,204` or `200-299`."""


@dataclass(frozen=True)
class Target:
    """One registered instance."""

    instance_id: str
    port: int
    running: bool
    address: Address | None
    """Where it is reached; None while the security groups or its state do not let the load balancer through."""
    health_address: Address | None


@dataclass(frozen=True)
class TargetGroup:
    """Targets that a rule forwards to."""

    arn: str
    protocol: str
    check: HealthCheck | None
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Redirect:
    """A redirect action with the API's placeholders (`#{host}`) still in it."""

    protocol: str
    host: str
    port: str
    path: str
    query: str
    status: int


@dataclass(frozen=True)
class Action:
    """What happens to a request; exactly one of the three."""

    forward: tuple[tuple[str, int], ...] = ()
    """Target groups by ARN, with their weights."""
    fixed: tuple[int, str, str] | None = None
    """Status, content type and text."""
    redirect: Redirect | None = None


@dataclass(frozen=True)
class Rule:
    """All conditions must hold; a condition holds if one of its patterns matches."""

    action: Action
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listener:
    """One port of a load balancer."""

    port: int
    certificates: tuple[str, ...]
    """ARNs, the default one first."""
    tls_1_3_only: bool
    rules: tuple[Rule, ...]
    """In order of priority, the default rule last."""


@dataclass(frozen=True)
class LoadBalancer:
    """One load balancer."""

    dns_name: str
    idle_timeout: float
    drop_invalid_headers: bool
    listeners: dict[int, Listener]
    admitted_ports: frozenset[int]
    """Ports that its security groups open to a client on this computer."""


@dataclass(frozen=True)
class Picture:
    """Everything, at one moment."""

    names: Names = field(default_factory=Names)
    balancers: dict[str, LoadBalancer] = field(default_factory=dict)
    """By DNS name, in lower case."""
    groups: dict[str, TargetGroup] = field(default_factory=dict)
    """Those that a rule or a default action uses, by ARN."""
    certificates: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    """PEM chain and private key by ARN."""

    def balancer_of(self, name: str) -> LoadBalancer | None:
        """The load balancer that a browser reaches by this name, if any."""
        alias = self.names.alias_of(name)
        return self.balancers.get(alias) if alias else None
