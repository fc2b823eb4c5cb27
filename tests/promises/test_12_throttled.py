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
def throttled(workshop: Workshop) -> Iterator[None]:
    """Throttle three of ten calls."""
    workshop.succeed(f"ansible-playbook create_passwords.yml -e user={USER}")
    workshop.fault(**FAULT)
    yield
    workshop.succeed("scripts/rehearsal fault clear")
    if USER in workshop.machines():
        workshop.succeed(f"ansible-playbook stack_delete.yml -e user={USER} -e backup=false -e confirm=yes")
    workshop.password_file(USER).unlink(missing_ok=True)


def test_a_machine_is_made_updated_and_deleted_all_the_same(workshop: Workshop, throttled: None) -> None:
    before = workshop.control("counts")
    workshop.succeed(f"ansible-playbook stack_create.yml -e user={USER}")
    hits = sum(fault["hits"] for fault in workshop.control("faults"))
    # The test's own requests must not be throttled.
    workshop.succeed("scripts/rehearsal fault clear")
    machine = workshop.machines()[USER]
    workshop.fault(**FAULT)
    workshop.succeed("ansible-playbook -l ws stack_update.yml -e note=throttled")
    workshop.succeed(f"ansible-playbook stack_delete.yml -e user={USER} -e confirm=yes")
    hits += sum(fault["hits"] for fault in workshop.control("faults"))
    workshop.succeed("scripts/rehearsal fault clear")

    assert hits > 10, "it was hardly throttled at all"
    after = workshop.control("counts")
    # The rehearsal itself refuses more than five requests a second to CloudFormation or Route 53.
    asked = after["reads"] + after["changes"] - before["reads"] - before["changes"]
    refused = sum(after.get("throttled", {}).values()) - sum(before.get("throttled", {}).values())
    assert refused < asked / 4, after
    assert machine["InstanceId"] not in str(workshop.machines())
    for user in ("ws-1", "ws-2", "ws-3"):
        tags = {tag["Key"]: tag["Value"] for tag in workshop.machines()[user]["Tags"]}
        assert tags["note"] == "throttled"
        assert record_of(workshop, user) == [workshop.machines()[user]["PublicIpAddress"]]
