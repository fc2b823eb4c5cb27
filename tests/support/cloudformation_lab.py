"""Machines in one network on the rehearsal's CloudFormation.

They are made and deleted in process.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.api import StackApi
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.batch import (
    run_batch,
    verify_ready,
    without_instance,
)
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.create import StackCreator, Wanted
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.delete import StackDeleter
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.elsewhere import Elsewhere
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.job import Job
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.rule_priorities import Priorities
from botocore.exceptions import ConnectionClosedError

from tests.support import in_process
from tests.support.cloudformation_server import (
    IMAGE,
    NETWORK_TEMPLATE,
    STACK_TEMPLATE,
    ZONES,
    Cloud,
    running_cloud,
)

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


class Lab:
    """Batches of machines in one network.

    Waiting is shortened, for the engine needs no time.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.clock = Clock(time.monotonic, lambda seconds: time.sleep(min(seconds, 0.05)))
        self.api = StackApi(cloud.stacks, self.clock, submissions_per_second=10)
        self.network: dict[str, str] = {}
        self.warnings: list[str] = []
        self.elsewhere: Elsewhere | None = None

    def make_network(self, cidr: str) -> dict[str, Any]:
        certificates = self.cloud.certificates.list_certificates()["CertificateSummaryList"]
        parameters = {
            "Network": "shared",
            "CertificateArn": certificates[0]["CertificateArn"],
            "AdminCidr": cidr,
            **ZONES,
        }
        job = Job(NETWORK, "shared", parameters, {"owner": "lab"})
        self._work([job], StackCreator(self.api, Wanted(NETWORK_TEMPLATE, update=True), self.clock))
        self.network = job.result["outputs"]
        return job.result

    def make(self, *users: str, instance_type: str = "t3.medium") -> dict[str, dict[str, Any]]:
        jobs = [Job(f"probcomp-stack-{user}", user, self._parameters(user, instance_type)) for user in users]
        creator = StackCreator(self.api, Wanted(STACK_TEMPLATE, POLICY, termination_protection=True), self.clock)
        creator.priorities = Priorities(self.cloud.balancing, "RulePriority", "ListenerArn", self.clock)
        creator.elsewhere = self.elsewhere
        stacks = self.api.all()
        ours = [stacks[job.name] for job in jobs if job.name in stacks]
        creator.terminated = without_instance(self.cloud.ec2, self.api, ours, "Instance", self.clock)
        self._work(jobs, creator)
        self.warnings = creator.warnings
        return {job.user: job.result for job in jobs}

    def remove(self, *users: str) -> dict[str, dict[str, Any]]:
        jobs = [Job(f"probcomp-stack-{user}", user) for user in users]
        self._work(jobs, StackDeleter(self.api, self.clock))
        return {job.user: job.result for job in jobs}

    def _work(self, jobs: list[Job], worker: StackCreator | StackDeleter) -> None:
        run_batch(jobs, worker, self.api, self.api.all(), self.clock, timeout=30)
        verify_ready(jobs, self.api)

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


@contextmanager
def running_lab() -> Iterator[Lab]:
    """Serve the rehearsal's CloudFormation, with what machines need and a network."""
    with running_cloud() as cloud:
        cloud.ec2.create_key_pair(KeyName="lab")
        cloud.certificates.request_certificate(DomainName="*.stack.example.org")
        lab = Lab(cloud)
        assert lab.make_network("192.0.2.1/32")["status"] == "ready"
        yield lab


def run(lab: Lab, _module: str = "cloudformation_stacks", **arguments: Any) -> dict[str, Any]:
    """Run a module itself: cloudformation_stacks unless another is named."""
    return in_process.run_at(lab.cloud.stacks.meta.endpoint_url, _module, **arguments)


class Losing:
    """A CloudFormation client that loses the first answer of named operations.

    The operation has taken effect by then.
    """

    def __init__(self, client: Any, *operations: str) -> None:
        self.client, self.operations = client, set(operations)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.client, name)
        if name not in self.operations:
            return call

        def lost(**request: Any) -> None:
            self.operations.discard(name)
            call(**request)
            raise ConnectionClosedError(endpoint_url="https://cloudformation")

        return lost
