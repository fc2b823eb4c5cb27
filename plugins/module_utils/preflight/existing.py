"""Check existing stacks, machines and networks against the requests."""

from __future__ import annotations

from typing import Any

from ..aws.client import AwsClients, tags_of
from ..aws.ownership import user_named_by
from ..aws.region_state import Survey
from ..aws.stack_statuses import COMPLETE, DELETED_FIRST, LOOK, MADE_ANEW, is_busy, repair
from ..common.addresses import cidrs
from ..common.names import network_stack_name, stack_name
from ..output.host_summary import people
from ..output.machine_names import limit_pattern
from ..output.text import one_line
from .findings import Findings
from .request import MachineRequest, Settings


def check_machines(findings: Findings, clients: AwsClients, seen: Survey, requests: list[MachineRequest]) -> set[str]:
    """Return the users whose machine exists; report stacks that block a create."""
    existing = set()
    gone, busy, undone, resting = [], [], [], []
    for machine in requests:
        name, user = stack_name(machine.user), machine.user
        status, instance = seen.status(name), seen.machine(machine.user)
        if status in COMPLETE or (is_busy(status) and status not in MADE_ANEW):
            if instance is not None:
                existing.add(user)
                if instance["State"]["Name"] in ("stopping", "stopped"):
                    resting.append(user)
                _note_differences(findings, seen, machine, instance)
            elif status in COMPLETE:
                gone.append(user)
            if status == "UPDATE_ROLLBACK_COMPLETE":
                undone.append(user)
        elif status and status not in MADE_ANEW:
            _refuse(findings, clients, name, status, user)
        if is_busy(status) and status != "REVIEW_IN_PROGRESS":
            busy.append(user)
        if not status and instance is not None:
            what = f"instance {instance['InstanceId']} is left of an earlier stack of this user"
            findings.problem(what, "save what is on it, then terminate it", user)
    _note_strangers(findings, seen, {machine.user for machine in requests})
    if gone:
        findings.note(f"{people(gone)}: the instance was terminated by hand; it is made again, with a new host key")
    if resting:
        findings.skipped_users += resting
        groups = seen.fleet_groups()
        for request in requests:
            # Machines that this run creates are in the group by the time the user runs the printed command.
            if request.fleet and request.user not in groups.setdefault(request.fleet.replace("-", "_"), []):
                groups[request.fleet.replace("-", "_")].append(request.user)
        command = f"ansible-playbook -l {limit_pattern(resting, groups)} stack_start.yml"
        findings.note(f"{people(resting)}: stopped, skipped; {command} starts {'it' if len(resting) == 1 else 'them'}")
    if busy:
        findings.note(f"{people(busy)}: the stack is busy; create waits for it")
    if undone:
        findings.note(f"{people(undone)}: the last update failed and was undone")
    return existing


def _note_strangers(findings: Findings, seen: Survey, users: set[str]) -> None:
    """Note instances that are named like the machines of `users`, but are not theirs."""
    for instance in seen.strangers():
        tags = tags_of(instance)
        if user_named_by(tags) in users:
            findings.note(f"instance {instance['InstanceId']} is named {tags['Name']} and not ours: it is left alone")


def check_network(findings: Findings, clients: AwsClients, seen: Survey, network: str) -> None:
    """Report a stack of `network` that blocks a create."""
    name = network_stack_name(network)
    status = seen.status(name)
    if not status or status in COMPLETE or status in MADE_ANEW:
        return
    if is_busy(status):
        findings.note(f"network {network}: the stack is busy ({status}); create waits for it")
        return
    _refuse(findings, clients, name, status, "")


def note_network_changes(findings: Findings, seen: Survey, network: str, settings: Settings) -> None:
    """Note what a create changes at a network that exists, for all machines in it."""
    found = seen.parameters(network_stack_name(network)) if seen.has_network(network) else {}
    old, new = (
        one_line(arn.rpartition("/")[2], 80) for arn in (found.get("CertificateArn", ""), settings.certificate_arn)
    )
    if old and new and old != new:
        findings.note(f"network {network}: a create changes the certificate of all its machines, from {old} to {new}")
    had = [found[name] for name in sorted(found) if name.startswith("AdminCidr") and found[name]]
    wanted = [one_line(cidr, 40) for cidr in cidrs(settings.admin_cidr)]
    if had and wanted and set(had) != set(wanted):
        change = f"from {', '.join(had)} to {', '.join(wanted)}"
        findings.note(f"network {network}: a create changes who may open ssh to all its machines, {change}")


def _refuse(findings: Findings, clients: AwsClients, name: str, status: str, user: str) -> None:
    """Report a stack that needs manual repair."""
    command = repair(status, name, clients.region)
    if status == "UPDATE_ROLLBACK_FAILED":
        what, fix = "its last update failed and could not be undone", command
    elif status == "UPDATE_FAILED":
        what, fix = "its last update failed and was not undone", command
    elif status == "DELETE_FAILED":
        what = f"its deletion failed and left {_remaining_resources(findings, clients, name)}"
        fix = f"delete the rest first: {command}"
    elif status in DELETED_FIRST:
        what = f"its creation failed and left {_remaining_resources(findings, clients, name)}"
        fix = f"delete it first: {command}"
    else:
        what, fix = "it needs a person", LOOK
    findings.problem(f"stack {name} is {status}: {what}", fix, user)


def _remaining_resources(findings: Findings, clients: AwsClients, name: str) -> str:
    found: list[dict[str, Any]] = []
    with findings.checking(f"what stack {name} left"):
        found = clients.read_all("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name)
    left = [item for item in found if item.get("PhysicalResourceId") and item["ResourceStatus"] != "DELETE_COMPLETE"]
    return people([f"{item['LogicalResourceId']} {item['PhysicalResourceId']}" for item in left]) or "nothing"


def _note_differences(findings: Findings, seen: Survey, machine: MachineRequest, instance: dict[str, Any]) -> None:
    """Note what a create does not change on an existing machine."""
    if instance["InstanceType"] != machine.instance:
        findings.note(
            f"{machine.user}: the machine exists and stays a {instance['InstanceType']}, not {machine.instance}: "
            f"ansible-playbook -l {machine.user} stack_update.yml -e instance={machine.instance}"
        )
    network = seen.parameters(stack_name(machine.user)).get("Network") or tags_of(instance).get("network", "")
    if network and network != machine.network:
        findings.note(f"{machine.user}: the machine exists and stays in the network {network}, not {machine.network}")
