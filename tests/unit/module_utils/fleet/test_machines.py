"""The list of machines: every user's, with the command that repairs it.

It takes few read-only requests.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import survey
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.machines import (
    FleetMachine,
    end_date,
    machines,
    networks,
)
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.stack_table import (
    attentions,
    lines,
    repairs,
    stranger_lines,
)
from ansible_collections.probcomp.stack.plugins.module_utils.output.table import text_width
from moto.cloudformation import cloudformation_backends

from tests.support.preflight_world import ACCOUNT, READING, REGION, World, world

CONTINUE = "aws cloudformation continue-update-rollback --region x --stack-name probcomp-stack-alice"
TODAY = date(2026, 5, 12)
DEFAULTS = {"instance": "t3.medium", "volume_size": "30", "network": "shared"}
PLAIN = FleetMachine(
    "alice", "running", "CREATE_COMPLETE", "2026-05-01", "i-1", "t3.medium", "ami-1", "ubuntu/noble", False, "30",
    "shared", "", "", "", "", "", "", "https://alice.stack.example.org",
)  # fmt: skip


@pytest.fixture
def account(tmp_path: Path) -> Iterator[World]:
    """Provide an account with nothing of ours in it."""
    with world(tmp_path) as made:
        yield made


def seen(account: World) -> list[FleetMachine]:
    """Return the users' machines, found with read-only requests alone."""
    account.requests.clear()
    clients = AwsClients(account.client, REGION)
    found = machines(clients, survey(clients), "stack.example.org", 443)
    assert all(READING.match(name) for name in account.requests)
    return found


def told(*found: FleetMachine) -> tuple[list[str], list[str]]:
    """Return the table's lines and the repairing commands."""
    attention = attentions(found, DEFAULTS, "x", TODAY)
    return lines(list(found), {"shared": "CREATE_COMPLETE"}, attention, TODAY), repairs(found, attention, DEFAULTS)


def tag(account: World, identity: str, **tags: str) -> None:
    pairs = [{"Key": key.replace("__", ":").replace("_", "-"), "Value": value} for key, value in tags.items()]
    account.make("ec2").create_tags(Resources=[identity], Tags=pairs)


def test_running_stopped_terminated_failed_and_without_a_stack(account: World) -> None:
    ec2 = account.make("ec2")
    account.make_machine("ws-10", fleet="ws")
    ec2.stop_instances(InstanceIds=[account.make_machine("ws-9", fleet="ws")])
    ec2.terminate_instances(InstanceIds=[account.make_machine("gone")])
    account.make_stack("probcomp-stack-failed", "ROLLBACK_COMPLETE", {"InstanceType": "t3.small"})
    account.make_stack("probcomp-stack-not_a_user")
    account.make_stack("probcomp-network-shared")
    account.make_stack("of-somebody-else")
    stack = cloudformation_backends[ACCOUNT][REGION]
    account.make_machine("nostack")
    stack.stacks = {key: one for key, one in stack.stacks.items() if one.name != "probcomp-stack-nostack"}
    found = {machine.user: machine for machine in seen(account)}
    assert list(found) == ["failed", "gone", "nostack", "ws-9", "ws-10"]
    assert {user: machine.state for user, machine in found.items()} == {
        "ws-10": "running", "ws-9": "stopped", "gone": "terminated", "failed": "none", "nostack": "running"
    }  # fmt: skip
    assert found["ws-10"].type == "t3.medium" and found["failed"].type == "t3.small"
    assert found["ws-10"].image_name == "ubuntu-x86_64" and found["ws-10"].fleet == "ws"
    assert found["ws-10"].since == date.today().isoformat() and found["nostack"].stack_status == ""
    assert networks(survey(AwsClients(account.client, REGION))) == {"shared": "CREATE_COMPLETE"}
    text, commands = told(*found.values())
    assert any(line.startswith("gone: terminated by hand") for line in text)
    assert any(line.startswith("nostack: its stack is gone and left i-") for line in text)
    assert any(line.startswith("failed: its creation failed (ROLLBACK_COMPLETE)") for line in text)
    assert "ansible-playbook stack_create.yml -e user=gone" in commands
    assert "ansible-playbook stack_create.yml -e user=failed -e instance=t3.small" in commands
    assert not any(name in " ".join(commands) for name in ("ws-", "nostack"))


