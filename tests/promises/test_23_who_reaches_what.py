"""Test promise 23: only the load balancer reaches port 8888.

ssh is open to the given network only; IMDSv2; encrypted disks; TLS 1.2 or later.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.workshop import Workshop

USERS = ("ws-1", "ws-2", "ws-3")
PORTS = (22, 8888)


def reached(workshop: Workshop, source: str, addresses: set[str]) -> set[str]:
    """Return which PORTS at the addresses the machine of `source` can connect to.

    Each is given as `address:port`.
    """
    attempts = [
        f"(timeout 10 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo {address}:{port}) &"
        for address in addresses
        for port in PORTS
    ]
    return set(workshop.on_machine(source, f"{' '.join(attempts)} wait").split())


def inner_addresses(workshop: Workshop, user: str) -> set[str]:
    """Return the machine's private addresses, from EC2 and from the machine itself."""
    return {workshop.machines()[user]["PrivateIpAddress"], *workshop.on_machine(user, "hostname -I").split()}


def groups_of(workshop: Workshop, user: str) -> list[dict[str, Any]]:
    """Return the security groups of the machine."""
    ids = [group["GroupId"] for group in workshop.machines()[user]["SecurityGroups"]]
    found: list[dict[str, Any]] = workshop.ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"]
    return found


def own_group(workshop: Workshop, user: str) -> dict[str, Any]:
    """Return the security group that no other machine has; they share the one for ssh."""
    others = {
        group["GroupId"]
        for name, machine in workshop.machines().items()
        if name != user
        for group in machine["SecurityGroups"]
    }
    (own,) = [group for group in groups_of(workshop, user) if group["GroupId"] not in others]
    return own


def test_no_machine_reaches_another(workshop: Workshop) -> None:
    addresses = {user: inner_addresses(workshop, user) for user in USERS}
    for source in USERS:
        assert "127.0.0.1:8888" in reached(workshop, source, {"127.0.0.1"}), "the test's own eyes"
        others = set().union(*(addresses[user] for user in USERS if user != source))
        assert reached(workshop, source, others) == set(), source


@pytest.fixture
def neighbour_admitted(workshop: Workshop) -> Iterator[None]:
    """Admit ws-1's machine to Jupyter in ws-2's security group.

    A careless template would do so.
    """
    theirs, ours = own_group(workshop, "ws-2"), own_group(workshop, "ws-1")
    pair = [{"GroupId": ours["GroupId"]}]
    rule = [{"IpProtocol": "tcp", "FromPort": 8888, "ToPort": 8888, "UserIdGroupPairs": pair}]
    workshop.ec2.authorize_security_group_ingress(GroupId=theirs["GroupId"], IpPermissions=rule)
    yield
    workshop.ec2.revoke_security_group_ingress(GroupId=theirs["GroupId"], IpPermissions=rule)


def test_a_template_that_admits_a_neighbour_would_be_seen(workshop: Workshop, neighbour_admitted: None) -> None:
    addresses = inner_addresses(workshop, "ws-2")
    end = time.monotonic() + 20
    while not reached(workshop, "ws-1", addresses):
        assert time.monotonic() < end, "the security group alone decides, and it admits"
    assert reached(workshop, "ws-3", addresses) == set(), "it admits ws-1 alone"
    with pytest.raises(AssertionError, match=":8888"):
        test_no_machine_reaches_another(workshop)


def test_from_outside_only_ssh_answers(workshop: Workshop) -> None:
    for user in USERS:
        address = workshop.machines()[user]["PublicIpAddress"]
        socket.create_connection((address, workshop.facts["ssh_port"]), 5).close()
        for port in (80, 443, 8888):
            with pytest.raises(OSError):
                socket.create_connection((address, port), 2).close()


def test_what_the_groups_of_a_machine_say(workshop: Workshop) -> None:
    theirs = workshop.strangers()["load_balancers"]
    balancers = workshop.client("elbv2").describe_load_balancers()["LoadBalancers"]
    (network,) = (balancer for balancer in balancers if balancer["LoadBalancerArn"] not in theirs)
    for user in USERS:
        rules = [rule for group in groups_of(workshop, user) for rule in group["IpPermissions"]]
        assert {(rule["FromPort"], rule["ToPort"]) for rule in rules} == {(22, 22), (8888, 8888)}
        for rule in rules:
            if rule["FromPort"] == 8888:
                assert {pair["GroupId"] for pair in rule["UserIdGroupPairs"]} == set(network["SecurityGroups"])
                assert not rule.get("IpRanges") and not rule.get("Ipv6Ranges")
            else:
                assert rule["IpRanges"] and not rule["UserIdGroupPairs"]
                assert not [item for item in rule["IpRanges"] if item["CidrIp"] == "0.0.0.0/0"]


def test_metadata_and_disks(workshop: Workshop) -> None:
    for user, machine in workshop.machines().items():
        assert machine["MetadataOptions"]["HttpTokens"] == "required", user
        disks = [item["Ebs"]["VolumeId"] for item in machine["BlockDeviceMappings"]]
        for volume in workshop.ec2.describe_volumes(VolumeIds=disks)["Volumes"]:
            assert volume["Encrypted"], user


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_not_spoken(workshop: Workshop) -> None:
    for version, spoken in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_1, False)):
        context = ssl.create_default_context(cafile=workshop.facts["ca_bundle"])
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        try:
            with (
                socket.create_connection(("127.0.0.1", workshop.facts["https_port"]), 5) as plain,
                context.wrap_socket(plain, server_hostname="ws-1.stack.localhost") as wrapped,
            ):
                assert spoken and wrapped.version() == "TLSv1.2"
        except ssl.SSLError:
            assert not spoken
