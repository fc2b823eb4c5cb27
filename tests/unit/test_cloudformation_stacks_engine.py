"""cloudformation_stacks against the rehearsal's CloudFormation, with the project's own templates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudformation_server import IMAGE, NETWORK_TEMPLATE, REGION, STACK_TEMPLATE, Cloud, running_cloud

from rehearsal import faults

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.api import StackApi
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.batch import (
    read_again,
    without_instance,
    work_off,
)
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.create import Maker, Wanted
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.delete import Remover
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.job import Job
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.rule_priorities import Priorities

NETWORK = "probcomp-network-shared"
POLICY = json.dumps(
    {
        "Statement": [
            {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
            {
                "Effect": "Deny",
                "Action": ["Update:Replace", "Update:Delete"],
                "Principal": "*",
                "Resource": "LogicalResourceId/Instance",
            },
        ]
    }
)
# Runs a module by itself, with its arguments as JSON on standard input; what Ansible does around it takes seconds.
RUNNER = """
import runpy, sys
from ansible.module_utils import basic
root, name = sys.argv[1:]
sys.path.append(root + "/collections")
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
sys.argv = [name]
runpy.run_path(f"{root}/plugins/modules/{name}.py", run_name="__main__")
"""


class Lab:
    """Batches of machines in one network; waiting is shortened, for the engine needs no time."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.clock = Clock(time.monotonic, lambda seconds: time.sleep(min(seconds, 0.05)))
        self.api = StackApi(cloud.stacks, self.clock, submissions_per_second=10)
        self.network: dict[str, str] = {}
        self.warnings: list[str] = []

    def make_network(self, cidr: str) -> dict[str, Any]:
        certificates = self.cloud.certificates.list_certificates()["CertificateSummaryList"]
        parameters = {"Network": "shared", "CertificateArn": certificates[0]["CertificateArn"], "AdminCidr": cidr}
        job = Job(NETWORK, "shared", parameters, {"owner": "lab"})
        self._work([job], Maker(self.api, Wanted(NETWORK_TEMPLATE, update=True), self.clock))
        self.network = job.result["outputs"]
        return job.result

    def make(self, *users: str, instance_type: str = "t3.medium") -> dict[str, dict[str, Any]]:
        jobs = [Job(f"probcomp-stack-{user}", user, self._parameters(user, instance_type)) for user in users]
        maker = Maker(self.api, Wanted(STACK_TEMPLATE, POLICY, termination_protection=True), self.clock)
        maker.priorities = Priorities(self.cloud.balancing, "RulePriority", "ListenerArn", self.clock)
        stacks = self.api.all()
        ours = [stacks[job.name] for job in jobs if job.name in stacks]
        maker.dead = without_instance(self.cloud.ec2, self.api, ours, "Instance", self.clock)
        self._work(jobs, maker)
        self.warnings = maker.warnings
        return {job.user: job.result for job in jobs}

    def remove(self, *users: str) -> dict[str, dict[str, Any]]:
        jobs = [Job(f"probcomp-stack-{user}", user) for user in users]
        self._work(jobs, Remover(self.api, self.clock))
        return {job.user: job.result for job in jobs}

    def _work(self, jobs: list[Job], worker: Maker | Remover) -> None:
        work_off(jobs, worker, self.api, self.api.all(), self.clock, timeout=30)
        read_again(jobs, self.api)

    def _parameters(self, user: str, instance_type: str) -> dict[str, str]:
        return {
            "User": user,
            "HostName": f"{user}.stack.example.org",
            "Network": "shared",
            "VpcId": self.network["VpcId"],
            "SubnetId": self.network["SubnetAId"],
            "ListenerArn": self.network["ListenerArn"],
            "LoadBalancerSecurityGroupId": self.network["LoadBalancerSecurityGroupId"],
            "SshSecurityGroupId": self.network["SshSecurityGroupId"],
            "ImageId": IMAGE,
            "RootDeviceName": "/dev/sda1",
            "InstanceType": instance_type,
            "KeyName": "lab",
            "VolumeSize": "30",
        }


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running_cloud() as cloud:
        cloud.ec2.create_key_pair(KeyName="lab")
        cloud.certificates.request_certificate(DomainName="*.stack.example.org")
        found = Lab(cloud)
        assert found.make_network("192.0.2.1/32")["status"] == "ready"
        yield found


