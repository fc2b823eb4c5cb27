"""Test promise 12: with 30 % of API calls throttled all results are right.

Commands stay within the API's rates.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.living import record_of
from tests.support.workshop import Workshop

USER = "slow"
FAULT = {"code": "Throttling", "message": "Rate exceeded", "rate": 0.3, "seed": 12}


@pytest.fixture
def throttled(workshop: Workshop) -> Iterator[dict[str, int]]:
    """Throttle three of ten calls, and check that our own pace had little part in it.

    Yields the rehearsal's counts from before.
    """
    before = workshop.control("counts")
    workshop.fault(**FAULT)
    yield before
    workshop.clear_faults()
    after = workshop.control("counts")
    # The rehearsal itself refuses more than five requests a second to CloudFormation or Route 53.
    asked = after["reads"] + after["changes"] - before["reads"] - before["changes"]
    refused = sum(after.get("throttled", {}).values()) - sum(before.get("throttled", {}).values())
    assert refused < asked / 4, after


def hits(workshop: Workshop) -> int:
    """Return how many calls were throttled, and end the throttling.

    The test's own calls must not be throttled.
    """
    found = sum(fault["hits"] for fault in workshop.control("faults"))
    workshop.clear_faults()
    return int(found)


@pytest.fixture
def passphrase(workshop: Workshop) -> Iterator[None]:
    """Make the user's pass phrase, and remove what is left of the user at the end."""
    workshop.succeed(f"ansible-playbook create_passwords.yml -e user={USER}")
    yield
    workshop.clear_faults()
    if USER in workshop.machines():
        workshop.succeed(f"ansible-playbook stack_delete.yml -e user={USER} -e backup=false -e confirm=yes")
    workshop.password_file(USER).unlink(missing_ok=True)


def test_machines_are_updated_all_the_same(workshop: Workshop, throttled: dict[str, int]) -> None:
    workshop.succeed("ansible-playbook -l ws stack_update.yml -e note=throttled")
    assert hits(workshop) > 5, "it was hardly throttled at all"
    for user in ("ws-1", "ws-2", "ws-3"):
        tags = {tag["Key"]: tag["Value"] for tag in workshop.machines()[user]["Tags"]}
        assert tags["note"] == "throttled"
        assert record_of(workshop, user) == [workshop.machines()[user]["PublicIpAddress"]]


@pytest.mark.long
def test_a_machine_is_made_and_deleted_all_the_same(
    workshop: Workshop, passphrase: None, throttled: dict[str, int]
) -> None:
    workshop.succeed(f"ansible-playbook stack_create.yml -e user={USER}")
    found = hits(workshop)
    machine = workshop.machines()[USER]
    workshop.fault(**FAULT)
    workshop.succeed(f"ansible-playbook stack_delete.yml -e user={USER} -e confirm=yes")
    assert found + hits(workshop) > 10, "it was hardly throttled at all"
    assert machine["InstanceId"] not in str(workshop.machines())
