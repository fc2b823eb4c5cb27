"""Security groups as packet filters, and the forwarders of public addresses.

The forwarders carry them to containers.
"""

import errno
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from moto.core.base_backend import BackendDict
from moto.ec2.models import EC2Backend

from rehearsal.api.errors import AwsError
from rehearsal.network import firewall
from rehearsal.network.addresses import AddressPool, Forwarders, pick_range
from rehearsal.network.firewall import Source
from rehearsal.services.ec2 import amis

GATEWAY = "100.64.0.1"


class Cloud:
    """moto's records of one VPC, made for the test alone."""

    def __init__(self) -> None:
        self.backend: EC2Backend = BackendDict(EC2Backend, "ec2")["123456789012"]["us-east-1"]
        # The image is the test's own: moto's built-in ones exist or not by what was imported before.
        self.image, definition = next(iter(amis.definitions().items()))
        self.backend.amis[self.image] = amis.PublishedAmi(self.backend, definition)
        self.vpc = self.backend.create_vpc("10.20.0.0/16")
        self.subnet = self.backend.create_subnet(self.vpc.id, "10.20.0.0/20", "us-east-1a")

    def group(self, name: str) -> str:
        return str(self.backend.create_security_group(name, "test", self.vpc.id).id)

    def machine(self, *group_ids: str) -> Any:
        reservation = self.backend.run_instances(
            self.image,
            1,
            None,
            [],
            instance_type="t3.micro",
            is_instance_type_default=False,
            region_name="us-east-1",
            subnet_id=self.subnet.id,
            security_group_ids=list(group_ids),
        )
        return reservation.instances[0]

    def admit(
        self, group_id: str, first: int, last: int, cidr: str = "", group: str = "", protocol: str = "tcp"
    ) -> None:
        self.backend.authorize_security_group_ingress(
            group_id,
            protocol,
            str(first),
            str(last),
            ip_ranges=[{"CidrIp": cidr}] if cidr else [],
            source_groups=[{"GroupId": group}] if group else [],
        )


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def admitted(rules: str) -> list[str]:
    return [line for line in rules.splitlines() if line.startswith("-A") and GATEWAY not in line]


def test_a_machine_without_rules_lets_in_its_gateway_alone(cloud: Cloud) -> None:
    machine = cloud.machine(cloud.group("empty"))
    rules = firewall.filter_rules(machine, [machine], GATEWAY)
    assert rules == firewall.closed(GATEWAY)
    assert ":INPUT DROP" in rules
    assert f"-A INPUT -s {GATEWAY}/32 -j ACCEPT" in rules


def test_a_rule_of_a_group_means_the_addresses_of_its_machines(cloud: Cloud) -> None:
    alices, bobs = cloud.group("alice"), cloud.group("bob")
    alice, bob, carol = cloud.machine(alices), cloud.machine(bobs), cloud.machine(cloud.group("carol"))
    cloud.admit(bobs, 8888, 8888, group=alices)
    rules = firewall.filter_rules(bob, [alice, bob, carol], GATEWAY)
    opened = set(admitted(rules)) - set(admitted(firewall.closed(GATEWAY)))
    assert opened == {f"-A INPUT -s {alice.private_ip}/32 -p tcp -m tcp --dport 8888:8888 -j ACCEPT"}
    assert firewall.may_connect(bob, Source(group_ids=frozenset([alices])), 8888)
    assert not firewall.may_connect(bob, Source(group_ids=frozenset([alices])), 22)
    assert not firewall.may_connect(bob, Source(group_ids=frozenset([bobs])), 8888)


def test_a_rule_of_a_network_holds_for_its_addresses_and_ports(cloud: Cloud) -> None:
    group = cloud.group("ssh")
    machine = cloud.machine(group)
    cloud.admit(group, 22, 23, cidr="127.0.0.0/30")
    assert firewall.may_connect(machine, Source(frozenset(["127.0.0.1"])), 22)
    assert not firewall.may_connect(machine, Source(frozenset(["127.0.0.9"])), 22)
    assert not firewall.may_connect(machine, Source(frozenset(["127.0.0.1"])), 24)
    assert firewall.open_ports(machine, "127.0.0.1") == {22, 23}
    assert firewall.open_ports(machine, "10.1.1.1") == set()
    assert "-A INPUT -s 127.0.0.0/30 -p tcp -m tcp --dport 22:23 -j ACCEPT" in firewall.filter_rules(
        machine, [], GATEWAY
    )


