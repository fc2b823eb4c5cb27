"""Read the snapshot of the load balancers from moto's backends.

It is read under the lock, at most twice a second.
"""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.acm.models import acm_backends
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance
from moto.elbv2.models import ELBv2Backend, FakeAction, FakeListener, FakeLoadBalancer, FakeTargetGroup, elbv2_backends
from moto.route53.models import route53_backends

from rehearsal.load_balancer.model import (
    DEFAULT_IDLE_TIMEOUT,
    Action,
    Address,
    HealthCheck,
    Listener,
    LoadBalancer,
    Picture,
    Redirect,
    Rule,
    Target,
    TargetGroup,
)
from rehearsal.load_balancer.names import Names
from rehearsal.lock import LOCK
from rehearsal.network import firewall

Reach = Callable[[Instance, firewall.Source, int], Address | None]
"""Function that returns the address at which a load balancer reaches an instance.

Its arguments are the instance, the source of the connection, and the port. It returns None if the load balancer cannot
reach the port. It runs under the lock.
"""

MAX_AGE = 0.5
CLIENT = "127.0.0.1"
NODE = 10
"""Number of the load balancer node's address in its subnet."""


_log = logging.getLogger(__name__)


@dataclass
class _Groups:
    """An object with security groups, the only attribute that the firewall reads."""

    security_groups: list[Any]


class Pictures:
    """The current snapshot, at most MAX_AGE seconds old.

    The event loop does not wait for the lock.
    """

    def __init__(self, account: str, region: str, reach: Reach) -> None:
        self._take = lambda: take(account, region, reach)
        self._picture = Picture()
        self._taken = float("-inf")
        self._taking = asyncio.Lock()

    @property
    def last(self) -> Picture:
        """Return the latest snapshot, for callers that cannot wait."""
        return self._picture

    async def current(self) -> Picture:
        """Return a current snapshot."""
        if time.monotonic() - self._taken > MAX_AGE:
            async with self._taking:
                if time.monotonic() - self._taken > MAX_AGE:
                    started = time.monotonic()
                    try:
                        self._picture = await asyncio.to_thread(self._take)
                    except Exception:  # one faulty resource must not stop all load balancers
                        _log.exception("the load balancers' configuration cannot be read; the last one stays in force")
                    self._taken = started
        return self._picture


def take(account: str, region: str, reach: Reach) -> Picture:
    """Read a snapshot of this moment."""
    with LOCK:
        backend = elbv2_backends[account][region]
        arns = used_groups(backend)
        sources: dict[str, firewall.Source] = {}
        for balancer in backend.load_balancers.values():
            for arn in _forwarded(balancer):
                sources[arn] = _source(balancer)
        groups = [backend.target_groups[arn] for arn in arns if arn in backend.target_groups]
        balancers = list(backend.load_balancers.values())
        wanted = {arn for balancer in balancers for item in balancer.listeners.values() for arn in item.certificates}
        issued = acm_backends[account][region]._certificates
        # moto's own look for one instance copies all of them, too slow for each of a thousand targets.
        reservations = ec2_backends[account][region].reservations.values()
        instances = {instance.id: instance for reservation in reservations for instance in reservation.instances}
        return Picture(
            names=_names(account),
            balancers={item.dns_name.lower(): _balancer(item, account, region) for item in balancers},
            groups={item.arn: _group(item, instances, sources[item.arn], reach) for item in groups},
            certificates={
                arn: (issued[arn].cert + b"\n" + issued[arn].chain, issued[arn].key) for arn in wanted if arn in issued
            },
        )


def used_groups(backend: ELBv2Backend) -> set[str]:
    """Return the ARNs of target groups that a rule or default action forwards to.

    Hold the lock.
    """
    return {arn for balancer in backend.load_balancers.values() for arn in _forwarded(balancer)}


def _forwarded(balancer: FakeLoadBalancer) -> set[str]:
    return {
        arn
        for listener in balancer.listeners.values()
        for rule in listener.rules.values()
        for arn, _ in _action(rule.actions).forward
    }


def _names(account: str) -> Names:
    records = [record for zone in route53_backends[account]["aws"].zones.values() for record in zone.rrsets]
    aliases = [(item.name, item.alias_target["DNSName"]) for item in records if item.alias_target and item.type == "A"]
    return Names(aliases, (item.name for item in records))


