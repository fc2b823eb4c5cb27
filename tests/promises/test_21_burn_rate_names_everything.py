"""Test promise 21: the burn rate names everything charged.

An unknown price is marked, never 0. The charged things are listed here from EC2's and ELB's own descriptions, by other
means than the burn rate's, and every single thing must be in its report; then every price in turn is taken away.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.aws.prices import PriceList
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import survey
from ansible_collections.probcomp.stack.plugins.module_utils.costs.burn_rate import bill, find_everything, rows
from ansible_collections.probcomp.stack.plugins.module_utils.costs.burn_rate_report import as_data, lines
from ansible_collections.probcomp.stack.plugins.module_utils.costs.resources import ResourceFinder
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.machines import machines, networks
from botocore.exceptions import ClientError

from tests.support.preflight_world import READING, REGION, World, world

PRICES = {
    "BoxUsage:t3.medium": "0.048",
    "EBS:VolumeUsage.gp2": "0.119",
    "EBS:VolumeUsage.gp3": "0.0952",
    "EBS:SnapshotUsage": "0.054",
    "PublicIPv4:InUseAddress": "0.005",
    "PublicIPv4:IdleAddress": "0.0051",
    "LoadBalancerUsage": "0.027",
    "LCUUsage": "0.008",
}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[World]:
    """Provide an account with one of everything that costs money, all of it ours."""
    with world(tmp_path) as made:
        made.prices = dict(PRICES)
        ec2 = made.make("ec2")
        running = made.make_machine("alice")
        ec2.stop_instances(InstanceIds=[made.make_machine("bob")])
        zone = {"AvailabilityZone": f"{REGION}a", "VolumeType": "gp3"}
        ec2.create_volume(Size=100, TagSpecifications=tags("volume", "alice/instance"), **zone)
        ec2.create_volume(Size=40, TagSpecifications=tags("volume", "former/instance"), **zone)
        disk = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [running]}])["Volumes"][0]
        ec2.create_snapshot(VolumeId=disk["VolumeId"])
        baked = tags("image", "probcomp-20260501-120000", date="2026-05-01")
        ec2.create_image(InstanceId=running, Name="baked", TagSpecifications=baked)
        ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", "alice/instance"))
        subnets = [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]][:2]
        balancer = made.make("elbv2").create_load_balancer(Name="shared", Subnets=subnets)["LoadBalancers"][0]
        made.make_stack("probcomp-network-shared")
        made.stack_made_elbv2(balancer["LoadBalancerArn"], "probcomp-network-shared")
        yield made


def tags(kind: str, name: str, **more: str) -> list[dict[str, Any]]:
    """Return the tags of a resource as our templates give them."""
    given = {"Name": name, "network": "shared", **more}
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": text} for key, text in given.items()]}]


def charged(account: World) -> set[str]:
    """Return the ids of all that the account pays for.

    They come from the descriptions of everything in it.
    """
    ec2, elbv2 = account.make("ec2"), account.make("elbv2")
    instances = [one for group in ec2.describe_instances()["Reservations"] for one in group["Instances"]]
    found = {one["InstanceId"] for one in instances if one["State"]["Name"] in ("running", "stopped")}
    found |= {one["PublicIpAddress"] for one in instances if "PublicIpAddress" in one}
    found |= {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]}
    # moto lists the snapshots behind the publisher's images under this account.
    snapshots = [
        one for one in ec2.describe_snapshots()["Snapshots"] if "Auto-created" not in one.get("Description", "")
    ]
    found |= {one["SnapshotId"] for one in snapshots}
    found |= {one["PublicIp"] for one in ec2.describe_addresses()["Addresses"]}
    return found | {one["LoadBalancerName"] for one in elbv2.describe_load_balancers()["LoadBalancers"]}


def report(account: World) -> tuple[dict[str, Any], list[str]]:
    """Return the burn rate as data and as lines, made with read-only requests alone."""
    account.requests.clear()
    clients = AwsClients(account.client, REGION)
    listed = PriceList(lambda: account.client("pricing", ""), REGION, errors=(ClientError,))
    seen = survey(clients)
    users = machines(clients, seen, "stack.example.org", 443)
    found = find_everything(ResourceFinder(clients, listed), users, networks(seen))
    made, total = rows(found, users, datetime.date(2026, 5, 12)), bill(found, listed)
    assert all(READING.match(name) for name in account.requests), account.requests
    return as_data(made, total), lines("AWS account 1", made, total, [])


def things(data: dict[str, Any]) -> dict[str, list[str | None]]:
    """Return the prices per hour under each id that the report names."""
    named: dict[str, list[str | None]] = {}
    for row in data["rows"]:
        for thing in row["things"]:
            named.setdefault(thing["id"], []).append(thing["per_hour"])
    return named


def test_everything_charged_is_named_once_and_with_its_price(account: World) -> None:
    data, _ = report(account)
    named = things(data)
    assert set(named) == charged(account)
    # The load balancer has two charges, its hour and its addresses; everything else has one.
    assert {identity: len(costs) for identity, costs in named.items()} == {
        identity: 2 if identity == "shared" else 1 for identity in named
    }
    assert all(cost is not None for costs in named.values() for cost in costs)
    # The sum by hand: a running machine; 16 GiB gp2 and 140 GiB gp3 of 730 hours a month; 8 and 15 GiB of snapshots; an
    # address of the running machine and two of the load balancer; one that is idle; the load balancer.
    by_hand = Decimal("0.048") + (16 * Decimal("0.119") + 140 * Decimal("0.0952") + 23 * Decimal("0.054")) / 730
    by_hand += 3 * Decimal("0.005") + Decimal("0.0051") + Decimal("0.027")
    assert data["total"]["per_30_days"] == str(round(by_hand * 720, 2)) == "84.72"


@pytest.mark.parametrize("usage", sorted(PRICES.keys() - {"LCUUsage"}))
def test_what_has_no_price_is_marked_and_never_nought(account: World, usage: str) -> None:
    full = Decimal(report(account)[0]["total"]["per_hour"])
    del account.prices[usage]
    data, text = report(account)
    unknown = [identity for identity, costs in things(data).items() if None in costs]
    assert unknown and set(things(data)) == charged(account)
    assert Decimal(data["total"]["per_hour"]) < full and data["total"]["unknown"]
    for row in data["rows"]:
        if any(thing["id"] in unknown and thing["per_hour"] is None for thing in row["things"]):
            assert row["unknown"] and row["per_day"] != "0.00"
            assert any(line.startswith(row["name"]) and "?" in line for line in text)
    assert any(line.startswith("total: at least $") for line in text)
