"""The load balancer in front of a real HTTP and websocket server.

The tests check names, TLS, rules, health, errors and bodies.
"""

import asyncio
import hashlib
import json
import ssl
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import boto3
import pytest

from tests.support.front_door_world import (
    DOMAIN,
    REGION,
    Cloud,
    admission,
    admit,
    get,
    handshake,
    idle_timeout,
    running_cloud,
    serves,
    talk,
    trusting,
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Provide one load balancer for all tests of this file.

    A start costs a second, and each test leaves it as it was.
    """
    with running_cloud(tmp_path_factory.mktemp("ca")) as made:
        yield made


@pytest.fixture
def short_idle_timeout(cloud: Cloud) -> Iterator[None]:
    idle_timeout(cloud, 2)
    yield
    idle_timeout(cloud, 60)


@pytest.fixture(autouse=True)
def healthy(cloud: Cloud) -> None:
    cloud.upstream.health = 200
    cloud.wait("healthy")


def test_a_rule_for_the_host_leads_to_the_machine_with_all_headers(cloud: Cloud) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "Bad_Name": "dropped", "Accept-Encoding": "gzip", "User-Agent": "me"}
    status, answered, text = get(cloud, cloud.url("/echo/a%20b?q=%2F1&x"), headers=headers)
    told = json.loads(text)
    received = {name.lower(): value for name, value in told["headers"]}
    assert (status, told["path"]) == (200, "/echo/a%20b?q=%2F1&x")
    assert received["host"] == f"alice.{DOMAIN}:{cloud.door.https_port}"
    assert received["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert received["x-forwarded-proto"] == "https"
    assert received["x-forwarded-port"] == str(cloud.door.https_port)
    assert (received["accept-encoding"], received["user-agent"]) == ("gzip", "me")
    assert "bad_name" not in received
    assert answered["Content-Type"].startswith("application/json")


def test_every_cookie_of_an_answer_arrives(cloud: Cloud) -> None:
    async def use(session: aiohttp.ClientSession) -> list[str]:
        async with session.get(cloud.url("/echo")) as answer:
            return answer.headers.getall("Set-Cookie")

    assert talk(cloud, use) == ["a=1; Secure", "b=2; Secure"]


def test_a_name_with_a_record_but_no_rule_gets_the_default_answer(cloud: Cloud) -> None:
    status, headers, text = get(cloud, cloud.url(name=f"bob.{DOMAIN}"))
    assert (status, text) == (404, "No machine has this name.")
    assert headers["Content-Type"].startswith("text/plain")


def test_a_name_without_a_record_is_refused_in_the_handshake(cloud: Cloud) -> None:
    """A name without a record is refused in the handshake.

    A browser would report that there is no such name.
    """
    with pytest.raises(ssl.SSLError) as error:
        handshake(cloud, f"carol.{DOMAIN}")
    assert error.value.reason == "TLSV1_UNRECOGNIZED_NAME"
    assert handshake(cloud, f"alice.{DOMAIN}") in ("TLSv1.3", "TLSv1.2")


def test_a_new_record_works_and_a_deleted_one_does_not(cloud: Cloud) -> None:
    cloud.alias(f"dora.{DOMAIN}")
    serves(cloud, 404, f"dora.{DOMAIN}")
    cloud.alias(f"dora.{DOMAIN}", "DELETE")
    serves(cloud, None, f"dora.{DOMAIN}")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
def test_only_modern_tls_is_spoken_and_the_authority_must_be_trusted(cloud: Cloud) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        get(cloud, cloud.url(), ssl=ssl.create_default_context())
    old = trusting(cloud)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(aiohttp.ClientConnectorError):
        get(cloud, cloud.url(), ssl=old)


def test_http_is_redirected_to_the_port_that_carries_https(cloud: Cloud) -> None:
    status, headers, _ = get(cloud, cloud.url("/lab?x=1", scheme="http"))
    assert status == 301
    assert headers["Location"] == f"https://alice.{DOMAIN}:{cloud.door.https_port}/lab?x=1"


def test_http_of_an_unknown_name_is_not_answered(cloud: Cloud) -> None:
    with pytest.raises(aiohttp.ServerDisconnectedError):
        get(cloud, cloud.url(name=f"carol.{DOMAIN}", scheme="http"))


def test_an_unhealthy_machine_is_described_and_recovers(cloud: Cloud) -> None:
    cloud.upstream.health = 403
    state = cloud.wait("unhealthy")
    assert state["Reason"] == "Target.ResponseCodeMismatch"
    assert state["Description"] == "Health checks failed with these codes: [403]"
    # A load balancer with only unhealthy targets still sends requests to them.
    assert get(cloud, cloud.url("/echo"))[0] == 200


def test_a_stopped_machine_is_unused_and_answered_with_503(cloud: Cloud) -> None:
    ec2 = boto3.client("ec2", REGION)
    ec2.stop_instances(InstanceIds=[cloud.instance])
    try:
        assert cloud.wait("unused")["Reason"] == "Target.InvalidState"
        serves(cloud, 503)
        status, headers, text = get(cloud, cloud.url())
        assert (status, headers["Server"]) == (503, "awselb/2.0")
        assert "<h1>503 Service Temporarily Unavailable</h1>" in text
    finally:
        ec2.start_instances(InstanceIds=[cloud.instance])


def test_without_a_rule_of_the_security_group_the_machine_is_out_of_reach(cloud: Cloud) -> None:
    ec2 = boto3.client("ec2", REGION)
    rule = admission(cloud.balancer_group, cloud.upstream.port)
    ec2.revoke_security_group_ingress(GroupId=cloud.machine_group, IpPermissions=rule)
    try:
        assert cloud.wait("unhealthy")["Reason"] == "Target.Timeout"
        assert get(cloud, cloud.url())[0] == 504
    finally:
        admit(cloud.machine_group, cloud.balancer_group, cloud.upstream.port)


@pytest.mark.usefixtures("short_idle_timeout")
def test_a_target_that_stays_silent_is_a_timeout(cloud: Cloud) -> None:
    assert get(cloud, cloud.url("/silent"))[0] == 504


def test_a_target_that_does_not_listen_is_a_bad_gateway(cloud: Cloud) -> None:
    elb = boto3.client("elbv2", REGION)
    free = 1  # nothing listens on the first port
    boto3.client("ec2", REGION).authorize_security_group_ingress(
        GroupId=cloud.machine_group, IpPermissions=admission(cloud.balancer_group, free)
    )
    elb.register_targets(TargetGroupArn=cloud.group, Targets=[{"Id": cloud.instance, "Port": free}])
    try:
        assert cloud.wait("unhealthy")["Reason"] == "Target.FailedHealthChecks"
        assert get(cloud, cloud.url())[0] == 502
    finally:
        elb.register_targets(TargetGroupArn=cloud.group, Targets=[{"Id": cloud.instance, "Port": cloud.upstream.port}])


def test_a_large_upload_arrives_whole(cloud: Cloud) -> None:
    content = bytes(range(256)) * 4096 * 20

    async def use(session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.post(cloud.url("/upload"), data=content, expect100=True) as answer:
            told: dict[str, Any] = await answer.json()
            return told

    assert talk(cloud, use) == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_an_event_stream_arrives_as_it_is_sent(cloud: Cloud) -> None:
    async def use(session: aiohttp.ClientSession) -> list[float]:
        begun = time.monotonic()
        async with session.get(cloud.url("/stream")) as answer:
            return [time.monotonic() - begun async for chunk in answer.content.iter_any() if chunk]

    moments = talk(cloud, use)
    assert len(moments) == 3
    assert moments[0] < 0.25
    assert moments[2] > 0.5


def test_websockets_carry_text_large_binaries_subprotocol_and_close_code(cloud: Cloud) -> None:
    wanted = "v1.kernel.websocket.jupyter.org"
    large = b"\x00\xff" * 8 * 1024**2

    async def use(session: aiohttp.ClientSession) -> tuple[str | None, str, bool, int | None]:
        url = cloud.url("/ws").replace("https", "wss")
        async with session.ws_connect(url, protocols=("other", wanted), max_msg_size=0) as connection:
            await connection.send_str("1+1")
            text = await connection.receive_str()
            await connection.send_bytes(large)
            same = await connection.receive_bytes() == large
            await connection.send_str("close")
            await connection.receive()
            return connection.protocol, text, same, connection.close_code

    assert talk(cloud, use) == (wanted, "1+1", True, 4001)


def test_a_refused_websocket_keeps_its_status(cloud: Cloud) -> None:
    async def use(session: aiohttp.ClientSession) -> None:
        await session.ws_connect(cloud.url("/ws-refused").replace("https", "wss"))

    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        talk(cloud, use)
    assert error.value.status == 403


@pytest.mark.usefixtures("short_idle_timeout")
def test_an_idle_websocket_ends_and_a_pinging_one_lives(cloud: Cloud) -> None:
    async def use(session: aiohttp.ClientSession) -> tuple[bool, float]:
        async with session.ws_connect(cloud.url("/ws").replace("https", "wss"), autoping=False) as connection:
            for _ in range(3):
                await connection.ping()
                await connection.receive()
                await asyncio.sleep(1)
            alive = not connection.closed
            begun = time.monotonic()
            await connection.receive()
            return alive, time.monotonic() - begun

    alive, waited = talk(cloud, use)
    assert alive
    assert waited < 10
