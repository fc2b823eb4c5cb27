"""What the end-to-end tests share: a clone, a rehearsal beside any demo that runs, and a browser that trusts it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import yaml
from playwright.sync_api import BrowserContext

from rehearsal.account import inventories
from tests.support import door
from tests.support.browser import chromium
from tests.support.door import ROOT as ROOT

OUTPUT = ROOT / "test-output"


def aws_client(environment: Mapping[str, str], service: str) -> Any:
    """boto3's client for the rehearsal that this environment points to.

    For looks at AWS where the aws command is not what is tested: a call takes a hundredth of its time.
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
    """A finished command: exit status, and standard output and error together without colours."""

    status: int
    text: str


@dataclass
class Workshop:
    """The rehearsal in `home`, and ways to run commands in it as an administrator would from a shell in her clone."""

    home: Path
    git_before: str = ""

    @property
    def root(self) -> Path:
        """The clone that commands run in; `clone` makes it."""
        return self.home.with_name(f"{self.home.name}-clone")

    def clone(self) -> None:
        """Make the clone, as the working tree is now and without settings."""
        door.clone(self.root)
        self.git_before = self.git_status()

    def begin(self) -> None:
        """Start the rehearsal, and have the clone's settings fit its account."""
        up = self.shell("scripts/rehearsal up", timeout=2400, rehearsed=False)
        assert up.status == 0, up.text
        self.take_settings()

    def take_settings(self) -> None:
        """Write the settings that fit the rehearsal's account where a user writes hers; a rehearsal must run."""
        account = yaml.safe_load((inventories.inventory(self.home) / inventories.SETTINGS_FILE).read_text())
        door.write_settings(self.root, door.settings_for(account))

    def transcript(self, what: str) -> Path:
        """The file for `what` was printed; two workshops side by side have files of their own."""
        return OUTPUT / f"{self.home.name}-{what}.txt"

    def git_status(self) -> str:
        """What git sees as changed or new in the working tree."""
        return self.shell("git status --porcelain --untracked-files=all", rehearsed=False).text

    @property
    def facts(self) -> dict[str, Any]:
        """What the running rehearsal wrote about itself."""
        facts: dict[str, Any] = json.loads((self.home / "rehearsal.json").read_text())
        return facts

    @property
    def state(self) -> Path:
        """Folder of the per-user files."""
        return self.home / "state"

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment of a shell that goes by the clone's own settings; asked for once, as it takes a while."""
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
        """Run `command` in bash from the clone's root, by default after `eval "$(scripts/rehearsal env ...)"`."""
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
        """The JSON that the aws CLI answers."""
        text = self.succeed(f"aws {arguments} --output json")
        return json.loads(text) if text.strip() else None

    def control(self, path: str) -> Any:
        """What the rehearsal itself answers at /rehearsal/`path`."""
        with urllib.request.urlopen(f"{self.facts['api']}/rehearsal/{path}", timeout=10) as answer:
            return json.load(answer)

    def client(self, service: str) -> Any:
        """boto3's client for the rehearsal."""
        return aws_client(self.environment, service)

    @cached_property
    def ec2(self) -> Any:
        """boto3's client for EC2."""
        return self.client("ec2")

    def fault(self, **values: object) -> None:
        """Have something go wrong: the fields of a fault of the rehearsal."""
        request = urllib.request.Request(f"{self.facts['api']}/rehearsal/faults", json.dumps(values).encode())
        urllib.request.urlopen(request, timeout=10).close()

    def machines(self) -> dict[str, dict[str, Any]]:
        """Every machine that is not terminated, by its user, as EC2 describes it."""
        found: dict[str, dict[str, Any]] = {}
        for reservation in self.ec2.describe_instances()["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                if instance["State"]["Name"] not in ("terminated", "shutting-down"):
                    found[tags["Name"].removesuffix("/instance")] = instance
        return found

    def password_file(self, user: str) -> Path:
        """Where the pass phrase of `user` lies."""
        return self.state / "jupyter-passwords" / f"{user}.passwd"

    def password(self, user: str) -> str:
        """The pass phrase that is on the card of `user`."""
        return self.password_file(user).read_text().splitlines()[0]

    def url(self, user: str, path: str = "/") -> str:
        """Address of the machine of `user` in a browser."""
        return f"https://{user}.stack.localhost:{self.facts['https_port']}{path}"

    def container(self, user: str) -> str:
        """The name of the container that stands for the machine of `user`."""
        return f"probcomp-{self.facts['run_id']}-{self.machines()[user]['InstanceId']}"

    def on_machine(self, user: str, script: str) -> str:
        """Run bash's `script` as root on the machine of `user`, past ssh, and return its output."""
        command = ["docker", "exec", self.container(user), "bash", "-euc", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{user}: {script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def boot_time(self, user: str) -> str:
        """Identity of the present boot: changes with every start of the machine."""
        return self.on_machine(user, "cut -d ' ' -f 22 /proc/1/stat")

    def browser(self, profile: Path, *ports: int) -> AbstractContextManager[BrowserContext]:
        """A new browser that reaches the rehearsal's machines, and other `ports` of 127.0.0.1."""
        return chromium(profile, Path(self.facts["ca_bundle"]), [self.facts["https_port"], *ports])


@contextmanager
def used_workshop() -> Iterator[Workshop]:
    """A workshop with a fresh clone and no rehearsal yet, of which nothing is left in the end; see conftest.py."""
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
