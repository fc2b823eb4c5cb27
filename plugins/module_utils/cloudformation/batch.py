"""Run a batch of stack operations with one poll for all and a timeout."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, Protocol

from ..aws.client import VALUES_PER_FILTER
from ..aws.errors import Clock, error_code, explain, is_credentials_error, retry_transient
from ..aws.ownership import STACK_NAME_TAG
from ..aws.stack_statuses import COMPLETE
from ..progress.reporter import Progress
from .api import Stack, StackApi
from .job import Job

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import BotoCoreError, ClientError

_LIVING = ["pending", "running", "stopping", "stopped"]


class Worker[AnyJob: Job](Protocol):
    """Interface of StackCreator, StackDeleter and StackUpdater."""

    def step(self, job: AnyJob, stacks: dict[str, Stack]) -> None:
        """Take the next action for a job."""


def run_batch[AnyJob: Job](
    jobs: Iterable[AnyJob],
    worker: Worker[AnyJob],
    api: StackApi,
    stacks: dict[str, Stack],
    clock: Clock,
    timeout: float,
    done: str = "ready",
) -> None:
    """Run all jobs until each has a result, for at most `timeout` seconds.

    `stacks` are the current stacks by name, `done` is the word for finished ones in progress lines. AWS errors go into
    the results, so that completed work is still reported.
    """
    start = clock.now()
    jobs = list(jobs)
    pending = jobs
    progress = Progress("stacks", len(jobs), done)
    while True:
        try:
            for job in pending:
                _step(job, worker, stacks)
        except (BotoCoreError, ClientError) as error:
            _abandon(pending, f"its state is unknown, for {explain(error)}")
        pending = [job for job in pending if not job.result]
        failed = sum(job.result.get("status") == "failed" for job in jobs)
        progress.report([job.user for job in pending], failed)
        elapsed = clock.now() - start
        if not pending:
            return
        if elapsed > timeout:
            for job in pending:
                job.finish(
                    "failed",
                    stacks.get(job.name),
                    f"not finished after {timeout:.0f} s: {_pending_resources(job, api)}",
                )
            return
        # Stacks take minutes: poll less often as time passes.
        clock.sleep(min(5.0, 2.0 + elapsed / 60))
        try:
            stacks = api.again(stacks, [job.name for job in pending])
        except (BotoCoreError, ClientError) as error:
            _abandon(pending, f"its state is unknown, for {explain(error)}")
            return


def verify_ready(jobs: Iterable[Job], api: StackApi) -> None:
    """Read all ready stacks again, by StackId, and fail incomplete ones."""
    ready = [job for job in jobs if job.result.get("status") == "ready"]
    if not ready:
        return
    try:
        by_id = {stack["StackId"]: stack for stack in api.again({}, [job.name for job in ready]).values()}
    except (BotoCoreError, ClientError) as error:
        for job in ready:
            job.finish("failed", None, f"its end state could not be read, for {explain(error)}")
        return
    for job in ready:
        stack = by_id.get(job.result["stack_id"])
        if stack is None or stack["StackStatus"] not in COMPLETE:
            job.finish("failed", stack, f"its stack is {stack['StackStatus'] if stack else 'gone'} again")
        else:
            job.finish("ready", stack, job.result["reason"])


def without_instance(ec2: Any, api: StackApi, stacks: list[Stack], logical_id: str, clock: Clock) -> set[str]:
    """Return the StackIds of complete stacks whose instance is terminated or missing.

    One request reads all instances; a stack without a match is checked again by its instance id.
    """
    complete = [stack for stack in stacks if stack["StackStatus"] in COMPLETE]
    if not complete:
        return set()
    filters = [
        {"Name": "instance-state-name", "Values": _LIVING},
        {"Name": "tag:aws:cloudformation:logical-id", "Values": [logical_id]},
    ]
    if len(complete) <= VALUES_PER_FILTER:
        names = [stack["StackName"] for stack in complete]
        filters.append({"Name": f"tag:{STACK_NAME_TAG}", "Values": names})
    living = {_tag(instance, "aws:cloudformation:stack-id") for instance in _instances(ec2, clock, Filters=filters)}
    suspects = [stack["StackId"] for stack in complete if stack["StackId"] not in living]
    return {stack_id for stack_id in suspects if _is_terminated(ec2, api, stack_id, logical_id, clock)}


def _is_terminated(ec2: Any, api: StackApi, stack_id: str, logical_id: str, clock: Clock) -> bool:
    ids = [
        resource["PhysicalResourceId"]
        for resource in api.resources(stack_id)
        if resource["LogicalResourceId"] == logical_id and resource.get("PhysicalResourceId")
    ]
    if not ids:
        return False
    try:
        found = _instances(ec2, clock, InstanceIds=ids)
    except ClientError as error:
        if error_code(error) == "InvalidInstanceID.NotFound":
            return True
        raise
    return not any(instance["State"]["Name"] in _LIVING for instance in found)


def _instances(ec2: Any, clock: Clock, **request: Any) -> list[dict[str, Any]]:
    pages = retry_transient(lambda: list(ec2.get_paginator("describe_instances").paginate(**request)), clock=clock)
    return [instance for page in pages for group in page["Reservations"] for instance in group["Instances"]]


def _tag(instance: dict[str, Any], key: str) -> str:
    return next((tag["Value"] for tag in instance.get("Tags", []) if tag["Key"] == key), "")


def _step(job: Job, worker: Worker, stacks: dict[str, Stack]) -> None:
    stack = stacks.get(job.name)
    job.last_status = stack["StackStatus"] if stack else "no stack"
    try:
        worker.step(job, stacks)
    except (BotoCoreError, ClientError) as error:
        if is_credentials_error(error):
            raise
        job.finish("failed", stack, explain(error))
    except ValueError as error:
        job.finish("failed", stack, str(error))


def _abandon(jobs: Iterable[Job], reason: str) -> None:
    for job in jobs:
        if not job.result:
            job.finish("failed", None, reason)


def _pending_resources(job: Job, api: StackApi) -> str:
    """Return the stack's last status and the resources in progress, as text."""
    try:
        busy = [
            resource["LogicalResourceId"]
            for resource in api.resources(job.name)
            if resource["ResourceStatus"].endswith("_IN_PROGRESS")
        ]
    except (BotoCoreError, ClientError):
        busy = []  # After the timeout the status alone has to do.
    return f"{job.last_status}, waiting for {', '.join(busy)}" if busy else job.last_status
