"""Verify machines in EC2 after an update of their stacks. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..aws.client import AwsClients, tags_of
from ..aws.errors import explain
from ..output.host_summary import said_once
from .update import UpdateJob

UNKNOWN = "unknown"
"""State of a machine that could not be read."""


def verify_machines(clients: AwsClients, jobs: list[UpdateJob], parameter: str, is_end: bool = True) -> None:
    """Add the machine's state to every result; with `is_end`, fail unexpected states.

    `parameter` is the stacks' parameter for the instance type. A replaced machine, or one with another image, fails
    whatever CloudFormation reports.
    """
    try:
        now = clients.instances_by_id(job.instance["InstanceId"] for job in jobs if job.instance)
    except clients.errors as error:
        for job in jobs:
            job.result |= {"instance_id": "", "instance_type": "", "image": "", "state": UNKNOWN}
            if job.result["status"] == "ready":
                _fail(job, f"its end state could not be read, for {explain(error)}")
        return
    for job in jobs:
        instance = now.get(job.instance.get("InstanceId", ""), {})
        job.result["instance_id"] = instance.get("InstanceId", "")
        job.result["instance_type"] = instance.get("InstanceType", "")
        job.result["image"] = instance.get("ImageId", "")
        job.result["state"] = instance.get("State", {}).get("Name", "")
        if is_end and job.instance and (reason := _difference(job, instance, parameter)):
            _fail(job, reason)


def result_lines(jobs: Iterable[UpdateJob]) -> list[str]:
    """Return lines about changed and failed machines; equal ones share a line."""
    lines = {}
    for job in jobs:
        result = job.result
        what = f"{result['instance_type']}, {result['state']}" if result["instance_type"] else "no machine"
        if result["state"] == UNKNOWN:
            lines[job.user] = "what it is now could not be read"
        elif result["status"] == "failed":
            lines[job.user] = f"not updated, is {what}"
        elif result["changed"] and result["status"] == "ready":
            lines[job.user] = f"updated, is {what}"
    return said_once(lines)


def _difference(job: UpdateJob, instance: dict[str, Any], parameter: str) -> str:
    before = job.instance
    if not instance or instance["State"]["Name"] in ("shutting-down", "terminated"):
        return f"its machine {before['InstanceId']} is gone: look at its stack's events and its disk in the AWS console"
    if instance["ImageId"] != before["ImageId"]:
        return f"its image is {instance['ImageId']}, and was {before['ImageId']}"
    if job.result["status"] != "ready":
        return ""
    wanted = job.parameters.get(parameter, instance["InstanceType"])
    if instance["InstanceType"] != wanted:
        return (
            f"its stack says {wanted}, and it is a {instance['InstanceType']}, changed by hand: update it to a third "
            f"type first, or stop it and change it by hand"
        )
    tags = tags_of(instance)
    wrong = sorted(key for key, value in job.tags.items() if tags.get(key, "") != value)
    return f"its tags {', '.join(wrong)} are not as the stack says: set them by hand" if wrong else ""


def _fail(job: UpdateJob, reason: str) -> None:
    job.result["status"] = "failed"
    job.result["reason"] = "; ".join(part for part in (job.result["reason"], reason) if part)
