"""A real Jupyter, installed from the role's list and started by the role's unit."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import jinja2
import yaml
from ansible_collections.probcomp.stack.plugins.module_utils.passwords.jupyter_hash import make_hash

from tests.support import ROOT
from tests.support.laptop import free_port

ROLE = ROOT / "roles/jupyter"
START_SECONDS = 60


def environment() -> Path:
    """Return a virtual environment with the role's packages.

    It is made once for each list of them.
    """
    wanted = ROLE / "files/requirements.txt"
    key = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    path = ROOT / ".cache" / f"jupyter-{key}"
    path.parent.mkdir(exist_ok=True)
    with (path.parent / "jupyter.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / "bin/jupyter-lab").exists():
            # From where uv takes all packages: a rehearsal's wheels are not there before its first machine.
            uv = [str(Path(sys.executable).with_name("uv"))]
            subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(path)], check=True)
            install = ["pip", "install", "--quiet", "--no-deps", "--python", str(path / "bin/python")]
            subprocess.run([*uv, *install, "-r", str(wanted)], check=True)
    return path


def unit(home: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the role's unit for this home and port: its command and environment."""
    values = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    values |= {"jupyter_home": str(home), "jupyter_port": port, "jupyter_venv": str(environment())}
    template = (ROLE / "templates/jupyter.service.j2").read_text()
    strict = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True)
    lines = strict.from_string(template).render(values).replace("\\\n", " ").splitlines()
    fields = [line.partition("=")[::2] for line in lines]
    (command,) = (shlex.split(value) for name, value in fields if name == "ExecStart")
    variables = dict(value.split("=", 1) for name, value in fields if name == "Environment")
    # On a machine the role copies the file there.
    assert variables["PYTHONPATH"] == "/usr/local/lib/probcomp-stack/jupyter"
    return command, variables | {"PYTHONPATH": str(ROLE / "files")}


@contextlib.contextmanager
def running(home: Path, password: str, path: str) -> Iterator[str]:
    """Run a Jupyter with this password and home, and give its URL.

    `path` is one more folder where Python looks for modules.
    """
    settings = home / ".jupyter/jupyter_server_config.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"IdentityProvider": {"hashed_password": make_hash(password)}}))
    (home / "notebook").mkdir()
    port = free_port()
    command, variables = unit(home, port)
    variables |= {"PYTHONPATH": f"{variables['PYTHONPATH']}:{path}", "PYTHONDONTWRITEBYTECODE": "1"}
    url = f"http://127.0.0.1:{port}"
    more = ["--allow-root"] if os.geteuid() == 0 else []
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *more], env=variables | {"HOME": str(home)}, cwd=home, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((home / "log").read_text(errors="replace")[-3000:])
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


class Browser:
    """Browser with cookies of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def open_form(self) -> None:
        """Get the login form and its cookie."""
        async with self.session.get(f"{self._url}/login") as answer:
            await answer.read()

    async def login(self, password: str) -> int:
        """Return the status of one login: 302 for a right password."""
        cookies = self.session.cookie_jar.filter_cookies(self._url)  # type: ignore[arg-type]
        form = {"_xsrf": cookies["_xsrf"].value, "password": password}
        async with self.session.post(f"{self._url}/login", data=form, allow_redirects=False) as answer:
            await answer.read()
            return answer.status

    async def status(self, path: str) -> int:
        """Return the status of a GET."""
        async with self.session.get(f"{self._url}{path}", allow_redirects=False) as answer:
            await answer.read()
            return answer.status
