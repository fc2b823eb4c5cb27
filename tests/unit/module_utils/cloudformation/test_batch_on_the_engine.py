"""cloudformation_stacks against the rehearsal's CloudFormation.

The templates are the project's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.api import faults
from tests.support.cloudformation_server import STACK_TEMPLATE

pytestmark = pytest.mark.slow


from tests.support.cloudformation_lab import Lab, run, running_lab


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


def test_the_network_is_updated_only_when_something_differs(lab: Lab) -> None:
    same = lab.make_network("192.0.2.1/32")
    assert (same["status"], same["changed"]) == ("ready", False)
    moved = lab.make_network("192.0.2.2/32")
    assert (moved["status"], moved["action"]) == ("ready", "update")
    assert moved["parameters"]["AdminCidr"] == "192.0.2.2/32"


def test_the_life_of_a_fleet(lab: Lab) -> None:
    users = ("ws-1", "ws-2", "ws-3")
    first = lab.make(*users)
    assert {item["status"] for item in first.values()} == {"ready"}, first
    assert sorted(item["parameters"]["RulePriority"] for item in first.values()) == ["1", "2", "3"]

    again = lab.make(*users)
    assert not any(item["changed"] for item in again.values())

    lab.cloud.ec2.terminate_instances(InstanceIds=[first["ws-2"]["outputs"]["InstanceId"]])
    mended = lab.make(*users)
    assert [user for user in users if mended[user]["changed"]] == ["ws-2"]
    assert mended["ws-2"]["replaced_terminated"] is True
    assert mended["ws-2"]["outputs"]["InstanceId"] != first["ws-2"]["outputs"]["InstanceId"]
    assert mended["ws-1"]["outputs"] == first["ws-1"]["outputs"]

    gone = lab.remove("ws-2", "ws-3", "nobody")
    assert {item["status"] for item in gone.values()} == {"absent"}
    assert [user for user, item in gone.items() if item["changed"]] == ["ws-2", "ws-3"]
    assert "probcomp-stack-ws-1" in lab.api.all()
    assert lab.remove("ws-1")["ws-1"]["status"] == "absent"


@pytest.fixture
def capacity_fault() -> Iterator[None]:
    """Make the creation of Bob's instance fail once."""
    reason = "You have requested more vCPU capacity than your current vCPU limit"
    faults.add({"kind": "resource", "match": "stack-bob", "logical_id": "Instance", "message": reason, "times": 1})
    yield
    faults.clear()


def test_a_creation_that_fails_is_told_and_made_again(lab: Lab, capacity_fault: None) -> None:
    result = lab.make("bob", "carl")
    assert (result["bob"]["status"], result["carl"]["status"]) == ("failed", "ready")
    assert result["bob"]["reason"].startswith("Instance: You have requested more vCPU capacity")
    mended = lab.make("bob", "carl")
    assert (mended["bob"]["status"], mended["bob"]["action"]) == ("ready", "replace")
    assert mended["carl"]["changed"] is False
    assert "more vCPU capacity" in lab.warnings[0]
    assert {item["status"] for item in lab.remove("bob", "carl").values()} == {"absent"}


def test_the_module_itself(lab: Lab) -> None:
    wanted: dict[str, Any] = {
        "template_body": STACK_TEMPLATE,
        "termination_protection": True,
        "instance_logical_id": "Instance",
        "allocate_priority": {"parameter": "RulePriority", "listener_parameter": "ListenerArn"},
        "stacks": [
            {
                "name": "probcomp-stack-carol",
                "user": "carol",
                "parameters": lab._parameters("carol", "t3.medium"),
                "tags": {"owner": "Carol", "note": ""},
            }
        ],
    }
    planned = run(lab, **wanted, _ansible_check_mode=True)
    assert (planned["changed"], planned["stacks"]["carol"]["status"]) == (True, "planned")
    assert "probcomp-stack-carol" not in lab.api.all()
    made = run(lab, **wanted)
    assert (made["changed"], made["failed_users"]) == (True, [])
    assert made["stacks"]["carol"]["outputs"]["InstanceId"].startswith("i-")
    stacks = [{"name": "probcomp-stack-carol", "user": "carol"}]
    deleted = run(lab, state="absent", stacks=stacks)["stacks"]["carol"]
    assert (deleted["status"], deleted["stack_status"]) == ("absent", "DELETE_COMPLETE")


@pytest.mark.parametrize("saved", ["", "i-0123456789abcdef0"])
def test_a_stack_with_an_instance_that_was_not_saved_is_not_deleted(lab: Lab, saved: str) -> None:
    """Refuse to delete a machine after the home of another one, or none, was saved."""
    made = lab.make("dora", "emil")
    held = {user: made[user]["outputs"]["InstanceId"] for user in ("dora", "emil")}
    stacks = [{"name": f"probcomp-stack-{user}", "user": user} for user in held]
    options: dict[str, Any] = {"state": "absent", "stacks": stacks, "instance_logical_id": "Instance"}
    found = run(lab, **options, saved_instances={**held, "dora": saved})
    assert found["failed_users"] == ["dora"] and found["stacks"]["emil"]["status"] == "absent"
    reason = found["stacks"]["dora"]["reason"]
    assert f"its stack holds {held['dora']}, but" in reason and "nothing was deleted" in reason
    assert lab.api.all()["probcomp-stack-dora"]["StackStatus"] == "CREATE_COMPLETE"
    lab.cloud.ec2.terminate_instances(InstanceIds=[held["dora"]])
    # Of a machine that was terminated by hand there is nothing to save.
    assert run(lab, **options, saved_instances={"dora": saved})["failed_users"] == []


def test_nothing_can_be_done_without_an_answer(lab: Lab) -> None:
    result = run(lab, state="absent", stacks=[{"name": "a"}], access_key="x", profile="none")
    assert result["failed"] is True
    assert "\n" not in result["msg"]
