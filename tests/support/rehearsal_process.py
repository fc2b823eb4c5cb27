"""Run a rehearsal's server as a process of its own, without containers.

The API tests send requests to it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from tests.support import ROOT

_START_SECONDS = 40


class Server:
    """A server that is ready."""

    def __init__(self, process: subprocess.Popen[bytes], described: dict[str, Any]) -> None:
        self.process = process
        self.described = described
        self.api: str = described["api"]
        self.key: tuple[str, str] = (described["access_key"], described["secret_key"])

    def client(
        self,
        service: str,
        key: str = "",
        attempts: int = 1,
        secret: str = "",
        version: str | None = None,
        validate: bool = True,
    ) -> Any:
        """Return a boto3 client; with `attempts` of 1 tests see each answer."""
        return boto3.session.Session().client(
            service,
            endpoint_url=self.api,
            region_name="us-east-1",
            aws_access_key_id=key or self.key[0],
            aws_secret_access_key=secret or self.key[1],
            config=Config(
                retries={"total_max_attempts": attempts},
                inject_host_prefix=False,
                signature_version=version,
                parameter_validation=validate,
            ),
        )

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request to the control endpoints; raises HTTPError."""
        response = requests.request(method, f"{self.api}/rehearsal/{path}", json=body, auth=self.key, timeout=10)
        response.raise_for_status()
        return response.json()

    def counts(self) -> dict[str, Any]:
        return dict(self.control("GET", "counts"))


@contextmanager
def running(home: Path, **settings: object) -> Iterator[Server]:
    """Start a server in this folder and end it afterwards, which must succeed.

    Its account is clean unless `clean` is False.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "rehearsal.server",
                str(home),
                json.dumps({"machines": False, "clean": True, **settings}),
            ],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        yield Server(process, _described(process, home))
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait(10)


def _described(process: subprocess.Popen[bytes], home: Path) -> dict[str, Any]:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if (home / "rehearsal.json").exists():
            return dict(json.loads((home / "rehearsal.json").read_text()))
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the server did not come up: {(home / 'server.log').read_text()[-2000:]}")
