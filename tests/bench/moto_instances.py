"""Serve many instances with a plain moto server.

`python -m tests.bench.moto_instances REGION COUNT` prints its address. It is a process of its own, so that the server's
cost is separate from the client's.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

# moto reads this variable when it is imported; its own list of images would only take time.
os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

import boto3
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.server import ThreadedMotoServer

from tests.bench import moto_tags

_RESERVED_TOGETHER = 10


def remember_answers(region: str) -> None:
    """Cache moto's search for instances by filter.

    moto otherwise searches once for each page; no instance changes from here on.
    """
    backend: Any = ec2_backends[DEFAULT_ACCOUNT_ID][region]
    find = backend.describe_instances
    found: dict[str, Any] = {}

    def describe(filters: Any = None) -> Any:
        key = repr(filters)
        if key not in found:
            found[key] = find(filters=filters)
        return found[key]

    backend.describe_instances = describe


def fill(region: str, count: int) -> None:
    """Put `count` instances of a fleet into a region of moto's.

    Ten share a reservation, of which moto has a hundred on a page: a page has a thousand instances, as AWS's have.
    """
    backend = ec2_backends[DEFAULT_ACCOUNT_ID][region]
    ec2 = boto3.client("ec2", region_name=region, aws_access_key_id="testing", aws_secret_access_key="testing")
    image = ec2.register_image(Name="plain", RootDeviceName="/dev/xvda")["ImageId"]
    made = 0
    while made < count:
        number = min(_RESERVED_TOGETHER, count - made)
        for instance in ec2.run_instances(ImageId=image, MinCount=number, MaxCount=number)["Instances"]:
            made += 1
            # The tags are set past the API, since each instance has a name of its own and would take a call of its own.
            # So is CloudFormation's own, which the API refuses.
            stack = {"aws:cloudformation:stack-name": f"probcomp-stack-ws-{made}"}
            backend.create_tags([instance["InstanceId"]], {"Name": f"ws-{made}/instance", "fleet": "ws", **stack})


def main(region: str, count: int) -> None:
    """Fill moto and serve it until this process is ended."""
    moto_tags.install()
    mock = mock_aws()
    mock.start()
    fill(region, count)
    mock.stop(remove_data=False)
    remember_answers(region)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
