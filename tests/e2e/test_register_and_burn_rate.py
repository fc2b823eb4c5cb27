"""Register and burn rate of real machines.

They are stopped and started, terminated by hand and made again.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support import manual
from tests.support.living import wait_until
from tests.support.workshop import OUTPUT, Workshop

HOURS = 730
# These are list prices of us-east-1 as in rehearsal/data/prices.yml, repeated here: dollars per hour, GiB per month.
TYPES = {"t3.micro": "0.0104", "t3.small": "0.0208", "t3.medium": "0.0416", "t3.large": "0.0832", "c5.large": "0.085"}
MACHINE, DISK, ADDRESS, BALANCER, SNAPSHOT = map(Decimal, (TYPES["t3.medium"], "0.08", "0.005", "0.0225", "0.05"))


def listed(workshop: Workshop) -> str:
    return workshop.succeed("ansible-playbook stack_list.yml")


def burn(workshop: Workshop) -> tuple[dict[str, Any], str]:
    """Return the burn rate's data and its output; it may only read."""
    before = workshop.control("counts")["mutating"]
    text = workshop.succeed(manual.of_class("burn_rate.yml"))
    assert workshop.control("counts")["mutating"] == before
    assert re.search(r"^REHEARSAL, no real account: account 123456789012, region us-east-1$", text, re.MULTILINE)
    return json.loads((workshop.state / "reports/burn_rate.json").read_text()), text


def by_hand(workshop: Workshop) -> Decimal:
    """Return our cost in dollars per hour from EC2's own descriptions.

    Strangers' things are left out.
    """
    theirs = workshop.strangers()
    running = [machine for machine in workshop.machines().values() if machine["State"]["Name"] == "running"]
    machines = sum(Decimal(TYPES[machine["InstanceType"]]) + ADDRESS for machine in running)
    volumes = workshop.ec2.describe_volumes()["Volumes"]
    disks = sum(volume["Size"] for volume in volumes if volume["VolumeId"] not in theirs["volumes"])
    kept = workshop.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    held = sum(snapshot["VolumeSize"] for snapshot in kept if snapshot["SnapshotId"] not in theirs["snapshots"])
    balancers = workshop.client("elbv2").describe_load_balancers()["LoadBalancers"]
    ours = sum(balancer["LoadBalancerArn"] not in theirs["load_balancers"] for balancer in balancers)
    return machines + (disks * DISK + held * SNAPSHOT) / HOURS + ours * (BALANCER + 2 * ADDRESS)


def cents(per_hour: Decimal) -> dict[str, str]:
    return {
        "per_hour": str(round(per_hour, 4)),
        "per_day": str(round(per_hour * 24, 2)),
        "per_30_days": str(round(per_hour * 720, 2)),
    }


def totals(data: dict[str, Any]) -> dict[str, str]:
    return {name: data["total"][name] for name in ("per_hour", "per_day", "per_30_days")}


def test_the_register_is_kept_and_nothing_by_hand_is_lost(workshop: Workshop) -> None:
    register = workshop.state / "running-stacks.org"
    register.unlink(missing_ok=True)
    before = workshop.control("counts")["mutating"]
    text = listed(workshop)
    assert text.index("REHEARSAL, no real account") < text.index("ws-1")
    for user in ("ws-1", "ws-2", "ws-3"):
        assert re.search(rf"^{user} +running +\d{{4}}-\d\d-\d\d +t3\.medium", text, re.MULTILINE), text
        assert f"| {user} " in register.read_text() and workshop.url(user, "") in register.read_text()
    assert re.search(r"image ubuntu/.*\(ami-[0-9a-f]+\)", text)
    first = register.read_bytes()
    register.write_bytes(b"* My notes\n" + first.replace(b"| ws-2 | running", b"| ws-2 | mine!!!") + b"the end")
    again = listed(workshop)
    kept = register.read_text()
    assert kept.startswith("* My notes\n") and "the end" in kept and "mine!!!" in kept.partition("* Kept on")[2]
    assert "kept at the end" in again
    assert "nothing new" in listed(workshop) and register.read_text() == kept
    register.unlink()
    would = workshop.succeed("ansible-playbook --check --diff stack_list.yml")
    assert "would be written" in would and "+| ws-1" in would and not register.exists()
    assert workshop.control("counts")["mutating"] == before


