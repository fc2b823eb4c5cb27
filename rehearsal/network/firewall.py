"""Convert security groups to packet filters and connection checks.

They decide by its source whether a connection to a machine is admitted. The packet filter admits the forwarders of
public addresses and the load balancer, which reach a container from its network's gateway, because those check each
connection themselves, by `may_connect`. Everything else comes from other machines and is filtered in the receiving
container's own network namespace, out of reach of whoever is root in there.
"""

import ipaddress
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

WIDE_RANGE = 16
"""Number of ports above which a rule counts as wide.

Only the usual ports of a wide rule get listeners.
"""
USUAL_PORTS = (22, 80, 443, 8080, 8888)
_COMMAND_SECONDS = 20


@dataclass(frozen=True)
class Source:
    """The source of a connection.

    It has the addresses as AWS would see them, and the security groups of the client.
    """

    addresses: frozenset[str] = field(default_factory=frozenset)
    group_ids: frozenset[str] = field(default_factory=frozenset)


def may_connect(instance: Instance, source: Source, port: int) -> bool:
    """Return whether the instance's security groups admit a TCP connection.

    The connection is from `source` to `port`. Hold the lock.
    """
    return any(
        _covers_port(rule, port)
        and (
            rule.source_group.get("GroupId") in source.group_ids
            or any(_covers_address(rule, address) for address in source.addresses)
        )
        for rule in _tcp_rules(instance)
    )


def open_ports(instance: Instance, client: str) -> set[int]:
    """Return the TCP ports that the groups open to the client's address.

    Of wide ranges, they are the usual ones. Hold the lock.
    """
    ports: set[int] = set()
    for rule in _tcp_rules(instance):
        if not _covers_address(rule, client):
            continue
        first, last = _port_range(rule)
        if last - first < WIDE_RANGE:
            ports.update(range(first, last + 1))
        else:
            ports.update(port for port in USUAL_PORTS if first <= port <= last)
    return ports


def groups_of(instance: Instance) -> list[SecurityGroup]:
    """Return the instance's security groups.

    If it names none, they are its VPC's default group. Hold the lock.
    """
    if instance.security_groups:
        return list(instance.security_groups)
    return [group for nic in instance.nics.values() for group in nic.group_set]


def filter_rules(instance: Instance, others: Iterable[Instance], gateway: str) -> str:
    """Return the packet filter of an instance's container for iptables-restore.

    `others` are the machines that security group rules may mean; `gateway` is the source address of the forwarders and
    the load balancer. Hold the lock.
    """
    others = list(others)
    admitted = [
        f"-A INPUT -s {source} {_protocol_matches(rule)}-j ACCEPT"
        for rule in _rules(instance)
        for source in _sources(rule, others)
    ]
    return _filter(gateway, admitted)


def closed(gateway: str) -> str:
    """Return a packet filter that admits only the gateway, for iptables-restore.

    The forwarders and the load balancer connect from the gateway.
    """
    return _filter(gateway, [])


def _filter(gateway: str, admitted: Iterable[str]) -> str:
    lines = [
        "*filter",
        ":INPUT DROP [0:0]",
        ":FORWARD DROP [0:0]",
        ":OUTPUT ACCEPT [0:0]",
        "-A INPUT -i lo -j ACCEPT",
        "-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
        f"-A INPUT -s {gateway}/32 -j ACCEPT",
        *dict.fromkeys(admitted),
        "COMMIT",
        "",
    ]
    return "\n".join(lines)


def apply(process_id: int, rules: str) -> None:
    """Put the rules in force in the network namespace of the process.

    Raises CalledProcessError.
    """
    for command, text in (("iptables-restore", rules), ("ip6tables-restore", _NO_IPV6)):
        subprocess.run(
            ["nsenter", "--target", str(process_id), "--net", command, "--wait", "5"],
            input=text,
            text=True,
            check=True,
            capture_output=True,
            timeout=_COMMAND_SECONDS,
        )


def add_address(process_id: int, address: ipaddress.IPv4Interface) -> None:
    """Add the container's private address of the VPC to the engine's address.

    Raises CalledProcessError.
    """
    subprocess.run(
        ["nsenter", "--target", str(process_id), "--net", "ip", "address", "replace", str(address), "dev", "eth0"],
        check=True,
        capture_output=True,
        timeout=_COMMAND_SECONDS,
    )


_NO_IPV6 = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\nCOMMIT\n"


def _rules(instance: Instance) -> Iterator[SecurityGroupRule]:
    for group in groups_of(instance):
        yield from group.ingress_rules


def _tcp_rules(instance: Instance) -> Iterator[SecurityGroupRule]:
    return (rule for rule in _rules(instance) if rule.ip_protocol in ("tcp", "6", "-1"))


def _port_range(rule: SecurityGroupRule) -> tuple[int, int]:
    if rule.ip_protocol == "-1":
        return 0, 65535
    return int(rule.from_port or 0), int(rule.to_port or 0)


def _covers_port(rule: SecurityGroupRule, port: int) -> bool:
    first, last = _port_range(rule)
    return first <= port <= last


def _covers_address(rule: SecurityGroupRule, address: str) -> bool:
    cidr = rule.ip_range.get("CidrIp")
    if not cidr:
        return False
    return ipaddress.ip_address(address) in ipaddress.ip_network(cidr, strict=False)


def _protocol_matches(rule: SecurityGroupRule) -> str:
    protocol: Any = rule.ip_protocol
    if protocol == "-1":
        return ""
    if protocol in ("icmp", "1"):
        return "-p icmp "
    first, last = _port_range(rule)
    return f"-p {protocol} -m {protocol} --dport {first}:{last} "


def _sources(rule: SecurityGroupRule, others: list[Instance]) -> list[str]:
    if cidr := rule.ip_range.get("CidrIp"):
        return [str(ipaddress.ip_network(cidr, strict=False))]
    group_id = rule.source_group.get("GroupId")
    if not group_id:
        return []
    members = (other for other in others if any(group.id == group_id for group in groups_of(other)))
    return sorted(f"{other.private_ip}/32" for other in members)