def test_tags_of_the_machine_are_shown_and_of_the_stack_when_it_is_gone(account: World) -> None:
    identity = account.make_machine("alice")
    tag(account, identity, owner="Alice B.", expires="2026-12-01", purpose="thesis", organization="lab", note="n")
    alice = seen(account)[0]
    assert (alice.owner, alice.expires, alice.purpose, alice.organization, alice.note) == (
        "Alice B.", "2026-12-01", "thesis", "lab", "n"
    )  # fmt: skip
    stack = next(iter(cloudformation_backends[ACCOUNT][REGION].stacks.values()))
    stack.tags = {"owner": "Alice of the stack"}
    account.make("ec2").terminate_instances(InstanceIds=[identity])
    assert seen(account)[0].owner == "Alice of the stack"


def test_a_machine_whose_name_was_changed_is_not_taken_for_gone(account: World) -> None:
    identity = account.make_machine("alice")
    account.make("ec2").create_tags(Resources=[identity], Tags=[{"Key": "Name", "Value": "my box"}])
    (shown,) = seen(account)
    assert shown.state == "running" and not shown.has_own_name
    assert told(shown)[1] == ["ansible-playbook -l alice stack_start.yml"]


def test_a_type_that_was_changed_by_hand_is_named(account: World) -> None:
    account.make_stack("probcomp-stack-alice", parameters={"InstanceType": "t3.medium"})
    account.stack_made(account.run_instance("alice/instance", "c5.large"), "probcomp-stack-alice")
    text, commands = told(*seen(account))
    assert any("it is a c5.large, its stack says t3.medium" in line for line in text)
    assert commands == ["ansible-playbook -l alice stack_update.yml -e instance=c5.large"]


def test_machines_of_others_are_named_and_in_no_row(account: World) -> None:
    ours = account.make_machine("alice")
    copy, foreign = account.run_instance("alice/instance"), account.run_instance("payroll/instance")
    account.run_instance("database")
    region = survey(AwsClients(account.client, REGION))
    (machine,) = seen(account)
    assert machine.instance_id == ours
    lines = stranger_lines(region.strangers(), [machine])
    assert lines[2:] == [
        f"  alice/instance {copy} t3.medium running (ours is {ours})", f"  payroll/instance {foreign} t3.medium running"
    ]  # fmt: skip


def test_of_two_instances_of_one_stack_its_output_tells_the_machine(account: World) -> None:
    first = account.run_instance("alice/instance")
    second = account.run_instance("alice/instance")
    account.make_stack("probcomp-stack-alice", outputs={"InstanceId": second})
    for identity in (first, second):
        account.stack_made(identity, "probcomp-stack-alice")
    assert [machine.instance_id for machine in seen(account)] == [second]


def test_forty_cost_no_more_requests_than_one(account: World) -> None:
    account.make_machine("ws-1")
    seen(account)
    one = len(account.requests)
    for number in range(2, 12):
        account.make_machine(f"ws-{number}")
    assert [machine.user for machine in seen(account)] == [f"ws-{n}" for n in range(1, 12)]
    assert len(account.requests) <= one + 1, "the stacks come in pages of what AWS pleases"


