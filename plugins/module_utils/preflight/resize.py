"""Check a resize before stopping machines: compatibility, quota, cost. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..aws import cpu_credits, prices, quotas
from ..aws.client import AwsClients, tags_of
from ..aws.errors import explain
from ..aws.region_state import Survey
from ..aws.stack_statuses import is_busy
from ..cloudformation.job import parameters_of
from ..cloudformation.update import INSTEAD, UpdateJob, wanted_tags
from ..common.names import shown
from ..output.host_summary import people
from . import instance_types as types
from .findings import Findings
from .machines import MachinePlan, Types, read_types
from .plan import table
from .quotas import COUNTING_STATES, check_quota, vcpu_needs
from .request import MachineRequest

CREDITS = "CpuCredits"
"""The stacks' parameter for CPU credits."""


@dataclass
class ResizePlan:
    """The plan of a resize: `problems` stop all, `faults` one machine each, by user."""

    problems: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    resting: list[str] = field(default_factory=list)
    """Users whose machine is skipped: not running, and no update in progress."""
    lines: list[str] = field(default_factory=list)


def plan_resize(
    clients: AwsClients,
    seen: Survey,
    jobs: list[UpdateJob],
    parameter: str,
    logical_id: str,
    price_list: prices.PriceList,
) -> ResizePlan:
    """Return the plan for the jobs, and set `may_resize` on those that are compatible.

    `parameter` is the stacks' parameter for the type of the instance with `logical_id`.
    """
    plan = ResizePlan()
    _set_machines(plan, seen, jobs, logical_id)
    plan.resting = [job.user for job in jobs if _is_resting(job, seen)]
    jobs = [job for job in jobs if job.user not in plan.resting]
    resized = [job for job in jobs if job.instance and _is_resized(job, seen, parameter)]
    if resized:
        findings = Findings()
        requests = [MachineRequest(job.user, job.parameters[parameter], "", 0) for job in resized]
        known = read_types(findings, clients, seen, requests)
        for job in resized:
            wanted = job.parameters[parameter]
            if description := known.described.get(wanted):
                current = known.described.get(job.instance["InstanceType"])
                fault = resize_fault(job.instance, description, current, known.offered[wanted])
                job.may_resize = not fault
                if fault:
                    plan.faults[job.user] = fault
        fitting = [job for job in resized if job.may_resize]
        with findings.checking("quotas"):
            _check_room(findings, clients, seen, fitting, known, parameter)
        plan.problems = [problem.text for problem in findings.problems]
        plan.lines = _resize_lines(fitting, known, parameter, price_list)
        each = [
            (job.parameters[parameter], _credits(job, seen), _vcpus(known, job.parameters[parameter]))
            for job in fitting
        ]
        plan.lines += [*cpu_credits.notes(each, price_list), *findings.notes, *price_list.notes]
    plan.lines += _credit_lines(jobs, seen) + _tag_lines(jobs, seen)
    return plan


def resize_fault(
    instance: dict[str, Any], wanted: dict[str, Any], current: dict[str, Any] | None, zones: Iterable[str]
) -> str:
    """Return why `instance` cannot be resized to the type `wanted`, "" when it can.

    `current` describes the current type, `zones` are those that offer the wanted one. The rules are those of
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resize-limitations.html
    """
    name, architecture = wanted["InstanceType"], instance.get("Architecture", "x86_64")
    supported = wanted["ProcessorInfo"]["SupportedArchitectures"]
    if architecture not in supported:
        what = f"{name} runs {' and '.join(supported)}, the machine is {architecture}"
        return f"{what}: take a type for {architecture}, or {INSTEAD}"
    kinds = wanted.get("SupportedVirtualizationTypes", [])
    kind = instance.get("VirtualizationType", "hvm")
    if kinds and kind not in kinds:
        return f"{name} is of virtualization {' or '.join(kinds)}, the machine of {kind}: {INSTEAD}"
    if instance.get("RootDeviceType", "ebs") != "ebs":
        return f"the machine's root disk is not on EBS and would be lost: {INSTEAD}"
    # ENA support implies the NVMe driver: the same instance families need both.
    if not instance.get("EnaSupport"):
        if wanted.get("NetworkInfo", {}).get("EnaSupport") == "required":
            return f"{name} needs the ENA driver, and the machine's image does not say that it has it: {INSTEAD}"
        has_nvme = (current or {}).get("EbsInfo", {}).get("NvmeSupport") == "required"
        if wanted.get("EbsInfo", {}).get("NvmeSupport") == "required" and not has_nvme:
            return f"{name} needs the NVMe driver, and the machine's image does not say that it has it: {INSTEAD}"
    mode, modes = instance.get("BootMode", ""), wanted.get("SupportedBootModes", [])
    if modes and mode in ("uefi", "legacy-bios") and mode not in modes:
        return f"{name} boots by {' or '.join(modes)}, the machine's image by {mode}: {INSTEAD}"
    zone = instance["Placement"]["AvailabilityZone"]
    if zone not in zones:
        where = ", ".join(sorted(zones))
        what = f"{name} is not offered in {zone}, where the machine is, only in {where}"
        return f"{what}: take another type, or {INSTEAD}"
    return ""


