"""Define an immutable snapshot of the load balancers' configuration."""

from dataclasses import dataclass, field

from rehearsal.load_balancer.names import Names

Address = tuple[str, int]

DEFAULT_IDLE_TIMEOUT = 60.0
"""Seconds without data after which a load balancer closes a connection.

This is the default when its attributes set no other time.
"""


@dataclass(frozen=True)
class HealthCheck:
    """The health check settings of a target group; times in seconds."""

    protocol: str
    path: str
    interval: float
    timeout: float
    healthy_threshold: int
    unhealthy_threshold: int
    codes: str
    """Status codes in the API's form: `200`, `200,204` or `200-299`."""


@dataclass(frozen=True)
class Target:
    """One registered instance."""

    instance_id: str
    port: int
    running: bool
    address: Address | None
    """Address at which the target is reached.

    It is None while the security groups or its state block the load balancer.
    """
    health_address: Address | None


@dataclass(frozen=True)
class TargetGroup:
    """A target group that a rule forwards to."""

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
    """The action for a request; exactly one of the three fields is set."""

    forward: tuple[tuple[str, int], ...] = ()
    """Target groups by ARN, with their weights."""
    fixed: tuple[int, str, str] | None = None
    """Fixed response: status, content type and text."""
    redirect: Redirect | None = None


@dataclass(frozen=True)
class Rule:
    """A rule: it matches if every condition has a pattern that matches."""

    action: Action
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listener:
    """One port of a load balancer."""

    port: int
    certificates: tuple[str, ...]
    """ARNs of certificates, the default one first."""
    tls_1_3_only: bool
    rules: tuple[Rule, ...]
    """Rules in order of priority, the default rule last."""


@dataclass(frozen=True)
class LoadBalancer:
    """One load balancer."""

    dns_name: str
    idle_timeout: float
    drop_invalid_headers: bool
    listeners: dict[int, Listener]
    admitted_ports: frozenset[int]
    """Ports that its security groups admit for a client on this computer."""


@dataclass(frozen=True)
class Picture:
    """A snapshot of all load balancers at one moment."""

    names: Names = field(default_factory=Names)
    balancers: dict[str, LoadBalancer] = field(default_factory=dict)
    """Load balancers by DNS name, in lower case."""
    groups: dict[str, TargetGroup] = field(default_factory=dict)
    """Target groups that a rule or a default action uses, by ARN."""
    certificates: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    """PEM chain and private key by ARN."""

    def balancer_of(self, name: str) -> LoadBalancer | None:
        """Return the load balancer that a browser reaches by this name, if any."""
        alias = self.names.alias_of(name)
        return self.balancers.get(alias) if alias else None