def _source(balancer: FakeLoadBalancer) -> firewall.Source:
    nodes = [str(ipaddress.ip_network(subnet.cidr_block)[NODE]) for subnet in balancer.subnets]
    return firewall.Source(addresses=frozenset(nodes), group_ids=frozenset(balancer.security_groups))


def _balancer(balancer: FakeLoadBalancer, account: str, region: str) -> LoadBalancer:
    ec2 = ec2_backends[account][region]
    groups: Any = _Groups([ec2.get_security_group_from_id(group_id) for group_id in balancer.security_groups])
    listeners = {int(item.port): _listener(item) for item in balancer.listeners.values()}
    client = firewall.Source(addresses=frozenset({CLIENT}))
    return LoadBalancer(
        dns_name=balancer.dns_name.lower(),
        idle_timeout=float(balancer.attrs.get("idle_timeout.timeout_seconds", DEFAULT_IDLE_TIMEOUT)),
        drop_invalid_headers=balancer.attrs.get("routing.http.drop_invalid_header_fields.enabled") == "true",
        listeners=listeners,
        admitted_ports=frozenset(port for port in listeners if firewall.may_connect(groups, client, port)),
    )


def _listener(listener: FakeListener) -> Listener:
    ordered = sorted(listener.rules.values(), key=lambda rule: (rule.is_default, rule.is_default or int(rule.priority)))
    return Listener(
        port=int(listener.port),
        certificates=tuple(listener.certificates),
        tls_1_3_only="TLS13-1-3" in (listener.ssl_policy or ""),
        rules=tuple(_rule(rule.conditions, rule.actions) for rule in ordered),
    )


def _rule(conditions: list[dict[str, Any]], actions: list[FakeAction]) -> Rule:
    """Return a rule in the form for routing.

    The stack engine supports no conditions other than these two.
    """
    patterns: dict[str, tuple[str, ...]] = {}
    for condition in conditions:
        config = condition.get("HostHeaderConfig") or condition.get("PathPatternConfig") or condition
        patterns[condition["Field"]] = tuple(config["Values"])
    return Rule(_action(actions), patterns.get("host-header", ()), patterns.get("path-pattern", ()))


def _action(actions: list[FakeAction]) -> Action:
    data = actions[-1].data
    if data["Type"] == "fixed-response":
        config = data["FixedResponseConfig"]
        fixed = (int(config["StatusCode"]), config.get("ContentType", "text/plain"), config.get("MessageBody", ""))
        return Action(fixed=fixed)
    if data["Type"] == "redirect":
        config = data["RedirectConfig"]
        redirect = Redirect(
            protocol=config.get("Protocol", "#{protocol}"),
            host=config.get("Host", "#{host}"),
            port=str(config.get("Port", "#{port}")),
            path=config.get("Path", "/#{path}"),
            query=config.get("Query", "#{query}"),
            status=301 if config["StatusCode"] == "HTTP_301" else 302,
        )
        return Action(redirect=redirect)
    groups = data.get("ForwardConfig", {}).get("TargetGroups") or [{"TargetGroupArn": data["TargetGroupArn"]}]
    return Action(forward=tuple((item["TargetGroupArn"], int(item.get("Weight", 1))) for item in groups))


def _group(
    group: FakeTargetGroup, instances: dict[str, Instance], source: firewall.Source, reach: Reach
) -> TargetGroup:
    check = None
    if group.health_check_enabled:
        check = HealthCheck(
            protocol=group.health_check_protocol or "HTTP",
            path=group.health_check_path or "/",
            interval=float(group.health_check_interval_seconds),
            timeout=float(group.health_check_timeout_seconds),
            healthy_threshold=int(group.healthy_threshold_count),
            unhealthy_threshold=int(group.unhealthy_threshold_count),
            codes=str(group.matcher["HttpCode"]),
        )
    targets = []
    for item in group.targets.values():
        instance = instances.get(item["Id"])
        port = int(item["Port"])
        health_port = port if group.health_check_port == "traffic-port" else int(group.health_check_port or port)
        running = instance is not None and instance.state == "running"
        targets.append(
            Target(
                instance_id=item["Id"],
                port=port,
                running=running,
                address=reach(instance, source, port) if instance and running else None,
                health_address=reach(instance, source, health_port) if instance and running else None,
            )
        )
    return TargetGroup(group.arn, group.protocol or "HTTP", check, tuple(targets))
