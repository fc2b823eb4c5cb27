"""An in-process AWS for the tests of the stack engine.

Our CloudFormation stands in front of moto, on a free port.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from rehearsal.api import faults
from rehearsal.cloudformation.api import CloudFormationApi
from rehearsal.cloudformation.stacks import STACKS
from rehearsal.lock import LOCK
from rehearsal.services.ec2 import amis
from rehearsal.settings import SETTINGS

REGION = "us-east-1"
ACCOUNT = "123456789012"
IMAGE, OTHER_IMAGE = "ami-0a000000000024041", "ami-0a000000000022041"
"""Two of the rehearsal's images, both of Ubuntu and x86_64."""
from tests.support import ROOT

ZONES = {"ZoneA": f"{REGION}a", "ZoneB": f"{REGION}b"}
"""Parameters of a network that are the same in all tests."""
NETWORK_TEMPLATE = (ROOT / "roles/network/files/network.cfn.yml").read_text()
STACK_TEMPLATE = (ROOT / "roles/stack/files/stack.cfn.yml").read_text()
_END = ("_COMPLETE", "_FAILED")


class Cloud:
    """Clients of the server, and common operations of the tests."""

    def __init__(self, endpoint: str) -> None:
        def client(service: str) -> Any:
            return boto3.session.Session().client(
                service,
                region_name=REGION,
                endpoint_url=endpoint,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
                config=Config(retries={"total_max_attempts": 1}),
            )

        self.stacks, self.ec2, self.balancing = client("cloudformation"), client("ec2"), client("elbv2")
        self.certificates, self.parameters = client("acm"), client("ssm")

    def create(self, name: str, template: str, parameters: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
        """Make a stack and return its final description."""
        stack_id = self.stacks.create_stack(
            StackName=name, TemplateBody=template, Parameters=parameter_list(parameters), **more
        )["StackId"]
        return self.ended(stack_id)

    def update(self, name: str, template: str | None, parameters: dict[str, str] | None = None, **more: Any) -> Any:
        """Change a stack and return its final description.

        Parameters that are not given keep their value.
        """
        self.stacks.update_stack(**self._wanted(name, template, parameters), **more)
        return self.ended(name)

    def _wanted(self, name: str, template: str | None, parameters: dict[str, str] | None) -> dict[str, Any]:
        """Return the request for a change, in which all that is not given keeps its value."""
        source = {"TemplateBody": template} if template else {"UsePreviousTemplate": True}
        given = parameters or {}
        previous = [
            {"ParameterKey": item["ParameterKey"], "UsePreviousValue": True}
            for item in self.describe(name).get("Parameters", [])
            if item["ParameterKey"] not in given
        ]
        return {"StackName": name, "Parameters": [*parameter_list(given), *previous], **source}

    def delete(self, name: str, **more: Any) -> dict[str, Any]:
        """Delete a stack and return its final description."""
        stack_id = self.describe(name)["StackId"]
        self.stacks.delete_stack(StackName=name, **more)
        return self.ended(stack_id)

    def describe(self, name: str) -> dict[str, Any]:
        """Return the stack as DescribeStacks shows it."""
        stack: dict[str, Any] = self.stacks.describe_stacks(StackName=name)["Stacks"][0]
        return stack

    def ended(self, name: str) -> dict[str, Any]:
        """Wait until the stack's operation has ended and describe it."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            stack = self.describe(name)
            if stack["StackStatus"].endswith(_END):
                return stack
            time.sleep(0.02)
        raise AssertionError(f"{name} is still {stack['StackStatus']}: {self.events(name)}")

    def events(self, name: str) -> list[tuple[str, str, str]]:
        """Return logical id, status and reason of all events, oldest first."""
        pages = self.stacks.get_paginator("describe_stack_events").paginate(StackName=name)
        newest_first = [event for page in pages for event in page["StackEvents"]]
        return [
            (event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(newest_first)
        ]

    def physical_id(self, name: str, logical_id: str) -> str:
        """Return the physical id of a stack's resource."""
        answer = self.stacks.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    def instance(self, instance_id: str) -> dict[str, Any]:
        """Return the machine as DescribeInstances shows it."""
        answer = self.ec2.describe_instances(InstanceIds=[instance_id])
        machine: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return machine

    def changes(self, name: str, template: str | None, parameters: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the ResourceChange of each resource that a change set names."""
        change_set = f"look-{time.monotonic_ns()}"
        self.stacks.create_change_set(ChangeSetName=change_set, **self._wanted(name, template, parameters))
        answer = self.stacks.describe_change_set(StackName=name, ChangeSetName=change_set)
        self.stacks.delete_change_set(StackName=name, ChangeSetName=change_set)
        changes = [change["ResourceChange"] for change in answer["Changes"]]
        return {change["LogicalResourceId"]: change for change in changes}


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        """Log no single request."""


def parameter_list(values: dict[str, str] | None) -> list[dict[str, str]]:
    """Return parameters as the API takes them."""
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in (values or {}).items()]


def tags_of(resource: dict[str, Any]) -> dict[str, str]:
    """Return the tags of a described resource."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


@contextmanager
def running_cloud() -> Iterator[Cloud]:
    """Serve until the block ends."""
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with LOCK:
            if "/cloudformation/aws4_request" not in environ.get("HTTP_AUTHORIZATION", ""):
                return Response.from_app(moto, environ, buffered=True)(environ, start_response)
            status, headers, body = CloudFormationApi.dispatch(BackendRequest(environ))
            return Response(body, int(status), headers=headers)(environ, start_response)

    # Another test file in the same process must leave nothing here.
    moto_api_backend.reset()
    amis.install(ACCOUNT, REGION)
    STACKS.clear()
    faults.clear()
    before = SETTINGS.seconds_per_resource
    SETTINGS.seconds_per_resource = 0.0
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Cloud(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        SETTINGS.seconds_per_resource = before
