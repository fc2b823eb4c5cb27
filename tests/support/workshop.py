"""A workshop for the end-to-end tests: a clone, a rehearsal and a browser.

The rehearsal runs beside any demo, and the browser trusts it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import requests
import yaml
from playwright.sync_api import BrowserContext

from rehearsal.account import inventories
from tests.support import door
from tests.support.browser import chromium
from tests.support.door import ROOT as ROOT
from tests.support.strangers import Snapshot

OUTPUT = ROOT / "test-output"


def aws_client(environment: Mapping[str, str], service: str) -> Any:
    """Return boto3's client for the rehearsal of this environment.

    It is for checks of AWS where the aws command is not what is tested: a call takes a hundredth of its time.
    """
    return boto3.session.Session().client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


@dataclass
class Result:
    """A finished command: exit status, and output without colours.

    Standard output and error are together.
    """

    status: int
    text: str


@dataclass
class Workshop:
    """A rehearsal in `home` and a shell for its commands.

    They run as an administrator would run them from a shell in her clone.
    """

    home: Path
    git_before: str = ""
    first_strangers: Snapshot = field(default_factory=dict)
    """All that was others' before the first command."""

    @property
    def root(self) -> Path:
        """Return the clone that commands run in; `clone` makes it."""
        return self.home.with_name(f"{self.home.name}-clone")

    def clone(self) -> None:
        """Make the clone from the present working tree, without settings."""
        door.clone(self.root)
        self.git_before = self.git_status()

    def begin(self) -> None:
        """Start the rehearsal, and write the clone's settings for its account."""
        self.up()
        self.take_settings()

    def up(self) -> None:
        """Start the rehearsal, and note what is others' in its account."""
        up = self.shell("scripts/rehearsal up", timeout=2400, rehearsed=False)
        assert up.status == 0, up.text
        self.first_strangers = self.strangers()

    def take_settings(self) -> None:
        """Write the rehearsal's account settings to the user's settings file.

        A rehearsal must run.
        """
        account = yaml.safe_load((inventories.inventory(self.home) / inventories.SETTINGS_FILE).read_text())
        door.write_settings(self.root, door.settings_for(account))

    def transcript(self, what: str) -> Path:
        """Return the file for the output of `what`.

        Two workshops side by side have files of their own.
        """
        return OUTPUT / f"{self.home.name}-{what}.txt"

    def git_status(self) -> str:
        """Return the changed and new files of the working tree, from git."""
        return self.shell("git status --porcelain --untracked-files=all", rehearsed=False).text

    @property
    def facts(self) -> dict[str, Any]:
        """Return the running rehearsal's facts about itself."""
        facts: dict[str, Any] = json.loads((self.home / "rehearsal.json").read_text())
        return facts

    @property
    def state(self) -> Path:
        """Return the folder of the per-user files."""
        return self.home / "state"

    @cached_property
    def environment(self) -> dict[str, str]:
        """Return the environment of a shell with the clone's own settings.

        It is computed once, as it takes a while.
        """
        command = 'environment=$(scripts/rehearsal env --own-settings) && eval "$environment" && exec env --null'
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.root,
            env=self.plain_environment(),
            check=True,
            capture_output=True,
            text=True,
        )
        return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)

    def plain_environment(self) -> dict[str, str]:
        return {**os.environ, "REHEARSAL_HOME": str(self.home), "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}

    def shell(self, command: str, timeout: float = 1200, rehearsed: bool = True) -> Result:
        """Run `command` in bash from the clone's root.

        By default this follows `eval "$(scripts/rehearsal env ...)"`.
        """
        started = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.root,
            env=self.environment if rehearsed else self.plain_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        with self.transcript("commands").open("a") as log:
            took = time.monotonic() - started
            log.write(f"\n$ {command}\n{done.stdout}[exit status {done.returncode} after {took:.1f} s]\n")
        return Result(done.returncode, done.stdout)

    def play(self, arguments: str, timeout: float = 1200) -> Result:
        """Run ansible-playbook with `arguments`."""
        return self.shell(f"ansible-playbook {arguments}", timeout)

    def succeed(self, command: str, timeout: float = 1200) -> str:
        """Run `command`, require exit status 0, and return its output."""
        result = self.shell(command, timeout)
        assert result.status == 0, f"$ {command}\n{result.text}"
        return result.text

    def aws(self, arguments: str) -> Any:
        """Return the JSON answer of the aws CLI."""
        text = self.succeed(f"aws {arguments} --output json")
        return json.loads(text) if text.strip() else None

    def control(self, path: str) -> Any:
        """Return the rehearsal's own answer at /rehearsal/`path`."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> Any:
        """Send one request to the rehearsal's control endpoints; return the answer."""
        key = (self.facts["access_key"], self.facts["secret_key"])
        url = f"{self.facts['api']}/rehearsal/{path}"
        response = requests.request(method, url, json=dict(values) if values else None, auth=key, timeout=30)
        response.raise_for_status()
        return response.json()

    def strangers(self) -> Snapshot:
        """Return all that is others' in the account, by kind and id, as it is now."""
        found: Snapshot = self.control("strangers")
        return found

    def client(self, service: str) -> Any:
        """Return boto3's client for the rehearsal."""
        return aws_client(self.environment, service)

    @cached_property
    def ec2(self) -> Any:
        """Return boto3's client for EC2."""
        return self.client("ec2")

    def fault(self, **values: object) -> None:
        """Inject a fault: the arguments are the fields of a fault of the rehearsal."""
        self.ask("POST", "faults", values)

    def clear_faults(self) -> None:
        """Remove all injected faults."""
        self.ask("DELETE", "faults")

    def machines(self) -> dict[str, dict[str, Any]]:
        """Return every machine of ours that is not terminated, by user.

        EC2 describes it. Ours are those that a stack of ours made; the account has others', with names like ours.
        """
        found: dict[str, dict[str, Any]] = {}
        for reservation in self.ec2.describe_instances()["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                beginning, _, user = tags.get("aws:cloudformation:stack-name", "").partition("probcomp-stack-")
                if user and not beginning and instance["State"]["Name"] not in ("terminated", "shutting-down"):
                    found[user] = instance
        return found

    def password_file(self, user: str) -> Path:
        """Return the file with the pass phrase of `user`."""
        return self.state / "jupyter-passwords" / f"{user}.passwd"

    def password(self, user: str) -> str:
        """Return the pass phrase on the card of `user`."""
        return self.password_file(user).read_text().splitlines()[0]

    def url(self, user: str, path: str = "/") -> str:
        """Return the address of the machine of `user` in a browser."""
        return f"https://{user}.stack.localhost:{self.facts['https_port']}{path}"

    def container(self, user: str) -> str:
        """Return the name of the container for the machine of `user`."""
        return f"probcomp-{self.facts['run_id']}-{self.machines()[user]['InstanceId']}"

    def on_machine(self, user: str, script: str) -> str:
        """Run bash's `script` as root on the machine of `user`, without ssh.

        Returns its output.
        """
        command = ["docker", "exec", self.container(user), "bash", "-euc", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{user}: {script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def boot_time(self, user: str) -> str:
        """Return the identity of the present boot, which changes with every start."""
        return self.on_machine(user, "cut -d ' ' -f 22 /proc/1/stat")

    def browser(self, profile: Path, *ports: int) -> AbstractContextManager[BrowserContext]:
        """Open a new browser that reaches the rehearsal's machines.

        It also reaches other `ports` of 127.0.0.1.
        """
        return chromium(profile, Path(self.facts["ca_bundle"]), [self.facts["https_port"], *ports])


@contextmanager
def used_workshop() -> Iterator[Workshop]:
    """Provide a workshop with a fresh clone and no rehearsal yet.

    Nothing of it remains at the end; see conftest.py.
    """
    OUTPUT.mkdir(exist_ok=True)
    workshop = Workshop(Path(os.environ.get("REHEARSAL_HOME", OUTPUT / "rehearsal")))
    workshop.transcript("commands").unlink(missing_ok=True)
    workshop.clone()
    keep = bool(os.environ.get("KEEP_REHEARSAL"))
    if not keep:
        workshop.shell("scripts/rehearsal down", rehearsed=False)
    try:
        yield workshop
    finally:
        if not keep:
            workshop.shell("scripts/rehearsal down", rehearsed=False)
            shutil.rmtree(workshop.root, ignore_errors=True)
