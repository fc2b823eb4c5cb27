"""fleet_check against servers over TLS: each failure has its own message."""

import asyncio
import contextlib
import datetime
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter import client
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support import ROOT

PASSWORD = "Zwölf-kleine Äpfel & <Birnen>"
HOST = "ws-1.stack.localhost"
LIMITS = client.Limits(connect=5, kernel=30)


def certificate(folder: Path, name: str) -> Path:
    """Return a file with a key and a self-signed certificate for `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    private = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + made.public_bytes(form))
    return path


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide key and certificate for the names below stack.localhost."""
    return certificate(tmp_path_factory.mktemp("pki"), "*.stack.localhost")


Handler = Callable[[web.BaseRequest], web.StreamResponse]


def check_against(handler: Handler, pem: Path, limits: client.Limits = LIMITS, host: str = HOST) -> client.Result:
    """Return the check's result for a server on this computer.

    The server answers every request with `handler`.
    """
    return check_hosts(handler, pem, [host], limits)[0]


def check_hosts(handler: Handler, pem: Path, hosts: list[str], limits: client.Limits = LIMITS) -> list[client.Result]:
    """Return the results of machines with these names, all of them the same server."""

    async def run() -> list[client.Result]:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return handler(request)

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        machines = [client.Machine(host.split(".")[0], f"https://{host}:{port}", PASSWORD) for host in hosts]
        try:
            return await client.check_all(machines, limits, str(pem), len(hosts))
        finally:
            await runner.cleanup()

    return asyncio.run(run())


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_load_balancer_without_a_healthy_machine(pem: Path, status: int) -> None:
    result = check_against(lambda request: web.Response(status=status), pem)
    assert (result.ok, result.kind) == (False, "unavailable")
    assert f"answers {status}" in result.reason
    assert result.repair == "ansible-playbook -l ws-1 restart_jupyter.yml"


def test_a_name_that_the_load_balancer_does_not_know(pem: Path) -> None:
    result = check_against(lambda request: web.Response(status=404, text="No machine has this name."), pem)
    assert result.kind == "rule" and "knows no machine of this name" in result.reason


@pytest.mark.parametrize(("last_step", "kind"), [("refuse", ""), ("login", "password")])
def test_a_check_ends_after_its_last_step(pem: Path, last_step: str, kind: str) -> None:
    def no_password_is_right(request: web.BaseRequest) -> web.Response:
        status = 200 if (request.method, request.path) == ("GET", "/login") else 403
        return web.Response(status=status, headers={"Set-Cookie": "_xsrf=token"})

    assert check_against(no_password_is_right, pem, client.Limits(last_step=last_step)).kind == kind


def test_a_machine_that_serves_everybody(pem: Path) -> None:
    result = check_against(lambda request: web.json_response({"content": []}), pem)
    assert result.kind == "open" and result.repair == "ansible-playbook -l ws-1 set_password.yml"


def jupyter_that_accepts(accepts: Callable[[str], bool]) -> Handler:
    """Return a peer with Jupyter's login form.

    `accepts` judges its passwords on the cookie that a login left.
    """

    def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/login":
            response = web.Response(status=302 if request.method == "POST" else 200)
            response.set_cookie("_xsrf", "token")
            return response
        is_open = request.path == "/api/status" and accepts(request.headers.get("Cookie", ""))
        return web.Response(status=200 if is_open else 403)

    return handler


def test_a_machine_that_opens_for_a_wrong_password(pem: Path) -> None:
    result = check_against(jupyter_that_accepts(lambda cookie: True), pem)
    assert result.kind == "open" and "wrong password opens" in result.reason


def hostile_jupyter(kernel: bytes) -> Handler:
    """Return a server whose ws-2 answers so, once it was logged in to.

    ws-1 has no healthy Jupyter.
    """
    logins: list[str] = []

    def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.host.startswith("ws-1"):
            return web.Response(status=503)
        if request.method == "POST" and request.path == "/login":
            logins.append(request.path)
        is_open = len(logins) > 1  # The first password is a wrong one.
        if request.path == "/login":
            status = 302 if is_open and request.method == "POST" else 403 if request.method == "POST" else 200
            return web.Response(status=status, headers={"Set-Cookie": "_xsrf=token"})
        if request.path == "/api/kernels":
            return web.Response(status=201, body=kernel)
        return web.Response(status=200 if is_open and request.path == "/api/status" else 403)

    return handler


@pytest.mark.parametrize(
    ("kernel", "reason"),
    [
        (b"[" * 500_000, "could not be handled: RecursionError in kernel_messages.py, line "),
        (b'{"id": ' + b"9" * 60_000 + b"}", "Jupyter starts no kernel"),
        (b"[]", "Jupyter starts no kernel"),
    ],
    ids=["nested list", "number", "list"],
)
def test_a_machines_nonsense_is_its_own_failure(pem: Path, kernel: bytes, reason: str) -> None:
    hosts = [f"ws-{number}.stack.localhost" for number in (1, 2)]
    first, second = check_hosts(hostile_jupyter(kernel), pem, hosts)
    assert (first.user, first.kind) == ("ws-1", "unavailable")
    assert (second.user, second.ok) == ("ws-2", False) and reason in second.reason
    assert second.reason.isprintable() and len(second.reason) < 200


def test_a_server_that_is_no_jupyter_is_not_quoted(pem: Path) -> None:
    def hostile(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=403 if request.path == "/api/contents" else 200, text="\x1b[31mEVIL")

    result = check_against(hostile, pem)
    assert result.kind == "protocol" and "EVIL" not in result.reason and "\x1b" not in result.reason


