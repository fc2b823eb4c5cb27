"""The burn rate: everything charged is counted once, to the cent.

A thing without a price is named; all requests only read.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws import prices
from ansible_collections.probcomp.stack.plugins.module_utils.costs.billable import priced_as, public_addresses
from ansible_collections.probcomp.stack.plugins.module_utils.costs.burn_rate import Row
from ansible_collections.probcomp.stack.plugins.module_utils.costs.burn_rate_report import as_data, footnotes, lines
from ansible_collections.probcomp.stack.plugins.module_utils.output.table import text_width
from botocore.exceptions import ClientError

from tests.support import ROOT
from tests.support.burn_rate_world import (
    balancer,
    burn,
    burn_and_rest,
    disk_of,
    interface_of,
    listed,
)
from tests.support.preflight_world import REGION, World, world

TEMPLATES = ROOT / "playbooks/templates"
MACHINE, DISK, ADDRESS, BALANCER = (Decimal(text) for text in ("0.048", "0.0952", "0.005", "0.027"))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[World]:
    """Provide an account with nothing of ours, and a full price list.

    The list has a price for all that is asked of it.
    """
    with world(tmp_path) as made:
        made.prices |= {"EBS:SnapshotUsage": "0.054", "PublicIPv4:IdleAddress": "0.005", "LCUUsage": "0.008"}
        yield made


def tags(kind: str, name: str, **more: str) -> list[dict[str, Any]]:
    return [
        {"ResourceType": kind, "Tags": [{"Key": key, "Value": text} for key, text in {"Name": name, **more}.items()]}
    ]


def test_a_class_of_three_by_hand_before_with_and_after_a_stopped_machine(account: World) -> None:
    ec2 = account.make("ec2")
    ids = [account.make_machine(f"ws-{number}") for number in (1, 2, 3)]
    size = disk_of(account, ids[0])["Size"]
    assert size == 8
    balancer(account, "network/shared")
    account.prices["EBS:VolumeUsage.gp2"] = "0.119"  # moto's instances have gp2 volumes.
    assert disk_of(account, ids[0])["VolumeType"] == "gp2"
    # The sum by hand: 3 machines at 0.048; 24 GiB at 0.119 a month of 730 h; 3 + 2 addresses at 0.005; a balancer at
    # 0.027.
    # 0.144 + 0.003912328... + 0.025 + 0.027 = 0.199912328...; times 24; times 720
    made, total = burn(account)
    data = total.as_data()
    assert (data["per_hour"], data["per_day"], data["per_30_days"]) == ("0.1999", "4.80", "143.94")
    assert [row.name for row in made] == ["ws-1", "ws-2", "ws-3", "network shared"]
    assert made[0].what == "t3.medium running, 8 GiB gp2, 1 address"
    assert made[3].what == "2 addresses, 1 load balancer"
    ec2.stop_instances(InstanceIds=[ids[2]])
    # 0.199912328... - 0.048 - 0.005 = 0.146912328...
    made, stopped = burn(account)
    data = stopped.as_data()
    assert (data["per_hour"], data["per_day"], data["per_30_days"]) == ("0.1469", "3.53", "105.78")
    assert {row.name: row.what for row in made}["ws-3"] == "t3.medium stopped, 8 GiB gp2"
    ec2.start_instances(InstanceIds=[ids[2]])
    assert burn(account)[1].per_hour == total.per_hour


def test_every_kind_of_thing_is_counted_once(account: World) -> None:
    ec2 = account.make("ec2")
    alice = account.make_machine("alice")
    disk = disk_of(account, alice)
    account.prices["EBS:VolumeUsage.gp2"] = "0.119"
    before = burn(account)[1].per_hour

    def added(expected: Decimal) -> None:
        nonlocal before
        made, total = burn(account)
        assert round(total.per_hour - before, 20) == round(expected, 20), [row.what for row in made]
        assert not total.unknown
        before = total.per_hour

    loose = {"AvailabilityZone": f"{REGION}a", "VolumeType": "gp3"}
    ec2.create_volume(Size=100, TagSpecifications=tags("volume", "alice/instance", network="shared"), **loose)
    added(100 * DISK / 730)
    ec2.create_volume(Size=50, TagSpecifications=tags("volume", "gone/instance", network="shared"), **loose)
    added(50 * DISK / 730)  # The disk is left of a user without a stack or machine.
    ec2.create_volume(Size=70, TagSpecifications=tags("volume", "database"), **loose)
    added(Decimal(0))  # The disk is not ours.
    ec2.create_snapshot(VolumeId=disk["VolumeId"])
    added(8 * Decimal("0.054") / 730)  # A snapshot by hand, without a name, of a disk of ours.
    ec2.create_snapshot(VolumeId=disk["VolumeId"], TagSpecifications=tags("snapshot", "alice/before"))
    added(8 * Decimal("0.054") / 730)
    ec2.create_image(
        InstanceId=alice, Name="baked", TagSpecifications=tags("image", "probcomp-20260501-120000", date="2026-05-01")
    )
    added(15 * Decimal("0.054") / 730)  # The image's snapshot, which has no name; moto makes it 15 GiB.
    ec2.create_snapshot(
        VolumeId=disk["VolumeId"], TagSpecifications=tags("snapshot", "probcomp-20260501-130000", date="2026-05-01")
    )
    added(8 * Decimal("0.054") / 730)  # An image's by its name and alice's by its disk: counted once.
    idle = ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", "alice/address"))
    added(Decimal(0))  # Its name alone proves nothing.
    ec2.associate_address(AllocationId=idle["AllocationId"], InstanceId=alice)
    added(Decimal(0))  # It replaces the address that came with the machine.
    balancer(account, "network/shared")
    added(BALANCER + 2 * ADDRESS)
    balancer(account, "somebody-else")
    added(Decimal(0))
    # A stranger's instance, and of each kind one that is only named like ours.
    foreign = account.run_instance("payroll/instance")
    copied = tags("image", "payroll/image", network="shared")
    ec2.create_image(InstanceId=foreign, Name="payroll", TagSpecifications=copied)
    ec2.create_volume(Size=20, TagSpecifications=tags("volume", "payroll/instance"), **loose)
    of_theirs = tags("snapshot", "payroll/instance", network="shared")
    ec2.create_snapshot(VolumeId=disk_of(account, foreign)["VolumeId"], TagSpecifications=of_theirs)
    added(Decimal(0))
    _, _, apart = burn_and_rest(account)
    kinds = sorted(resource.kind.split()[0] for resource in apart if resource.owner == "payroll")
    assert kinds == ["image", "instance", "snapshot", "volume"]
    ec2.terminate_instances(InstanceIds=[alice])
    made, _ = burn(account)
    kept = {row.name: row.what for row in made}
    assert "running" not in kept["alice"] and "100 GiB gp3 unattached" in kept["alice"]


def test_a_network_of_ones_own_is_its_users(account: World) -> None:
    account.make_stack("probcomp-stack-alice", "CREATE_COMPLETE", {"Network": "alice"})
    balancer(account, "network/alice")
    balancer(account, "network/shared")
    made, _ = burn(account)
    assert {row.name: row.per_hour for row in made} == dict.fromkeys(
        ("alice", "network shared"), BALANCER + 2 * ADDRESS
    )


def test_a_load_balancer_that_was_scaled_up_has_more_addresses(account: World) -> None:
    made = balancer(account, "network/shared")
    for _ in range(3):
        interface_of(account, made)
    assert burn(account)[1].per_hour == BALANCER + 3 * ADDRESS


@pytest.mark.parametrize(
    "usage", ["BoxUsage:t3.medium", "EBS:VolumeUsage.gp2", "PublicIPv4:InUseAddress", "LoadBalancerUsage"]
)
def test_an_unknown_price_is_marked_and_never_nought(account: World, usage: str) -> None:
    account.make_machine("alice")
    balancer(account, "network/shared")
    account.prices["EBS:VolumeUsage.gp2"] = "0.119"
    known = burn(account)[1].per_hour
    del account.prices[usage]
    made, total = burn(account)
    assert total.unknown and total.per_hour < known
    text = lines("place", made, total, [])
    assert any("?" in line and ("alice" in line or "network" in line) for line in text)
    assert next(line for line in text if line.startswith("total: at least $"))
    assert as_data(made, total)["total"]["unknown"] == total.unknown


def test_without_any_price_there_is_no_sum(account: World) -> None:
    account.make_machine("alice")
    account.prices.clear()
    made, total = burn(account)
    text = "\n".join(lines("place", made, total, []))
    assert "$0" not in text and "total: no price is known" in text and " 0.00" not in text
    assert as_data(made, total)["total"]["per_day"] is None


def test_prices_of_the_cache_serve_with_their_day_when_the_list_cannot_be_asked(account: World, tmp_path: Path) -> None:
    account.make_machine("alice")
    account.prices["EBS:VolumeUsage.gp2"] = "0.119"
    cache = tmp_path / "prices.json"
    first = listed(account, cache_file=cache, now=datetime(2026, 5, 1, tzinfo=UTC))
    known = burn(account, first)[1]
    first.save()

    class Refusing:
        def get_paginator(self, operation: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

    later = prices.PriceList(
        Refusing, REGION, cache, errors=(ClientError,), now=datetime(2026, 5, 1, tzinfo=UTC) + timedelta(days=40)
    )
    total = burn(account, later)[1]
    assert total.per_hour == known.per_hour and total.as_of == "2026-05-01" and later.notes


def test_machines_that_are_not_charged_by_the_list_are_unknown(account: World) -> None:
    price_list = listed(account)
    for other in ({"InstanceLifecycle": "spot"}, {"Platform": "windows"}, {"Placement": {"Tenancy": "dedicated"}}):
        assert price_list.per_hour(priced_as({"InstanceType": "t3.medium", **other})) is None
    assert price_list.per_hour(priced_as({"InstanceType": "t3.medium"})) == MACHINE
    assert price_list.per_hour(prices.provisioned("gp3", 16000, 125) or prices.SNAPSHOT) is None
    assert prices.provisioned("gp3", 3000, 125) is None and prices.provisioned("io2", 100, 0) is not None
    two = {"PublicIpAddress": "192.0.2.1", "NetworkInterfaces": [
        {"Association": {"PublicIp": "192.0.2.1"}}, {"PrivateIpAddresses": [{"Association": {"PublicIp": "192.0.2.2"}}]}
    ]}  # fmt: skip
    assert public_addresses(two) == ["192.0.2.1", "192.0.2.2"]


def test_forty_cost_no_more_requests_than_one(account: World) -> None:
    account.make_machine("ws-1")
    burn(account)
    one = len(account.requests)
    for number in range(2, 10):
        account.make_machine(f"ws-{number}")
    burn(account)
    assert len(account.requests) <= one + 1, "the stacks come in pages of what AWS pleases"


def test_networks_are_asked_for_their_addresses_together(account: World) -> None:
    for number in range(1, 6):
        balancer(account, f"network/net-{number}")
    made = balancer(account, "network/busy")
    for _ in range(3):
        interface_of(account, made)
    rate = burn(account)[1].per_hour
    assert account.requests.count("DescribeNetworkInterfaces") == 1
    assert rate == 6 * BALANCER + (5 * 2 + 3) * ADDRESS


def test_overdue_first_then_the_dearest(account: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBCOMP_COLUMNS", "80")
    for user, kind in (("alice", "t3.medium"), ("bob", "c5.large"), ("cleo", "t3.medium"), ("ws-10", "t3.medium")):
        account.make_machine(user, instance=kind)
    cleo = next(item for item in account.make("ec2").describe_tags()["Tags"] if item["Value"] == "cleo/instance")
    account.make("ec2").create_tags(Resources=[cleo["ResourceId"]], Tags=[{"Key": "expires", "Value": "2026-05-10"}])
    account.make_machine("ws-9")
    balancer(account, "network/shared")
    made, total = burn(account)
    assert [row.name for row in made] == ["cleo", "bob", "alice", "ws-9", "ws-10", "network shared"]
    text = lines("AWS account 1", made, total, [])
    assert text[0] == "AWS account 1"
    late = next(line for line in text if line.startswith("  cleo: ended 2026-05-10, 2 days ago; $"))
    assert "stack_delete.yml -e user=cleo" in late
    sentences = ("stack_delete", "total: ")
    assert [line for line in text if text_width(line) > 80 and not any(part in line for part in sentences)] == []


def test_nothing_at_all(account: World) -> None:
    made, total = burn(account)
    assert "nothing of ours is paid for here" in lines("place", made, total, [])
    assert "Nothing of ours" in page(made, total)


def page(made: list[Row], total: prices.Bill) -> str:
    """Return the page as Ansible makes it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    report = {
        "place": "AWS account 1, region x", "checked_at": "2026-05-12T10:00:00+00:00", "prices": "list prices of 2026",
        "notes": ["one <note>"], **json.loads(json.dumps(as_data(made, total))),
    }  # fmt: skip
    return environment.get_template("burn_rate.html.j2").render(burn={"report": report})


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(account: World) -> None:
    bad = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    identity = account.make_machine("alice")
    account.make("ec2").create_tags(
        Resources=[identity], Tags=[{"Key": name, "Value": bad} for name in ("owner", "purpose", "expires", "note")]
    )
    del account.prices["BoxUsage:t3.medium"]
    text = page(*burn(account))
    assert "<script" not in text and "{{" in text and "&lt;script&gt;" in text and "one &lt;note&gt;" in text
    assert not re.search(r"(?:src|href)=|url\(|@import|https?:", text)
    assert "price unknown" in text and "≥" in text


def test_the_bars_are_to_scale(account: World) -> None:
    account.prices["EBS:VolumeUsage.gp2"] = "0.119"
    account.make_machine("alice", instance="c5.large")
    account.make_machine("bob")
    made, total = burn(account)
    data = {row["name"]: sum(part["percent"] for part in row["kinds"]) for row in as_data(made, total)["rows"]}
    assert data["alice"] == pytest.approx(100, abs=0.05)
    costs = {row.name: row.per_hour for row in made}
    assert data["bob"] == pytest.approx(float(costs["bob"] / costs["alice"] * 100), abs=0.05)
    assert [note for note in footnotes(listed(account), "x", True) if "LCU" in note and "$0.008 " in note]
