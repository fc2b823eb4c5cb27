"""Test promise 27: what is somebody else's is neither touched nor counted as ours.

The account has machines, disks, records and stacks of others with names like ours, and copies of our machines with all
of their tags. Promise 3 looks at them around every command for one user.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.support.strangers import untouched
from tests.support.workshop import Workshop

USERS = {"ws-1", "ws-2", "ws-3"}
USER = "ws-1"
"""The user of whose machine the account has a copy, by its tags."""
LIKE_OURS = ("alice/instance", "bastion-dev/instance", "payroll/instance", "web/instance", "ws-1/instance")


def strangers_named(workshop: Workshop, name: str) -> list[str]:
    """Return the ids of others' instances with this Name tag."""
    tag = {"Key": "Name", "Value": name}
    return [key for key, item in workshop.strangers()["instances"].items() if tag in item["Tags"]]


def test_all_users_means_ours(workshop: Workshop) -> None:
    graph = workshop.succeed("ansible-inventory --graph users 2>/dev/null")
    assert set(re.findall(r"--([a-z0-9-]+)$", graph, re.MULTILINE)) == USERS
    with untouched(workshop.strangers):
        text = " ".join(workshop.succeed("ansible-playbook -l users --check stack_stop.yml").split())
    assert text.count("not ours, left alone:") == 1 and "and 2 more" in text
    refused = workshop.play("-l payroll stack_stop.yml")
    assert refused.status != 0 and "no such machine: payroll" in refused.text


def test_names_by_e_beside_l_are_refused(workshop: Workshop) -> None:
    refused = workshop.play("-l users -e user=ws-2 stack_stop.yml")
    assert refused.status != 0
    assert "stack_stop.yml takes its machines by -l alone, and -e user= names some, too" in refused.text


def test_lists_have_others_apart(workshop: Workshop) -> None:
    listed = workshop.succeed("ansible-playbook stack_list.yml")
    table, _, apart = listed.partition("not ours, though named so")
    assert [name for name in LIKE_OURS if name not in apart] == []
    assert not any(name.removesuffix("/instance") in table for name in LIKE_OURS if not name.startswith("ws-"))
    register = (workshop.state / "running-stacks.org").read_text()
    assert not any(word in register for word in ("payroll", "bastion", "alice"))
    burnt = workshop.succeed("ansible-playbook burn_rate.yml")
    total, _, apart = burnt.partition("not known whose, left alone and in no sum")
    report = json.loads((workshop.state / "reports/burn_rate.json").read_text())
    assert {row["user"] for row in report["rows"]} - {""} == USERS
    for name in LIKE_OURS:
        (identity,) = strangers_named(workshop, name)
        assert identity in apart and identity not in total
    assert {item["id"] for item in report["not_known"]} >= set(strangers_named(workshop, "payroll/instance"))


def test_a_machine_that_somebody_renamed_is_found_and_named_right(workshop: Workshop) -> None:
    """Rename the original, as an older message advised; its copy keeps the name."""
    original = workshop.machines()[USER]["InstanceId"]
    (copy,) = strangers_named(workshop, f"{USER}/instance")
    with untouched(workshop.strangers):
        workshop.ec2.create_tags(Resources=[original], Tags=[{"Key": "Name", "Value": "old-box"}])
        planned = workshop.succeed(f"ansible-playbook stack_delete.yml -e user={USER}")
        assert original in planned and copy not in planned
        assert f"not ours, left alone: {USER}/instance (stack_list.yml)" in planned
        listed = workshop.succeed("ansible-playbook stack_list.yml")
        assert f"{USER}: the Name tag of {original} was changed by hand" in " ".join(listed.split())
        assert "not ours" not in workshop.succeed(f"ansible-playbook -l {USER} fleet_check.yml")
        workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")
    tags = {tag["Key"]: tag["Value"] for tag in workshop.machines()[USER]["Tags"]}
    assert tags["Name"] == f"{USER}/instance"


def test_a_stopped_machine_is_skipped_by_a_create(workshop: Workshop) -> None:
    stopped = workshop.machines()["ws-3"]["InstanceId"]
    workshop.succeed("ansible-playbook -l ws-3 stack_stop.yml")
    made = workshop.play('fleet_create.yml -e "base=ws low=2 high=3"')
    assert made.status == 0, made.text
    assert "ws-3: stopped, skipped; ansible-playbook -l ws-3 stack_start.yml starts it" in " ".join(made.text.split())
    assert workshop.machines()["ws-3"]["State"]["Name"] == "stopped"
    workshop.succeed("ansible-playbook -l ws-3 stack_start.yml")
    assert workshop.machines()["ws-3"]["InstanceId"] == stopped


@pytest.mark.long
def test_all_machines_stop_and_start_and_no_others(workshop: Workshop) -> None:
    with untouched(workshop.strangers):
        workshop.succeed("ansible-playbook -l users stack_stop.yml")
        assert {machine["State"]["Name"] for machine in workshop.machines().values()} == {"stopped"}
        workshop.succeed("ansible-playbook -l users stack_start.yml", timeout=900)
