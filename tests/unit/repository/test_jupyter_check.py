"""What commands say of machines whose Jupyter is looked at after the work."""

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rehearsal.account import pki
from tests.support import ROOT

pytestmark = pytest.mark.slow


class Machines(BaseHTTPRequestHandler):
    """`open` serves everybody, `down` is not healthy, others refuse all passwords."""

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/login" else 403)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(401)

    def answer(self, status: int) -> None:
        machine = self.headers["Host"].partition(".")[0]
        self.send_response({"open": 200, "down": 503}.get(machine, status))
        self.send_header("Set-Cookie", "_xsrf=token")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Provide the port of the machines' server."""
    signer = pki.authority(tmp_path)
    issued = pki.issue(signer, ["*.stack.localhost"])
    server_file = tmp_path / "server.pem"
    server_file.write_bytes(issued.private_key + b"\n" + issued.certificate + b"\n" + issued.chain)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(server_file)
    with ThreadingHTTPServer(("127.0.0.1", 0), Machines) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def look(folder: Path, port: int, last_step: str, own_repair: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the plays on three machines, of which the first has no password file."""
    (folder / "passwords").mkdir(mode=0o700)
    hosts = {}
    for user in ("fine", "open", "down"):
        file = folder / f"passwords/{user}.passwd"
        if user != "fine":
            file.write_text("a long pass phrase\n")
            file.chmod(0o600)
        url = f"https://{user}.stack.localhost:{port}"
        hosts[user] = {"check_machine": {"user": user, "url": url, "password_file": str(file)}}
    variables = {
        "ansible_connection": "local",
        "ca_bundle": str(pki.authority(folder).certificate_file),
        "check_wait": "0",
        "dns_resolver": "",
        "it_says": "it says that it is done",
        "last_step": last_step,
        "own_repair": own_repair,
        "password_directory": str(folder / "passwords"),
        "zone": "",
    }
    inventory = {"all": {"children": {"fleet": {"hosts": hosts}}, "vars": variables}}
    (folder / "hosts.yml").write_text(json.dumps(inventory))
    programs = Path(sys.executable).parent
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(folder),
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_HOST_PATTERN_MISMATCH": "ignore",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_LIBRARY": str(ROOT / "plugins/modules"),
        "ANSIBLE_ACTION_PLUGINS": str(ROOT / "plugins/action"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    }
    play = str(ROOT / "playbooks/shared/jupyter_check.yml")
    command = [str(programs / "ansible-playbook"), "-i", "hosts.yml", play, *options]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_restart_needs_no_password_file_and_is_not_advised_again(tmp_path: Path, port: int) -> None:
    done = look(tmp_path, port, "refuse", "restart_jupyter.yml")
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "fatal: [fine]" not in said and "fatal: [open]" in said and "fatal: [down]" in said
    assert "it says that it is done; from here: the machine serves everybody without a password" in said
    assert "ansible-playbook -l open set_password.yml" in said
    assert "the load balancer answers 503" in said and "journalctl -u jupyter there" in said
    assert "restart_jupyter.yml" not in said


def test_a_password_is_tried_and_not_advised_again(tmp_path: Path, port: int) -> None:
    done = look(tmp_path, port, "login", "set_password.yml")
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert "fatal: [fine]" in said and "fine.passwd" in said
    assert "ansible-playbook -l open stack_stop.yml keeps strangers out" in said
    assert "ansible-playbook -l down restart_jupyter.yml" in said and "set_password.yml" not in said


def test_in_check_mode_nothing_is_looked_at(tmp_path: Path, port: int) -> None:
    done = look(tmp_path, port, "login", "set_password.yml", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
