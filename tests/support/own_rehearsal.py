"""A rehearsal of the test's own in a separate folder, and its remains."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

from tests.support import ROOT
from tests.support.workshop import aws_client


class Rehearsal:
    """A running rehearsal, with checks of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.described: dict[str, Any] = {}

    def command(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [ROOT / "scripts" / "rehearsal", "--home", self.home, *arguments],
            capture_output=True,
            text=True,
            timeout=1800,
            env={**os.environ, "PYTHON": sys.executable},
        )
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    def up(self) -> None:
        self.command("up", "--console-delay", "4", "--request-burst", "50")
        self.described = json.loads((self.home / "rehearsal.json").read_text())

    def client(self, service: str) -> Any:
        lines = [shlex.split(line) for line in self.command("env").splitlines()]
        return aws_client(dict(line[1].split("=", 1) for line in lines if line[0] == "export"), service)

    def ssh(self, address: str, command: str, user: str = "ubuntu") -> subprocess.CompletedProcess[str]:
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5"]
        port = ["-p", str(self.described["ssh_port"])]
        key = ["-i", self.described["private_key_file"], "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]
        return subprocess.run(
            ["ssh", "-q", *options, *port, *key, f"{user}@{address}", command],
            capture_output=True,
            text=True,
            timeout=60,
        )


def eventually(what: str, check: Callable[[], Any], seconds: float = 40) -> Any:
    """Return the result of `check` once it is true; AWS too takes its time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := check():
            return result
        time.sleep(0.2)
    raise AssertionError(f"after {seconds} s still not: {what}")


def traces(home: Path) -> dict[str, list[str]]:
    engine = docker.from_env()
    try:
        filters = {"label": f"probcomp-rehearsal-home={home}"}
        return {
            "containers": [item.name for item in engine.containers.list(all=True, filters=filters)],
            "networks": [item.name for item in engine.networks.list(filters=filters)],
            "processes": subprocess.run(["pgrep", "-f", str(home)], capture_output=True, text=True).stdout.split(),
        }
    finally:
        engine.close()
