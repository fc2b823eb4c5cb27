"""Checks of a machine that is stopped, started or changed in type.

The tests of these commands share them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.workshop import Workshop


def record_of(workshop: Workshop, user: str) -> list[str]:
    """Return the address of the ssh name of `user` in Route 53."""
    route53 = workshop.client("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    found = next(item for item in sets if item["Name"].startswith(f"ssh.{user}.stack."))
    return [value["Value"] for value in found["ResourceRecords"]]


def calls_since(workshop: Workshop, mark: int) -> list[dict[str, Any]]:
    """Return the requests since `mark` that could change something."""
    return list(workshop.control(f"calls?since={mark}"))


def mark(workshop: Workshop) -> int:
    """Return the present mark, for calls_since."""
    return int(workshop.control("counts")["mark"])


def wait_until(workshop: Workshop, user: str, state: str) -> None:
    """Wait until the machine of `user` is `running` or `stopped`."""
    instance = workshop.machines()[user]["InstanceId"]
    waiter = workshop.ec2.get_waiter(f"instance_{state}")
    waiter.wait(InstanceIds=[instance], WaiterConfig={"Delay": 1, "MaxAttempts": 120})


@contextmanager
def keeps_everything(workshop: Workshop, user: str, same_type: bool = True) -> Iterator[dict[str, Any]]:
    """Check that what runs in the block keeps everything of `user`.

    She keeps her machine, image, file, password, URL and pinned key, and a right name.
    """
    word = secrets.token_hex(8)
    path = f"/home/jupyter/notebook/kept-{word}.txt"
    before = workshop.machines()[user]
    pin = (workshop.state / "known_hosts" / user).read_bytes()
    password, url = workshop.password(user), workshop.url(user)
    workshop.on_machine(user, f"runuser -u jupyter -- sh -c 'echo {word} > {path}'")
    yield before
    after = workshop.machines()[user]
    kept = ["InstanceId", "ImageId", *(["InstanceType"] if same_type else [])]
    assert [after[key] for key in kept] == [before[key] for key in kept]
    assert after["State"]["Name"] == "running"
    assert (workshop.state / "known_hosts" / user).read_bytes() == pin
    assert (workshop.password(user), workshop.url(user)) == (password, url)
    assert record_of(workshop, user) == [after["PublicIpAddress"]]
    assert re.search(word, workshop.on_machine(user, f"cat {path} && rm {path}"))
