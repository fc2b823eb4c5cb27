"""The check of machines where name servers disagree.

The name servers are real ones, and so is the server over TLS that the name leads to.
"""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from ansible_collections.probcomp.stack.plugins.module_utils.dns.queries import Dns
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter import client
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.host_names import HostNames

from rehearsal.account import pki
from tests.support.name_servers import NOBODY, NameServers, name_servers

ZONE, HOST, PASSWORD = "example.org", "alice.stack.example.org", "correct-horse-battery"


@pytest.fixture
def servers() -> Iterator[NameServers]:
    """Provide a zone with its own servers and a resolver before them."""
    with name_servers() as made:
        made.host(ZONE, "ns-1.awsdns-01.com")
        yield made


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Provide an authority's file, and a server's with key and certificate."""
    signer = pki.authority(tmp_path)
    issued = pki.issue(signer, [HOST])
    server = tmp_path / "server.pem"
    server.write_bytes(issued.private_key + b"\n" + issued.certificate + b"\n" + issued.chain)
    return {"authority": signer.certificate_file, "server": server}


def check(servers: NameServers, files: dict[str, Path], limits: client.Limits, status: int = 403) -> client.Result:
    """Return the check's result for a machine that opens at the second login.

    With a `status` above 403 the machine answers everything with that.
    """
    logins: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if status > 403:
            return web.Response(status=status)
        if request.path != "/login":
            return web.Response(status=200 if len(logins) > 1 else 403)
        if request.method == "POST":
            logins.append(request.path)
        response = web.Response(status=200 if request.method == "GET" else 302 if len(logins) > 1 else 403)
        response.set_cookie("_xsrf", "token")
        return response

    async def run() -> client.Result:
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(files["server"])
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        machine = client.Machine("alice", f"https://{HOST}:{runner.addresses[0][1]}", PASSWORD)
        names = HostNames(servers.setting, ZONE)
        try:
            without_kernel = replace(limits, last_step="login")
            return (await client.check_all([machine], without_kernel, str(files["authority"]), 1, names))[0]
        finally:
            await runner.cleanup()

    return asyncio.run(run())


LIMITS = client.Limits(connect=5, kernel=30)


def test_a_name_that_all_name_servers_know(servers: NameServers, files: dict[str, Path]) -> None:
    servers.add(ZONE, HOST, "A", "127.0.0.1")
    assert check(servers, files, LIMITS).ok


def test_an_early_look_is_told_from_a_missing_record(servers: NameServers, files: dict[str, Path]) -> None:
    early = check(servers, files, LIMITS)
    assert (early.kind, early.repair) == ("name", "ansible-playbook -l alice stack_start.yml")
    assert "has no record" in early.reason

    servers.add(ZONE, HOST, "A", "127.0.0.1")
    behind = check(servers, files, client.Limits(connect=5, kernel=30, wait=180))
    assert (behind.ok, behind.kind, behind.repair) == (False, "resolver", "")
    assert behind.reason.startswith("the machine works, but not for all yet: ") and "UTC: wait 15 min" in behind.reason
    assert behind.seconds < 10, "waiting for what cannot come in time"

    servers.lead = 899
    soon = check(servers, files, client.Limits(connect=5, kernel=30, wait=30))
    assert soon.ok and 0.5 < soon.seconds < 10


def test_a_fault_of_the_machine_is_told_first(servers: NameServers, files: dict[str, Path]) -> None:
    assert Dns.of(servers.setting).ask(HOST).values == ()
    servers.add(ZONE, HOST, "A", "127.0.0.1")
    assert check(servers, files, LIMITS, status=503).kind == "unavailable"


def test_a_name_server_that_is_silent_is_not_a_silent_machine(servers: NameServers, files: dict[str, Path]) -> None:
    servers.setting = servers.setting.replace("127.0.0.1", NOBODY)
    result = check(servers, files, client.Limits(connect=0.5, kernel=30))
    assert result.kind == "resolver" and f"name server ({NOBODY})" in result.reason
