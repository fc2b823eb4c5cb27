"""Test promise 17: setting a password ends old sessions.

It lets the new password in and refuses the old one; the same password restarts nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
import requests

from tests.support.workshop import Workshop

USER = "ws-1"
STARTED = "systemctl show -p ExecMainStartTimestampMonotonic jupyter"


class Session:
    """A user's browser session for logging in."""

    def __init__(self, workshop: Workshop) -> None:
        self._session = requests.Session()
        self._session.verify = workshop.facts["ca_bundle"]
        self._session.trust_env = False
        # The URL has the loopback address: the name leads there everywhere, but requests asks the system, which may not
        # resolve it.
        self._url = f"https://127.0.0.1:{workshop.facts['https_port']}"
        self._session.headers["Host"] = f"{USER}.stack.localhost:{workshop.facts['https_port']}"
        self._session.mount("https://", _Named(f"{USER}.stack.localhost"))

    def log_in(self, password: str) -> bool:
        """Send the form with the password; return whether it opened Jupyter."""
        self._session.cookies.clear()
        self._session.get(f"{self._url}/login", timeout=30)
        form = {"_xsrf": self._session.cookies.get("_xsrf"), "password": password}
        self._session.post(f"{self._url}/login", data=form, allow_redirects=False, timeout=30)
        return self.status() == 200

    def status(self) -> int:
        """Return the status of a request for the user's files."""
        return self._session.get(f"{self._url}/api/contents", timeout=30).status_code


class _Named(requests.adapters.HTTPAdapter):
    """Transport that connects to an address, but uses a host name for TLS."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *words: object, **options: object) -> None:
        """Set the name that TLS sends and that the certificate must be valid for."""
        super().init_poolmanager(*words, server_hostname=self._name, assert_hostname=self._name, **options)  # type: ignore[arg-type]


@pytest.fixture
def old(workshop: Workshop) -> Iterator[str]:
    """Provide the machine's pass phrase and restore it afterwards."""
    file = workshop.password_file(USER)
    before = file.read_text()
    yield before.splitlines()[0]
    file.write_text(before)
    workshop.succeed(f"ansible-playbook -l {USER} set_password.yml")


def test_a_new_one_and_the_same_again(workshop: Workshop, old: str) -> None:
    session = Session(workshop)
    assert session.status() == 403
    assert session.log_in(old)
    new = f"an entirely new pass phrase {secrets.token_hex(4)}"
    workshop.password_file(USER).write_text(f"{new}\n")
    assert "1 changed" in workshop.succeed(f"ansible-playbook -l {USER} set_password.yml")
    assert session.status() == 403, "the old session lives on"
    assert not session.log_in(old), "the old password still opens"
    assert session.log_in(new)

    started = workshop.on_machine(USER, STARTED)
    assert "0 changed" in workshop.succeed(f"ansible-playbook -l {USER} set_password.yml")
    assert workshop.on_machine(USER, STARTED) == started, "Jupyter was restarted"
    assert session.status() == 200, "the session ended for nothing"
