"""Containers that serve notebooks on a laptop, by docker run or by Compose."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.support import ROOT


def docker(command: str, *more: str, check: bool = True, timeout: float = 120, stdin: str = "") -> str:
    """Run docker; return its output and errors together."""
    done = subprocess.run(
        ["docker", *command.split(), *more],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    assert not check or done.returncode == 0, f"docker {command}: {done.stdout}"
    return done.stdout


def free_port() -> int:
    """Return an unused port of this computer."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@dataclass
class Laptop:
    """A container that serves notebooks on a port of this computer."""

    name: str
    port: int
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        """Return the container's URL."""
        return f"http://127.0.0.1:{self.port}"

    def logs(self) -> str:
        """Return the container's logs."""
        return docker(f"logs {self.name}")

    def says(self, pattern: str, seconds: float = 120) -> str:
        """Wait until the logs match the pattern; return the match."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.search(pattern, self.logs()):
                return found[0]
            time.sleep(0.3)
        raise AssertionError(f"{pattern!r} was not said within {seconds} s:\n{self.logs()}")

    def contents_status(self) -> int:
        """Return the status for a visitor without a password or token."""
        return requests.get(f"{self.url}/api/contents", timeout=30).status_code

    def opens_with(self, password: str) -> bool:
        """Return whether this password opens it."""
        session = requests.Session()
        session.get(f"{self.url}/login", timeout=30)
        form = {"password": password, "_xsrf": session.cookies["_xsrf"]}
        session.post(f"{self.url}/login", data=form, timeout=30, allow_redirects=False)
        return session.get(f"{self.url}/api/contents", timeout=30).status_code == 200

    def healthy(self, seconds: float = 60) -> None:
        """Wait for the health check."""
        end = time.monotonic() + seconds
        while (health := docker(f"inspect --format {{{{.State.Health.Status}}}} {self.name}").strip()) != "healthy":
            assert time.monotonic() < end, f"{health} after {seconds} s"
            time.sleep(0.5)


@dataclass
class Compose:
    """Docker Compose in the container `name`, with files of its own in `folder`."""

    name: str
    folder: Path

    @contextmanager
    def up(self, *more: str, **settings: str) -> Iterator[Laptop]:
        """Run the stack of docker/compose.yml, with further files, on a free port.

        It is down again at the end.
        """
        port = free_port()
        project = f"probcomp-test-{port}"
        options = ["--project-name", project, "--file", "docker/compose.yml"]
        for path in (*more, str(self.folder / "other-image.yml")):
            options += ["--file", path]
        variables = {**settings, "PORT": str(port)}
        exports = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        within = ["exec", "--workdir", str(ROOT), *exports, self.name, "docker", "compose", *options]
        docker("", *within, "up", "--detach", "--no-build")
        try:
            yield Laptop(f"{project}-jupyter-1", port)
        finally:
            docker("", *within, "down")
        assert docker(f"ps --all --quiet --filter label=com.docker.compose.project={project}") == ""


@contextmanager
def laptop(image: str, *options: str) -> Iterator[Laptop]:
    """Run the image as the manual says, on a free port."""
    port = free_port()
    name = f"probcomp-test-{port}"
    publish = ["--publish", f"127.0.0.1:{port}:8080/tcp", "--env", f"JUPYTER_URL=http://127.0.0.1:{port}"]
    docker("run --detach --name", name, *publish, *options, image)
    try:
        yield Laptop(name, port)
    finally:
        docker("rm --force --volumes", name, check=False)
