"""Run our AWS modules in the test's process, against a rehearsal or moto.

There are no machines, so that a hundred runs take seconds. The module's own `main` runs, and its answer is read as
Ansible reads it. Only its clock is replaced, by one that sleeps less.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any
from unittest import mock

from ansible.module_utils import _internal
from ansible.module_utils.testing import patch_module_args

from tests.support.content_world import load_module
from tests.support.door import ROOT
from tests.support.rehearsal_process import Server

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock  # isort: skip

_LONGEST_SLEEP = 0.05
NETWORK_TEMPLATE = (ROOT / "roles/network/files/network.cfn.yml").read_text()
STACK_TEMPLATE = (ROOT / "roles/stack/files/stack.cfn.yml").read_text()
IMAGE = "ami-0a000000000024041"


def environment(server: Server) -> dict[str, str]:
    """Return the variables that point modules at `server` and at no other account."""
    return {
        "AWS_ENDPOINT_URL": server.api,
        "AWS_ACCESS_KEY_ID": server.key[0],
        "AWS_SECRET_ACCESS_KEY": server.key[1],
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }


@cache
def module(name: str) -> ModuleType:
    """Load the module `name` of plugins/modules, with a clock that sleeps less."""
    loaded = load_module(name)
    clock = Clock(time.monotonic, lambda seconds: time.sleep(min(seconds, _LONGEST_SLEEP)))
    loaded.Clock = lambda: clock  # type: ignore[attr-defined]
    return loaded


def run(name: str, **arguments: Any) -> dict[str, Any]:
    """Run a module and return its answer; raise our own errors that reach the top."""
    return answer_of(arguments, lambda: module(name).main())


def run_at(url: str, name: str, **arguments: Any) -> dict[str, Any]:
    """Run a module against an API that asks for no certain key, and return its answer."""
    others = {variable: value for variable, value in os.environ.items() if not variable.startswith("AWS_")}
    key = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}
    with mock.patch.dict(os.environ, {**others, **key, "AWS_ENDPOINT_URL": url}, clear=True):
        return run(name, **arguments)


def answer_of(arguments: dict[str, Any], main: Callable[[], None]) -> dict[str, Any]:
    """Return what `main` answers with these arguments as the only module of a process."""
    said = io.StringIO()
    before = _internal.is_controller
    # True once a test of the process has imported Ansible's own programs: warnings would go to their display.
    _internal.is_controller = False
    try:
        with patch_module_args(arguments), contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            main()
    finally:
        _internal.is_controller = before
    # Moto prints remarks to the same place when it serves from this process.
    answer: dict[str, Any] = json.loads(said.getvalue().splitlines()[-1])
    return answer


class Account:
    """A network in `server` with the machines of alice and bob.

    Our own modules make them.
    """

    users = ("alice", "bob")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ec2, self.stacks, self.route53 = (server.client(name) for name in ("ec2", "cloudformation", "route53"))
        parameters = {
            "Network": "shared",
            "CertificateArn": server.described["certificate_arn"],
            "AdminCidr": "127.0.0.1/32",
            "ZoneA": "us-east-1a",
            "ZoneB": "us-east-1b",
        }
        stack = {"name": "probcomp-network-shared", "user": "shared", "parameters": parameters}
        made = run("cloudformation_stacks", stacks=[stack], template_body=NETWORK_TEMPLATE)
        self.network: dict[str, str] = made["stacks"]["shared"]["outputs"]
        self.ids: dict[str, str] = {}
        self.create()

    def create(self) -> dict[str, Any]:
        """Make the machines that are missing."""
        return run(
            "cloudformation_stacks",
            stacks=[
                {"name": f"probcomp-stack-{user}", "user": user, "parameters": self._parameters(user)}
                for user in self.users
            ],
            template_body=STACK_TEMPLATE,
            allocate_priority={"parameter": "RulePriority", "listener_parameter": "ListenerArn"},
            instance_logical_id="Instance",
            termination_protection=True,
            submissions_per_second=10,
        )

    def delete(self) -> dict[str, Any]:
        """Delete the machines."""
        stacks = [{"name": f"probcomp-stack-{user}", "user": user} for user in self.users]
        return run("cloudformation_stacks", state="absent", stacks=stacks, submissions_per_second=10)

    def power(self, state: str) -> dict[str, Any]:
        """Start or stop the machines that `note_ids` has recorded."""
        machines = [{"user": user, "instance_id": instance} for user, instance in self.ids.items()]
        return run("machine_power", state=state, machines=machines)

    def note_ids(self) -> None:
        """Record each machine's instance id, as an inventory does before a module."""
        self.ids = {user: machine["InstanceId"] for user, machine in self.machines().items()}

    def put_right(self) -> dict[str, Any]:
        """Put right what differs from the stacks."""
        return run("cloudformation_drift", users=list(self.users))

    def spoil(self) -> None:
        """Deregister the machines, and give them the groups for ssh alone."""
        for user, machine in self.machines().items():
            target = {"TargetGroupArn": self._target_group(user), "Targets": [{"Id": machine["InstanceId"]}]}
            self.server.client("elbv2").deregister_targets(**target)
            groups = [self.network["SshSecurityGroupId"]]
            self.ec2.modify_instance_attribute(InstanceId=machine["InstanceId"], Groups=groups)

    def is_right(self) -> bool:
        """Return whether all machines are registered and have two security groups."""
        elbv2 = self.server.client("elbv2")
        targets = (elbv2.describe_target_health(TargetGroupArn=self._target_group(user)) for user in self.users)
        return all(item["TargetHealthDescriptions"] for item in targets) and all(
            len(machine["SecurityGroups"]) == 2 for machine in self.machines().values()
        )

    def _target_group(self, user: str) -> str:
        stack = self.stacks.describe_stacks(StackName=f"probcomp-stack-{user}")["Stacks"][0]
        return next(item["OutputValue"] for item in stack["Outputs"] if item["OutputKey"] == "TargetGroupArn")

    def update(self, note: str) -> dict[str, Any]:
        """Give the machines a note."""
        stacks = [{"name": f"probcomp-stack-{user}", "user": user, "tags": {"note": note}} for user in self.users]
        return run("cloudformation_stack_updates", stacks=stacks, submissions_per_second=10)

    def point(self, address: str, state: str = "present") -> dict[str, Any]:
        """Point the ssh names at an address, or remove them."""
        zone = self.server.described["zone"]
        records = [{"name": f"ssh.{user}.stack.{zone}", "type": "A", "values": [address]} for user in self.users]
        return run("dns_records", zone=zone, state=state, records=records)

    def machines(self) -> dict[str, dict[str, Any]]:
        """Return every machine of ours that is not terminated, by user.

        EC2 describes it, with its tags as a dictionary.
        """
        found = {}
        for reservation in self.ec2.describe_instances()["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                is_ours = tags.get("aws:cloudformation:stack-name", "").startswith("probcomp-stack-")
                if is_ours and instance["State"]["Name"] != "terminated":
                    found[tags["Name"].removesuffix("/instance")] = {**instance, "Tags": tags}
        return found

    def addresses(self) -> set[str]:
        """Return the addresses of the ssh names."""
        zone = self.route53.list_hosted_zones()["HostedZones"][0]["Id"]
        sets = self.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return {item["ResourceRecords"][0]["Value"] for item in sets if item["Name"].startswith("ssh.")}

    def _parameters(self, user: str) -> dict[str, str]:
        names = ("VpcId", "ListenerArn", "LoadBalancerSecurityGroupId", "SshSecurityGroupId")
        return {
            **{name: self.network[name] for name in names},
            "User": user,
            "HostName": f"{user}.stack.{self.server.described['zone']}",
            "Network": "shared",
            "SubnetId": self.network["SubnetAId"],
            "ImageId": IMAGE,
            "RootDeviceName": "/dev/sda1",
            "InstanceType": "t3.medium",
            "KeyName": self.server.described["key_name"],
            "VolumeSize": "30",
        }
