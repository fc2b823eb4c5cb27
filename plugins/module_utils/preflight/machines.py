"""Preflight: from what each asked machine is made. Type, image, architecture and the zones that it may be in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..aws.client import AwsClients
from ..aws.region_state import Survey
from ..common.names import network_stack_name, stack_name
from . import instance_types as types
from .findings import Findings
from .request import Asked, Settings


@dataclass
class Choice:
    """What a machine is, when it exists, or will be made from; empty fields could not be found out."""

    asked: Asked
    exists: bool
    stack_status: str = ""
    instance: str = ""
    architecture: str = ""
    vcpus: int = 0
    image: str = ""
    root_device_name: str = ""
    zones: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """Return the choice as plain data."""
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
    """The types that are asked for or run: where they are offered, and what EC2 says of them."""

    offered: dict[str, set[str]] = field(default_factory=dict)
    described: dict[str, dict[str, Any]] = field(default_factory=dict)


def look_at_types(findings: Findings, clients: AwsClients, seen: Survey, asked: list[Asked]) -> Types:
    """Find the types that cannot be had, and return what is known of the others and of those that run."""
    running = {instance["InstanceType"] for instance in seen.instances}
    offered: dict[str, set[str]] = {}
    with findings.checking("instance types"):
        offered = types.offerings(clients, {machine.instance for machine in asked} | running)
        types.check_types(findings, clients, asked, offered)
        return Types(offered, types.describe(clients, offered))
    return Types(offered)


def choose(
    findings: Findings,
    clients: AwsClients,
    settings: Settings,
    seen: Survey,
    asked: list[Asked],
    existing: set[str],
    known: Types,
) -> dict[str, Choice]:
    """Return by user what each machine is or will be made from, and find what does not fit together."""
    choices = {m.user: Choice(m, m.user in existing, seen.status(stack_name(m.user)), m.instance) for m in asked}
    for user in existing:
        _take_over(choices[user], seen.machine(user) or {})
    for choice in choices.values():
        if description := known.described.get(choice.instance):
            choice.architecture = choice.architecture or types.architecture(description)
            choice.vcpus = types.vcpus(description)
    with findings.checking("images"):
        _choose_images(findings, clients, settings, choices, known)
    with findings.checking("availability zones"):
        _choose_zones(findings, clients, seen, choices, known)
    return choices


def _take_over(choice: Choice, instance: dict[str, Any]) -> None:
    """A machine that exists keeps what it was made from."""
    choice.instance = instance["InstanceType"]
    choice.image = instance["ImageId"]
    choice.root_device_name = instance.get("RootDeviceName", "")
    choice.architecture = instance.get("Architecture", "")
    choice.zones = [instance["Placement"]["AvailabilityZone"]]


def _choose_images(
    findings: Findings, clients: AwsClients, settings: Settings, choices: dict[str, Choice], known: Types
) -> None:
    new = [choice for choice in choices.values() if not choice.exists and choice.instance in known.described]
    wanted = {choice.architecture for choice in new if not choice.asked.ami}
    defaults = types.default_images(clients, settings.image_parameter, wanted) if wanted else {}
    for name in sorted(wanted - defaults.keys()):
        users = [c.asked.user for c in new if not c.asked.ami and c.architecture == name]
        what = f"no default image for {name} machines ({settings.image_parameter})"
        findings.problem(what, "give ami=ami-..., or another instance type", users)
    for choice in new:
        choice.image = choice.asked.ami or defaults.get(choice.architecture, "")
    described = types.images(clients, {choice.image for choice in new})
    faults: dict[str, list[str]] = {}
    for choice in new:
        if not choice.image:
            continue
        image = described.get(choice.image)
        if fault := types.image_fault(image, choice.image, choice.asked, known.described[choice.instance]):
            faults.setdefault(fault, []).append(choice.asked.user)
        elif image:
            choice.root_device_name = image["RootDeviceName"]
            choice.architecture = image["Architecture"]
    for fault, users in faults.items():
        findings.problem(fault, "give another ami, instance or volume_size", users)


def _choose_zones(
    findings: Findings, clients: AwsClients, seen: Survey, choices: dict[str, Choice], known: Types
) -> None:
    networks = {choice.asked.network for choice in choices.values()}
    zones = {name: _zones_of(seen, name) for name in networks}
    if not all(zones.values()):
        new_zones = types.zones_of_new_network(clients)
        if len(new_zones) < 2:
            findings.problem(f"{clients.region} has fewer than two zones for this account", "take another region")
        zones = {name: found or new_zones for name, found in zones.items()}
    nowhere: dict[tuple[str, str], list[str]] = {}
    for choice in choices.values():
        network = choice.asked.network
        offered = known.offered.get(choice.instance, set())
        choice.zones = sorted({*choice.zones, *(zone for zone in zones[network] if zone in offered)})
        if offered and not choice.zones:
            nowhere.setdefault((choice.instance, network), []).append(choice.asked.user)
    for (instance, network), users in nowhere.items():
        what = f"instance type {instance} is not offered in {' or '.join(zones[network])}, where network {network} is"
        findings.problem(
            what, f"take one that is; it is offered in {', '.join(sorted(known.offered[instance]))}", users
        )


def _zones_of(seen: Survey, network: str) -> list[str]:
    outputs = seen.outputs(network_stack_name(network)) if seen.has_network(network) else {}
    return [outputs[key] for key in ("SubnetAZone", "SubnetBZone") if outputs.get(key)]