def test_one_command_makes_machines_of_one_kind_again_as_they_were() -> None:
    gone = replace(PLAIN, state="terminated", instance_id="")
    found = [
        replace(gone, user="ws-1"),
        replace(gone, user="ws-2", type="t3.large", volume_size="50"),
        replace(gone, user="ws-3"),
        replace(gone, user="ws-4", network="net-4", image="ami-2", image_is_ours=True),
    ]
    assert told(*found)[1] == [
        "ansible-playbook fleet_create.yml -e users=ws-1,ws-3",
        'ansible-playbook stack_create.yml -e user=ws-2 -e "instance=t3.large volume_size=50"',
        'ansible-playbook stack_create.yml -e user=ws-4 -e "network=net-4 ami=ami-2"',
    ]


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("CREATE_FAILED", "ansible-playbook stack_delete.yml -e user=alice -e confirm=yes"),
        ("ROLLBACK_FAILED", "ansible-playbook stack_delete.yml -e user=alice -e confirm=yes"),
        ("DELETE_FAILED", "ansible-playbook stack_delete.yml -e user=alice -e confirm=yes"),
        ("UPDATE_ROLLBACK_FAILED", CONTINUE),
        ("REVIEW_IN_PROGRESS", "ansible-playbook stack_create.yml -e user=alice"),
        ("UPDATE_IN_PROGRESS", ""),
        ("UPDATE_ROLLBACK_COMPLETE", ""),
    ],
)  # fmt: skip
def test_each_state_of_a_stack_is_told_with_what_to_do(status: str, command: str) -> None:
    text, commands = told(replace(PLAIN, stack_status=status))
    assert commands == ([command] if command else [])
    assert any(line.startswith("alice: ") for line in text)


def test_overdue_is_marked_and_never_among_the_repairs() -> None:
    text, commands = told(replace(PLAIN, expires="2026-05-11"))
    assert any("2026-05-11 overdue" in line for line in text) and commands == []
    on_the_day, _ = told(replace(PLAIN, expires="2026-05-12"))
    assert not any("overdue" in line for line in on_the_day)
    odd, commands = told(replace(PLAIN, expires="tomorrow"))
    assert any("is no date" in line for line in odd) and len(commands) == 1
    assert [end_date(text) for text in ("20260512", "2026-W20-2", "2026-02-30", "")] == [None] * 4


def test_the_table_is_narrow_whatever_the_tags_say_and_prints_no_control_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROBCOMP_COLUMNS", "80")
    long: dict[str, Any] = dict.fromkeys(
        ("owner", "organization", "purpose", "note"), "長い word " * 25 + "\x1b[2J\x07\u202e"
    )
    wide = replace(PLAIN, user="a" * 32, expires="2020-01-01", network="n" * 32, **long)
    other = replace(wide, user="b" * 32, image="ami-2", image_name="x" * 128)
    text, _ = told(wide, other)
    table = text[:3]
    assert all(text_width(line) <= 80 for line in table), [text_width(line) for line in table]
    assert "a" * 32 in table[1] and "…" in table[1]
    monkeypatch.setenv("PROBCOMP_COLUMNS", "130")
    assert "2020-01-01 overdue" in told(wide, other)[0][1]
    assert all(character.isprintable() for line in text for character in line)
    short, _ = told(PLAIN)
    assert re.split(r"\s{2,}", short[0]) == ["who", "state", "since", "type", "id"], "empty columns take no room"
    assert short[1].endswith(PLAIN.instance_id) and "aaaa" in told(wide)[0][1]
    assert "  id" not in told(wide)[0][0], "nothing is cut for it"
    monkeypatch.delenv("PROBCOMP_COLUMNS")
    assert told(wide)[0][1].endswith(PLAIN.instance_id)
    assert any("ubuntu/noble (ami-1)" in line for line in short)
    assert "URL https://<user>.stack.example.org" in short


def test_the_machine_of_ami_bake_is_removed_by_its_own_command() -> None:
    left = replace(PLAIN, user="ami-bake", state="terminated")
    assert told(left, replace(PLAIN, state="terminated"))[1] == [
        "ansible-playbook stack_create.yml -e user=alice",
        "ansible-playbook ami_bake.yml -e cancel=yes",
    ]


def test_a_value_that_a_shell_would_run_is_left_out_of_commands() -> None:
    odd = replace(PLAIN, state="terminated", type="$(reboot)", network="`x`; y")
    assert told(odd)[1] == ["ansible-playbook stack_create.yml -e user=alice"]


def test_nobody_at_all() -> None:
    assert told()[0][0] == "no user has a machine or a stack here"
