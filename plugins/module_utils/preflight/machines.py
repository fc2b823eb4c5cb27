"""Plan type, image and architecture of each requested machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..aws.client import AwsClients
from ..aws.region_state import Survey
from ..cloudformation.job import parameters_of
from ..common.names import stack_name
from . import instance_types as types
from .findings import Findings
from .guards import allowed_images
from .request import MachineRequest, Settings


@dataclass
class MachinePlan:
    """The properties of an existing or planned machine; unknown ones are empty."""

    request: MachineRequest
    exists: bool
    stack_status: str = ""
    instance: str = ""
    architecture: str = ""
    vcpus: int = 0
    cpu_credits: str = ""
    image: str = ""
    root_device_name: str = ""
    zones: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return {
            "image": self.image,
            "root_device_name": self.root_device_name,
            "architecture": self.architecture,
            "vcpus": self.vcpus,
            "instance": self.instance,
            "exists": self.exists,
            "stack_status": self.stack_status,
            "zones": self.zones,
        }


@dataclass(frozen=True)
class Types:
    """The zones and descriptions of all requested and running instance types."""

    offered: dict[str, set[str]] = field(default_factory=dict)
    described: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_types(findings: Findings, clients: AwsClients, seen: Survey, requests: list[MachineRequest]) -> Types:
    """Read all requested and running types; report those that are not offered."""
    running = {instance["InstanceType"] for instance in seen.instances}
    offered: dict[str, set[str]] = {}
    with findings.checking("instance types"):
        offered = types.offerings(clients, {machine.instance for machine in requests} | running)
        types.check_types(findings, clients, requests, offered)
        return Types(offered, types.describe(clients, offered))
    return Types(offered)


def plan_machines(
    findings: Findings,
    clients: AwsClients,
    settings: Settings,
    seen: Survey,
    requests: list[MachineRequest],
    existing: set[str],
    known: Types,
) -> dict[str, MachinePlan]:
    """Return each user's machine plan; report incompatible types and images."""
    plans = {m.user: MachinePlan(m, m.user in existing, seen.status(stack_name(m.user)), m.instance) for m in requests}
    for plan in plans.values():
        plan.cpu_credits = plan.request.cpu_credits
    for user in existing:
        parameters = parameters_of(seen.stacks.get(stack_name(user), {}))
        _copy_existing(plans[user], seen.machine(user) or {}, parameters.get("CpuCredits", ""))
    for plan in plans.values():
        if description := known.described.get(plan.instance):
            plan.architecture = plan.architecture or types.architecture(description)
            plan.vcpus = types.vcpus(description)
    with findings.checking("images"):
        _plan_images(findings, clients, settings, plans, known)
    return plans


def _copy_existing(plan: MachinePlan, instance: dict[str, Any], cpu_credits: str) -> None:
    """Copy the properties of an existing instance to its plan."""
    plan.instance = instance["InstanceType"]
    plan.image = instance["ImageId"]
    plan.root_device_name = instance.get("RootDeviceName", "")
    plan.architecture = instance.get("Architecture", "")
    plan.cpu_credits = cpu_credits
    plan.zones = [instance["Placement"]["AvailabilityZone"]]


def _plan_images(
    findings: Findings, clients: AwsClients, settings: Settings, plans: dict[str, MachinePlan], known: Types
) -> None:
    new = [plan for plan in plans.values() if not plan.exists and plan.instance in known.described]
    wanted = {plan.architecture for plan in new if not plan.request.ami}
    defaults = types.default_images(clients, settings.image_parameter, wanted) if wanted else {}
    for name in sorted(wanted - defaults.keys()):
        users = [c.request.user for c in new if not c.request.ami and c.architecture == name]
        what = f"no default image for {name} machines ({settings.image_parameter})"
        findings.problem(what, "give ami=ami-..., or another instance type", users)
    for plan in new:
        plan.image = plan.request.ami or defaults.get(plan.architecture, "")
    described = types.images(clients, {plan.image for plan in new})
    allowed = allowed_images(findings, clients) if any(plan.image for plan in new) else ""
    for name, image in described.items():
        if risk := types.image_risk(image, allowed):
            findings.note(f"risk: image {name} {risk}")
    faults: dict[str, list[str]] = {}
    for plan in new:
        if not plan.image:
            continue
        found = described.get(plan.image)
        if fault := types.image_fault(found, plan.image, plan.request, known.described[plan.instance], allowed):
            faults.setdefault(fault, []).append(plan.request.user)
        elif found:
            plan.root_device_name = found["RootDeviceName"]
            plan.architecture = found["Architecture"]
    for fault, users in faults.items():
        findings.problem(fault, "give another ami, instance or volume_size", users)