def test_a_rule_for_everything_opens_the_usual_ports(cloud: Cloud) -> None:
    group = cloud.group("all")
    machine = cloud.machine(group)
    cloud.admit(group, -1, -1, cidr="0.0.0.0/0", protocol="-1")
    assert firewall.open_ports(machine, "127.0.0.1") == set(firewall.USUAL_PORTS)
    assert "-A INPUT -s 0.0.0.0/0 -j ACCEPT" in firewall.filter_rules(machine, [], GATEWAY)


def test_rules_for_udp_open_no_tcp_port(cloud: Cloud) -> None:
    group = cloud.group("dns")
    machine = cloud.machine(group)
    cloud.admit(group, 53, 53, cidr="0.0.0.0/0", protocol="udp")
    assert not firewall.may_connect(machine, Source(frozenset(["127.0.0.1"])), 53)
    assert "-p udp -m udp --dport 53:53" in firewall.filter_rules(machine, [], GATEWAY)


def test_addresses_go_round_and_end() -> None:
    taken: set[str] = set()
    pool = AddressPool(ipaddress.IPv4Network("127.77.0.0/29"), lambda: taken)
    first = pool.allocate()
    assert pool.allocate() != first, "a freed address is not given out again at once"
    taken.update(str(address) for address in ipaddress.IPv4Network("127.77.0.0/29").hosts())
    with pytest.raises(AwsError, match="InsufficientFreeAddressesInSubnet"):
        pool.allocate()


@pytest.fixture
def forwarders() -> Iterator[Forwarders]:
    started = Forwarders()
    yield started
    started.stop()


class Echo:
    """A service that echoes its input, and can be started late."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.target = ("127.0.0.1", self._listener.getsockname()[1])
        self.heard = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            received = b""
            while data := connection.recv(65536):
                received += data
                self.heard.set()
            # The answer follows the other side's end: half-closed connections must be passed on as such.
            connection.sendall(received)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def talk(address: tuple[str, int], text: bytes) -> bytes:
    with socket.create_connection(address, 5) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def test_a_forwarder_carries_both_ways(forwarders: Forwarders) -> None:
    echo = Echo()
    public = (str(pick_range()[9]), 2222)
    forwarders.keep({public: echo.target}, lambda *_: True)
    text = b"x" * 500_000
    assert talk(public, text) == text
    echo.close()


def test_nobody_listens_before_the_machine_does(forwarders: Forwarders) -> None:
    echo = Echo()
    echo.close()
    public = (str(pick_range()[9]), 2222)
    forwarders.keep({public: echo.target}, lambda *_: True)
    with pytest.raises(ConnectionRefusedError):
        talk(public, b"too early")
    late = Echo(echo.target[1])
    forwarders.keep({public: late.target}, lambda *_: True)
    assert talk(public, b"now") == b"now"
    late.close()


def test_who_is_not_admitted_gets_nothing_through(forwarders: Forwarders) -> None:
    echo = Echo()
    public = (str(pick_range()[9]), 2222)
    asked = []

    def admits(address: str, port: int, client: str) -> bool:
        asked.append((address, port, client))
        return False

    forwarders.keep({public: echo.target}, admits)
    # The forwarder hangs up at once, so any step of the conversation can raise the error.
    try:
        answer = talk(public, b"let me in")
    except OSError as error:
        assert error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN), error
        answer = b""
    assert answer == b""
    assert asked == [(*public, "127.0.0.1")]
    echo.close()


def test_what_is_no_longer_wanted_is_closed_and_open_connections_live_on(forwarders: Forwarders) -> None:
    echo = Echo()
    public = (str(pick_range()[9]), 2222)
    forwarders.keep({public: echo.target}, lambda *_: True)
    with socket.create_connection(public, 5) as tracked:
        tracked.sendall(b"first ")
        assert echo.heard.wait(5)
        forwarders.keep({}, lambda *_: True)
        assert forwarders.listening() == set()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(public, 5)
        tracked.sendall(b"second")
        tracked.shutdown(socket.SHUT_WR)
        assert tracked.recv(100) == b"first second"
    echo.close()
