"""Run all preflight checks and combine their results."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from ..aws import cpu_credits, prices, quotas
from ..aws.account import banner, is_rehearsal
from ..aws.client import AwsClients
from ..aws.errors import explain
from ..aws.region_state import Survey, survey
from ..common.names import network_stack_name
from .account import (
    check_account,
    check_admin_cidr,
    check_given,
    check_programs,
    check_region,
)
from .delegation import check_delegation
from .endpoints import (
    check_certificate,
    check_collisions,
    check_content,
    check_passwords,
    check_s3_content,
    check_zone,
)
from .existing import check_machines, check_network, note_network_changes
from .findings import Findings
from .guards import check_public_access
from .key_pair import check_key_pair, own_marks
from .machines import MachinePlan, plan_machines, read_types
from .own_address import check_own_address
from .plan import bill, cost_in_words, plan
from .quotas import Room, check_room
from .records import check_records
from .request import MachineRequest, Settings, end_of
from .zones import plan_zones

with suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import Session


def sweep(
    clients: AwsClients, settings: Settings, requests: list[MachineRequest], price_cache: str | None
) -> dict[str, Any]:
    """Return the results of fleet_preflight, as its RETURN describes them."""
    findings = Findings()
    users = [machine.user for machine in requests]
    check_programs(findings)
    check_given(findings, settings)
    admitted = check_admin_cidr(findings, settings.admin_cidr)
    check_passwords(findings, settings, [machine.user for machine in requests if machine.has_password])
    own = own_marks(findings, settings)
    check_content(findings, settings)
    account, rehearsal = "", False
    found = _Fleet({machine.user: MachinePlan(machine, False, instance=machine.instance) for machine in requests})
    if check_region(findings, settings.region, known_regions()):
        account = check_account(findings, clients, settings)
    if account:
        rehearsal = is_rehearsal(clients.client("sts").meta.endpoint_url)
        check_own_address(findings, admitted, settings.address_service)
        check_certificate(findings, clients, settings, users, end_of(requests))
        zone_id = check_zone(findings, clients, settings.usable_zone)
        # A rehearsal's zone is known to nobody but name servers of its own.
        if zone_id and (settings.dns_resolver or not rehearsal):
            check_delegation(findings, clients, settings.usable_zone, zone_id, settings.dns_resolver)
        check_s3_content(findings, clients, settings)
        check_key_pair(findings, clients, settings, own)
        found = _check_fleet(findings, clients, settings, requests, price_cache)
    return {
        "problems": [problem.as_data() for problem in findings.problems],
        "notes": findings.notes,
        "skipped_users": findings.skipped_users,
        "account": account,
        "region": settings.region,
        "rehearsal": rehearsal,
        "machines": {user: planned.as_data() for user, planned in found.plans.items()},
        "networks": found.networks,
        "zones": found.zones,
        "quotas": found.room.as_data(),
        "cost": {**found.total.as_data(), "new": found.new.as_data()},
        "plan_lines": plan(
            banner(account, settings.region, rehearsal), settings,
            found.plans, found.networks, found.room, found.total, found.new, findings,
        ),
    }  # fmt: skip


def known_regions() -> list[str]:
    """Return botocore's regions of all partitions."""
    session = Session()
    partitions = session.get_available_partitions()
    return [region for name in partitions for region in session.get_available_regions("ec2", partition_name=name)]


class _Fleet:
    """Results about machines and networks, empty when AWS cannot be reached."""

    def __init__(self, plans: dict[str, MachinePlan]) -> None:
        self.plans = plans
        self.networks: dict[str, dict[str, Any]] = {}
        self.zones: dict[str, list[str]] = {}
        self.room = Room()
        self.total = prices.Bill(())
        self.new = prices.Bill(())


def _check_fleet(
    findings: Findings, clients: AwsClients, settings: Settings, requests: list[MachineRequest], price_cache: str | None
) -> _Fleet:
    errors = (BotoCoreError, ClientError)
    seen, is_seen = Survey(), False
    with findings.checking("what exists already"):
        seen, is_seen = survey(clients), True
    existing = check_machines(findings, clients, seen, requests)
    networks = sorted({machine.network for machine in requests})
    for network in networks:
        check_network(findings, clients, seen, network)
        note_network_changes(findings, seen, network, settings)
    check_public_access(findings, clients, seen, networks)
    check_collisions(findings, requests, seen.fleets())
    new_users = [machine.user for machine in requests if machine.user not in existing and machine.has_password]
    check_records(findings, clients, settings.usable_zone, new_users)
    known = read_types(findings, clients, seen, requests)
    fleet = _Fleet(plan_machines(findings, clients, settings, seen, requests, existing, known))
    with findings.checking("availability zones"):
        fleet.zones = plan_zones(findings, clients, seen, fleet.plans, known)
    if is_seen:
        names = {name: network_stack_name(name) for name in networks}
        fleet.networks = {
            name: {
                "exists": seen.has_network(name),
                "stack_status": seen.status(stack),
                "outputs": seen.outputs(stack),
            }
            for name, stack in names.items()
        }
    listed = prices.PriceList(
        lambda: clients.client("pricing", prices.PRICE_LIST_REGION),
        settings.region,
        Path(price_cache) if price_cache else None,
        explain,
        errors,
    )
    new = [planned for planned in fleet.plans.values() if not planned.exists]
    fleet.total = bill(listed, fleet.plans.values(), len(networks))
    fleet.new = bill(listed, new, sum(not seen.has_network(name) for name in networks))
    if is_seen:
        limits = quotas.Quotas(clients.client("service-quotas"), explain, errors)
        fleet.room = check_room(findings, clients, seen, fleet.plans, known, limits, cost_in_words(fleet.total))
    each = [(planned.instance, planned.cpu_credits, planned.vcpus) for planned in fleet.plans.values()]
    for note in [*cpu_credits.notes(each, listed), *listed.notes]:
        findings.note(note)
    try:
        listed.save()
    except OSError as error:
        findings.note(f"prices cannot be kept in {price_cache} ({error.strerror})")
    return fleet