def _set_machines(plan: ResizePlan, seen: Survey, jobs: list[UpdateJob], logical_id: str) -> None:
    """Set the instance of each job from EC2; a missing one is a fault."""
    machines = {}
    for instance in seen.instances:
        tags = tags_of(instance)
        if tags.get("aws:cloudformation:logical-id") == logical_id and instance["State"]["Name"] != "shutting-down":
            machines[tags.get("aws:cloudformation:stack-id")] = instance
    for job in jobs:
        stack = seen.stacks.get(job.name)
        if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
            continue  # StackUpdater reports it.
        job.instance = machines.get(stack["StackId"], {})
        if not job.instance:
            plan.faults[job.user] = f"its machine was terminated: stack_create.yml -e user={job.user} makes it again"


def _is_resting(job: UpdateJob, seen: Survey) -> bool:
    """Return whether a machine is not running although its stack is not busy."""
    if not job.instance or job.instance["State"]["Name"] == "running":
        return False
    # A resize stops its machine: continue an interrupted one.
    return not is_busy(seen.stacks[job.name]["StackStatus"])


def _is_resized(job: UpdateJob, seen: Survey, parameter: str) -> bool:
    if parameter not in job.parameters:
        return False
    stack = seen.stacks[job.name]
    # An update in progress may still roll the parameters back.
    types_now = {job.instance["InstanceType"], parameters_of(stack).get(parameter)}
    return is_busy(stack["StackStatus"]) or types_now != {job.parameters[parameter]}


def _check_room(
    findings: Findings, clients: AwsClients, seen: Survey, jobs: list[UpdateJob], known: Types, parameter: str
) -> None:
    """Report insufficient vCPU quotas; a resized machine frees its own vCPUs."""
    running = [job for job in jobs if job.instance["State"]["Name"] in COUNTING_STATES]
    own = {job.instance["InstanceId"] for job in running}
    others = Survey(seen.stacks, tuple(item for item in seen.instances if item["InstanceId"] not in own))
    new = []
    given_back: Counter[quotas.Quota | None] = Counter()
    for job in running:
        name = job.parameters[parameter]
        new.append(MachinePlan(MachineRequest(job.user, name, "", 0), False, instance=name, vcpus=_vcpus(known, name)))
        given_back[quotas.vcpu_quota(job.instance["InstanceType"])] += _vcpus(known, job.instance["InstanceType"])
    limits = quotas.Quotas(clients.client("service-quotas"), explain, clients.errors)
    for need in vcpu_needs(findings, others, new, known):
        if need.needed > given_back[need.quota]:
            check_quota(findings, need, limits.limit(need.quota), "")
    for note in limits.notes:
        findings.note(note)


def _credits(job: UpdateJob, seen: Survey) -> str:
    return job.parameters.get(CREDITS, parameters_of(seen.stacks[job.name]).get(CREDITS, ""))


def _vcpus(known: Types, name: str) -> int:
    description = known.described.get(name)
    return types.vcpus(description) if description else 0


def _resize_lines(jobs: list[UpdateJob], known: Types, parameter: str, listed: prices.PriceList) -> list[str]:
    """Return a table of the resized machines and the difference in cost."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for job in jobs:
        kinds.setdefault((job.instance["InstanceType"], job.parameters[parameter]), []).append(job.user)
    rows, more, unknown = [], Decimal(0), False
    for (old, new), users in kinds.items():
        amounts = [listed.per_hour(prices.instance(name)) for name in (old, new)]
        each = ["unknown" if amount is None else prices.dollars(amount, 4) for amount in amounts]
        if amounts[0] is None or amounts[1] is None:
            unknown = True
        else:
            more += (amounts[1] - amounts[0]) * len(users)
        sizes = f"{_vcpus(known, old)} -> {_vcpus(known, new)}"
        rows.append((people(users), f"{old} -> {new}", sizes, f"{each[0]} -> {each[1]}"))
    if not rows:
        return []
    lines = table({"machines": None, "instance": 12, "vCPUs": None, "dollars per hour, each": None}, rows)
    if unknown:
        return [*lines, "a price is unknown"]
    word = "more" if more >= 0 else "less"
    return [*lines, f"together ${prices.dollars(abs(more), 4)} per hour {word} while they run"]


def _credit_lines(jobs: list[UpdateJob], seen: Survey) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for job in jobs:
        old = parameters_of(seen.stacks.get(job.name, {})).get(CREDITS)
        new = job.parameters.get(CREDITS, old)
        if old is not None and old != new:
            kinds.setdefault(f"cpu_credits: {old or 'those of AWS'} -> {new}", []).append(job.user)
    return [f"{people(users)}: {line}" for line, users in kinds.items()]


def _tag_lines(jobs: list[UpdateJob], seen: Survey) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for job in jobs:
        if stack := seen.stacks.get(job.name):
            old, new = tags_of(stack), wanted_tags(job, stack)
            for key in sorted(job.tags):
                if old.get(key, "") != new.get(key, ""):
                    line = f"{key}: {shown(old.get(key, ''))} -> {shown(new.get(key, ''))}"
                    kinds.setdefault(line, []).append(job.user)
    return [f"{people(users)}: {line}" for line, users in kinds.items()]


def price_list(clients: AwsClients, cache: str | None) -> prices.PriceList:
    """Return the prices of the clients' region, cached in the file `cache`."""
    file = Path(cache) if cache else None
    return prices.PriceList(
        lambda: clients.client("pricing", prices.PRICE_LIST_REGION), clients.region, file, explain, clients.errors
    )