def test_names_and_a_limit_are_refused(workshop: Workshop) -> None:
    for command in ("stack_list.yml", "burn_rate.yml"):
        for arguments in (f"-l ws-1 {command}", f"{command} -e user=ws-1", f"{command} -e network=A"):
            refused = workshop.play(arguments)
            assert refused.status != 0 and "Traceback" not in refused.text, refused.text


def test_the_sum_before_with_and_after_a_stopped_machine(workshop: Workshop, tmp_path: Path) -> None:
    data, text = burn(workshop)
    before = by_hand(workshop)
    assert totals(data) == cents(before) and not data["total"]["unknown"]
    assert f"total: ${cents(before)['per_hour']} per hour, ${cents(before)['per_day']} per day" in text
    if len(workshop.machines()) == 3 and not any(row["name"].startswith("image") for row in data["rows"]):
        # 3 x 0.0416 + 90 GiB x 0.08 / 730 + 5 x 0.005 + 0.0225
        assert totals(data) == {"per_hour": "0.1822", "per_day": "4.37", "per_30_days": "131.16"}
    identity = workshop.machines()["ws-3"]["InstanceId"]
    workshop.ec2.stop_instances(InstanceIds=[identity])
    try:
        wait_until(workshop, "ws-3", "stopped")
        stopped, text = burn(workshop)
        assert totals(stopped) == cents(before - MACHINE - ADDRESS) == cents(by_hand(workshop))
        assert re.search(r"^ws-3 +t3\.medium stopped, 30 GiB gp3 +0\.0033 +0\.08 +2\.37$", text, re.MULTILINE), text
        assert re.search(r"^ws-3 +stopped ", listed(workshop), re.MULTILINE)
    finally:
        workshop.succeed("ansible-playbook -l ws-3 stack_start.yml")
    after, _ = burn(workshop)
    assert totals(after) == cents(before)
    with workshop.browser(tmp_path) as browser:
        page = browser.new_page()
        page.goto(f"file://{workshop.state / 'reports/burn_rate.html'}")
        assert f"${cents(before)['per_day']}" in page.inner_text("body")
        page.screenshot(path=str(OUTPUT / "burn_rate.png"), full_page=True)


def test_without_the_price_list_old_prices_serve_and_unknown_ones_are_marked(workshop: Workshop) -> None:
    cache = workshop.state / "prices.json"
    workshop.succeed(manual.of_class("burn_rate.yml"))
    kept = cache.read_text()
    aged = json.loads(kept)
    for entry in aged["prices"].values():
        entry["as_of"] = "2026-01-02"
    try:
        workshop.succeed(
            "scripts/rehearsal fault add --service pricing --action GetProducts --code AccessDeniedException"
        )
        cache.write_text(json.dumps(aged))
        data, text = burn(workshop)
        assert totals(data) == cents(by_hand(workshop)) and "list prices of 2026-01-02" in text
        assert "prices cannot be asked" in text
        cache.unlink()
        data, text = burn(workshop)
        assert data["total"]["per_day"] is None and "total: no price is known" in text
        assert re.search(r"^ws-1 .* \? +\? +\?$", text, re.MULTILINE), text
    finally:
        workshop.clear_faults()
        cache.write_text(kept)


def test_a_machine_terminated_by_hand_is_named_and_made_again_alone(workshop: Workshop) -> None:
    before = workshop.machines()
    boots = {user: workshop.boot_time(user) for user in ("ws-1", "ws-2")}
    workshop.ec2.terminate_instances(InstanceIds=[before["ws-3"]["InstanceId"]])
    text = listed(workshop)
    assert re.search(r"^ws-3 +terminated ", text, re.MULTILINE), text
    assert re.search(r"^ws-3: terminated by hand: its stack is there, its instance is gone$", text, re.MULTILINE)
    command = re.search(r"^  (ansible-playbook stack_create\.yml -e user=ws-3)$", text, re.MULTILINE)
    assert command, text
    assert "| ws-3 | terminated" in (workshop.state / "running-stacks.org").read_text()
    repaired = workshop.succeed(command.group(1))
    after = workshop.machines()
    changed = {user for user in before if before[user]["InstanceId"] != after[user]["InstanceId"]}
    assert changed == {"ws-3"} and sorted(after) == sorted(before), repaired
    assert {user: workshop.boot_time(user) for user in boots} == boots
    assert "terminated" not in listed(workshop)
    workshop.succeed("ansible-playbook -l 'ws-1,ws-2,ws-3' fleet_check.yml")
    assert "@ws:" in workshop.succeed("ansible-inventory --graph ws") and "ws-3" in workshop.succeed(
        "ansible-inventory --graph ws"
    )
