"""Measure the inventory, costs and register in very large accounts.

Their machines are records without containers.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from tests.bench import processes
from tests.bench.measure import Figures, Recorder, Shell, say
from tests.support.door import ROOT
from tests.support.workshop import Workshop, aws_client

REGION = "us-east-1"
INVENTORY, AWS_EC2 = "inventory", "inventory by aws_ec2"
INVENTORIES = (40, 1000, 5000)
STACKS = 1000
_START_SECONDS = 300
_LIMIT = 600.0
_IMAGE = "ami-0a000000000024041"
_THEIRS = {
    "plugin": "amazon.aws.aws_ec2",
    "regions": [REGION],
    "filters": {"tag:Name": ["*/instance"], "instance-state-name": ["pending", "running", "stopping", "stopped"]},
    "hostnames": ["tag:Name"],
}


@dataclass
class Server:
    """A server as a process of its own; its cost in a run is reported separately."""

    process: subprocess.Popen[str]

    def begin(self) -> None:
        """Note the state before a run."""
        self._before = processes.processor_seconds(self.process.pid)

    def end(self) -> Figures:
        """Return the server's processor time."""
        return {"server_s": processes.processor_seconds(self.process.pid) - self._before}


@contextmanager
def serving(module: str, arguments: list[str], log: Path, is_ready: Callable[[], bool]) -> Iterator[Server]:
    """Run a module of this folder until the block ends; its output goes to `log`.

    Raises OSError if it is not ready.
    """
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", f"tests.bench.{module}", *arguments],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            text=True,
        )
    try:
        limit = time.monotonic() + _START_SECONDS
        while not is_ready():
            if process.poll() is not None or time.monotonic() > limit:
                raise OSError(f"{module} did not start: {log.read_text()[-500:]}")
            time.sleep(0.2)
        yield Server(process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def bench(workshop: Workshop, recorder: Recorder, folder: Path) -> None:
    """Measure all that needs no machines.

    An error with one account leaves the other account's rows alone.
    """
    try:
        bench_inventories(workshop, recorder, folder / "inventories")
    except (OSError, subprocess.SubprocessError) as error:
        _failed(recorder, INVENTORY, error)
    try:
        bench_registers(recorder, folder / "stacks", workshop.transcript("commands"))
    except (OSError, subprocess.SubprocessError, ClientError) as error:
        _failed(recorder, "burn_rate and stack_list", error)


def _failed(recorder: Recorder, name: str, error: Exception) -> None:
    row = recorder.row(name, STACKS)
    row.problem = "no account to measure in"
    recorder.show(row)
    say(f"bench: {name}: {error}")


def bench_inventories(workshop: Workshop, recorder: Recorder, folder: Path) -> None:
    """Measure our inventory plugin and amazon.aws's with the same instances."""
    folder.mkdir()
    theirs = folder / "aws_ec2.yml"
    theirs.write_text(yaml.safe_dump(_THEIRS))
    for count in INVENTORIES:
        log = folder / f"moto-{count}.log"
        say(f"[{recorder.seconds:5.0f} s] making an account of {count} instances")

        def address(log: Path = log) -> str:
            return next((line for line in log.read_text().splitlines() if line.startswith("http://")), "")

        with serving("moto_instances", [REGION, str(count)], log, lambda address=address: bool(address())) as server:  # type: ignore[misc]
            environment = {**nobody(workshop), "AWS_ENDPOINT_URL": address()}
            shell = Shell(workshop.root, environment, workshop.transcript("commands"))
            for name, source, last in (
                (INVENTORY, "inventory", f"ws-{count}"),
                (AWS_EC2, str(theirs), f"ws-{count}/instance"),
            ):
                listed = folder / f"{count}.json"
                command = f"ansible-inventory -i {source} --list >{listed} && grep -q '\"{last}\": {{' {listed}"
                recorder.measure(name, count, partial(shell.run, command, _LIMIT), beside=server)


def nobody(workshop: Workshop) -> dict[str, str]:
    """Return the environment of a shell without a rehearsal.

    Its credentials belong to nobody, and it has no other account.
    """
    settings = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": f"{ROOT / '.venv/bin'}:{workshop.plain_environment()['PATH']}",
    }
    return {**workshop.plain_environment(), **settings}


def bench_registers(recorder: Recorder, folder: Path, log: Path) -> None:
    """Measure burn_rate.yml and stack_list.yml in an account of 1,000 stacks."""
    home = folder / "rehearsal"
    home.mkdir(parents=True)
    say(f"[{recorder.seconds:5.0f} s] making an account of {STACKS} stacks")
    with serving("stacks_server", [str(home)], folder / "server.log", (home / "rehearsal.json").exists) as server:
        workshop = Workshop(home)
        environment = account_environment(home)
        make_stacks(workshop, environment)
        shell = Shell(ROOT, environment, log)
        for name in ("burn_rate", "stack_list"):
            recorder.measure(name, STACKS, partial(shell.run, f"ansible-playbook {name}.yml", _LIMIT), beside=server)


def account_environment(home: Path) -> dict[str, str]:
    """Return the environment of a shell for the rehearsal in `home`.

    It has the settings of the rehearsal's own account.
    """
    command = f'environment=$(scripts/rehearsal --home {home} env) && eval "$environment" && exec env --null'
    shown = subprocess.run(["bash", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return dict(line.split("=", 1) for line in shown.stdout.split("\0") if line)


def make_stacks(workshop: Workshop, environment: dict[str, str]) -> None:
    """Make the network and 1,000 machines from our own templates, by the API alone."""
    api = aws_client(environment, "cloudformation")
    described = workshop.facts
    network = {"Network": "shared", "CertificateArn": described["certificate_arn"], "AdminCidr": "127.0.0.1/32"}
    network |= {"ZoneA": f"{REGION}a", "ZoneB": f"{REGION}b"}
    _create(api, "probcomp-network-shared", "network", network)
    stack = _when_complete(api, "probcomp-network-shared")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    taken = {
        name: outputs[name] for name in ("VpcId", "ListenerArn", "LoadBalancerSecurityGroupId", "SshSecurityGroupId")
    }
    for number in range(1, STACKS + 1):
        user = f"ws-{number}"
        parameters = {
            **taken,
            "User": user,
            "HostName": f"{user}.stack.{described['zone']}",
            "Network": "shared",
            "SubnetId": outputs["SubnetAId"],
            "ImageId": _IMAGE,
            "RootDeviceName": "/dev/sda1",
            "InstanceType": "t3.medium",
            "KeyName": described["key_name"],
            "VolumeSize": "30",
            "RulePriority": str(number),
        }
        _create(api, f"probcomp-stack-{user}", "stack", parameters)
    for number in range(1, STACKS + 1):
        _when_complete(api, f"probcomp-stack-ws-{number}")


def _create(api: Any, name: str, role: str, parameters: dict[str, str]) -> None:
    api.create_stack(
        StackName=name,
        TemplateBody=(ROOT / f"roles/{role}/files/{role}.cfn.yml").read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Tags=[{"Key": "fleet", "Value": "ws"}],
    )


def _when_complete(api: Any, name: str) -> dict[str, Any]:
    limit = time.monotonic() + _START_SECONDS
    while time.monotonic() < limit:
        stack: dict[str, Any] = api.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return stack
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            break
        time.sleep(0.2)
    events = api.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [event["ResourceStatusReason"] for event in events if event.get("ResourceStatusReason")]
    raise OSError(f"{name} is {stack['StackStatus']}: {'; '.join(reasons)}")