def test_the_network_is_updated_only_when_something_differs(lab: Lab) -> None:
    same = lab.make_network("192.0.2.1/32")
    assert (same["status"], same["changed"]) == ("ready", False)
    moved = lab.make_network("192.0.2.2/32")
    assert (moved["status"], moved["action"]) == ("ready", "update")
    assert moved["parameters"]["AdminCidr"] == "192.0.2.2/32"


def test_the_life_of_a_fleet(lab: Lab) -> None:
    users = ("ws-1", "ws-2", "ws-3")
    first = lab.make(*users)
    assert {item["status"] for item in first.values()} == {"ready"}, first
    assert sorted(item["parameters"]["RulePriority"] for item in first.values()) == ["1", "2", "3"]

    again = lab.make(*users)
    assert not any(item["changed"] for item in again.values())

    lab.cloud.ec2.terminate_instances(InstanceIds=[first["ws-2"]["outputs"]["InstanceId"]])
    mended = lab.make(*users)
    assert [user for user in users if mended[user]["changed"]] == ["ws-2"]
    assert mended["ws-2"]["replaced_terminated"] is True
    assert mended["ws-2"]["outputs"]["InstanceId"] != first["ws-2"]["outputs"]["InstanceId"]
    assert mended["ws-1"]["outputs"] == first["ws-1"]["outputs"]

    gone = lab.remove("ws-2", "ws-3", "nobody")
    assert {item["status"] for item in gone.values()} == {"absent"}
    assert [user for user, item in gone.items() if item["changed"]] == ["ws-2", "ws-3"]
    assert "probcomp-stack-ws-1" in lab.api.all()
    assert lab.remove("ws-1")["ws-1"]["status"] == "absent"


@pytest.fixture
def capacity_fault() -> Iterator[None]:
    """Bob's instance cannot be made, once."""
    reason = "You have requested more vCPU capacity than your current vCPU limit"
    faults.add({"kind": "resource", "match": "stack-bob", "logical_id": "Instance", "message": reason, "times": 1})
    yield
    faults.clear()


def test_a_creation_that_fails_is_told_and_made_again(lab: Lab, capacity_fault: None) -> None:
    result = lab.make("bob", "carl")
    assert (result["bob"]["status"], result["carl"]["status"]) == ("failed", "ready")
    assert result["bob"]["reason"].startswith("Instance: You have requested more vCPU capacity")
    mended = lab.make("bob", "carl")
    assert (mended["bob"]["status"], mended["bob"]["action"]) == ("ready", "replace")
    assert mended["carl"]["changed"] is False
    assert "more vCPU capacity" in lab.warnings[0]
    assert {item["status"] for item in lab.remove("bob", "carl").values()} == {"absent"}


def run(lab: Lab, _module: str = "cloudformation_stacks", **arguments: Any) -> dict[str, Any]:
    """Run a module itself, that of stacks unless another is named."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ENDPOINT_URL": lab.cloud.stacks.meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
    }
    command = [sys.executable, "-c", RUNNER, str(ROOT), _module]
    text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    result = subprocess.run(
        command, input=text, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_the_module_itself(lab: Lab) -> None:
    wanted: dict[str, Any] = {
        "template_body": STACK_TEMPLATE,
        "termination_protection": True,
        "instance_logical_id": "Instance",
        "allocate_priority": {"parameter": "RulePriority", "listener_parameter": "ListenerArn"},
        "stacks": [
            {
                "name": "probcomp-stack-carol",
                "user": "carol",
                "parameters": lab._parameters("carol", "t3.medium"),
                "tags": {"owner": "Carol", "note": ""},
            }
        ],
    }
    planned = run(lab, **wanted, _ansible_check_mode=True)
    assert (planned["changed"], planned["stacks"]["carol"]["status"]) == (True, "planned")
    assert "probcomp-stack-carol" not in lab.api.all()
    made = run(lab, **wanted)
    assert (made["changed"], made["failed_users"]) == (True, [])
    assert made["stacks"]["carol"]["outputs"]["InstanceId"].startswith("i-")
    stacks = [{"name": "probcomp-stack-carol", "user": "carol"}]
    deleted = run(lab, state="absent", stacks=stacks)["stacks"]["carol"]
    assert (deleted["status"], deleted["stack_status"]) == ("absent", "DELETE_COMPLETE")


def test_nothing_can_be_done_without_an_answer(lab: Lab) -> None:
    result = run(lab, state="absent", stacks=[{"name": "a"}], access_key="x", profile="none")
    assert result["failed"] is True
    assert "\n" not in result["msg"]