def test_a_certificate_of_another_name_or_authority(pem: Path, tmp_path: Path) -> None:
    result = check_against(lambda request: web.Response(), pem, host="ws-1.other.localhost")
    assert result.kind == "tls" and "ca_bundle" in result.reason
    machine = client.Machine("ws-1", f"https://{HOST}:1", PASSWORD)
    with pytest.raises(OSError):
        asyncio.run(client.check_all([machine], LIMITS, str(tmp_path / "missing.pem"), 1))


def test_a_name_without_record_as_the_rehearsal_shows_it(pem: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    context.sni_callback = lambda connection, name, _: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    # A thread of plain sockets serves here: asyncio closes after a failed handshake without having sent the alert.
    def refuse_one(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with contextlib.suppress(ssl.SSLError), connection:
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=refuse_one, args=(listener,))
        thread.start()
        machine = client.Machine("ws-1", f"https://{HOST}:{listener.getsockname()[1]}", PASSWORD)
        result = asyncio.run(client.check_all([machine], LIMITS, str(pem), 1))[0]
        thread.join()
    assert result.kind == "name" and result.repair == "ansible-playbook -l ws-1 stack_start.yml"


def test_names_that_do_not_resolve_and_doors_that_are_shut(pem: Path, reported: Callable[[], list[str]]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        shut = taken.getsockname()[1]
        machines = [
            client.Machine("gone", "https://gone.invalid", PASSWORD),
            client.Machine("shut", f"https://{HOST}:{shut}", PASSWORD),
        ]
        results = asyncio.run(client.check_all(machines, LIMITS, str(pem), 2))
    assert [result.kind for result in results] == ["name", "connection"]
    assert all("\n" not in result.reason and PASSWORD not in repr(result) for result in results)
    assert PASSWORD not in repr(machines)
    assert reported()[0] == "checks: 0 of 2 passed after 95 s; late: gone, shut"
    assert reported()[-1] == "checks: 0 of 2 passed, 2 failed after 95 s"


def test_a_machine_that_is_silent_ends_in_time(pem: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine = client.Machine("ws-1", f"https://{HOST}:{silent.getsockname()[1]}", PASSWORD)
        start = time.monotonic()
        result = asyncio.run(client.check_all([machine], client.Limits(connect=0.5), str(pem), 1))[0]
    assert result.kind == "connection" and "within 0.5 s" in result.reason
    assert time.monotonic() - start < 20


def test_waiting_is_bounded_and_said(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAUSE", 0.1)
    seen: list[float] = []

    def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(time.monotonic())
        return web.Response(status=503)

    result = check_against(handler, pem, client.Limits(connect=5, wait=0.6))
    assert 3 <= len(seen) <= 7 and "(waited " in result.reason


@pytest.mark.slow
def test_the_module_shows_no_password_and_the_report_escapes(tmp_path: Path) -> None:
    password = tmp_path / "passwords" / "ws-1.passwd"
    password.parent.mkdir(mode=0o700)
    password.write_text(PASSWORD + "\n")
    password.chmod(0o600)
    machines = [
        {"user": "ws-1", "url": "https://ws-1.stack.localhost:1", "password_file": str(password)},
        {"user": "ws-2", "url": "https://ws-2.stack.localhost:1", "password_file": str(tmp_path / "<missing>.passwd")},
    ]
    hosts = {machine["user"]: {"check_machine": machine} for machine in machines} | {"ws-3": {}}
    settings = {"password_directory": str(password.parent), "private_key_file": "", "ca_bundle": "", "zone": ""}
    variables = settings | {"dns_resolver": "", "state_dir": str(tmp_path), "ansible_connection": "local"}
    groups = {"fleet": {"hosts": hosts}, "state_stopped": {"hosts": {"ws-3": {}}}, "state_stopping": {}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"children": groups, "vars": variables}}))
    programs = Path(sys.executable).parent
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_LIBRARY": str(ROOT / "plugins/modules"),
        "ANSIBLE_ACTION_PLUGINS": str(ROOT / "plugins/action"),
        "ANSIBLE_FILTER_PLUGINS": str(ROOT / "plugins/filter"),
    }
    play = str(ROOT / "playbooks/shared/login_check.yml")
    command = [str(programs / "ansible-playbook"), "-i", "hosts.yml", play, "-vvvvv", "--diff"]
    data, page = {}, ""
    for number in (1, 2):
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 2, done.stdout + done.stderr
        data[number] = json.loads((tmp_path / "reports/check.json").read_text())
        page = (tmp_path / "reports/check.html").read_text()
        assert "kleine" not in done.stdout + done.stderr + page
    assert [data[2][user]["kind"] for user in ("ws-1", "ws-2")] == ["connection", "password_file"]
    assert data[1]["ws-1"]["since"] == data[2]["ws-1"]["since"] and page.count("Failing since") == 2
    assert "<code><span>ansible-playbook</span> <span>stack_create.yml</span> <span>-e</span> <span>user=ws-1<" in page
    assert "&lt;missing&gt;" in page and "<missing>" not in page
    assert "2 of 2 machines need help, 1 not checked" in page and "<b>ws-3</b>" in page
    command += ["-l", "ws-1"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    page = (tmp_path / "reports/check.html").read_text()
    assert done.returncode == 2 and list(json.loads((tmp_path / "reports/check.json").read_text())) == ["ws-1"]
    kept = json.loads((tmp_path / "reports/failing.json").read_text())
    assert kept["ws-2"]["since"] == data[1]["ws-2"]["since"] and "1 of 1 machine needs help, 2 not checked" in page
    assert f'<b>ws-2</b> <small class="soft">failed since <time datetime="{kept["ws-2"]["since"]}">' in page
