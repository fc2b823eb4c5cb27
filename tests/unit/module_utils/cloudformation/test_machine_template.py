"""The machine template in updates: CPU credits, missing key pair, missing image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rehearsal.services.ec2 import credits
from tests.support.cloudformation_lab import Lab, run, running_lab
from tests.support.cloudformation_server import STACK_TEMPLATE

pytestmark = pytest.mark.slow
# These types have no ENA: moto's instances, unlike AWS's and the rehearsal's, do not report whether they have it.
BURSTABLE, FIXED = "t2.medium", "m4.large"
BEFORE = (
    STACK_TEMPLATE.replace("ImageId: {Type: String}", 'ImageId: {Type: "AWS::EC2::Image::Id"}')
    .replace("KeyName: {Type: String}", 'KeyName: {Type: "AWS::EC2::KeyPair::KeyName"}')
    .replace("  CpuCredits:\n", "  Unused:\n")
    .replace('!Ref CpuCredits, ""', '!Ref Unused, ""')
    .replace("!Ref CpuCredits", "!Ref Unused")
)
"""The template as version 1 had it, as far as it matters here."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    credits.install()
    with running_lab() as lab:
        yield lab


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    path = tmp_path / "prices.json"
    today = datetime.now(UTC).date().isoformat()
    prices = {f"instance/{name}": {"amount": "0.05", "as_of": today} for name in (BURSTABLE, FIXED)}
    path.write_text(json.dumps({"version": 1, "region": "us-east-1", "prices": prices}))
    return path


def update(lab: Lab, cache: Path, user: str, **parameters: str) -> dict[str, Any]:
    stacks = [{"name": f"probcomp-stack-{user}", "user": user, "parameters": parameters, "tags": {}}]
    more = {"price_cache": str(cache), "submissions_per_second": 10, "_ansible_check_mode": False}
    return run(lab, "cloudformation_stack_updates", stacks=stacks, **more)


def machine(lab: Lab, user: str) -> tuple[str, str, str]:
    """Return the id, type and credits of a user's machine."""
    instance = lab.cloud.instance(lab.cloud.physical_id(f"probcomp-stack-{user}", "Instance"))
    unlimited = lab.cloud.ec2.describe_instance_credit_specifications()["InstanceCreditSpecifications"]
    ids = {item["InstanceId"] for item in unlimited}
    kind = instance["InstanceType"]
    known = kind.startswith("t") and ("unlimited" if instance["InstanceId"] in ids else "standard")
    return instance["InstanceId"], kind, known or ""


def test_credits_change_in_place_and_other_types_never_see_them(lab: Lab, cache: Path) -> None:
    made = lab.make("alice", instance_type=BURSTABLE)["alice"]
    assert made["status"] == "ready", made["reason"]
    first, *rest = machine(lab, "alice")
    assert rest == [BURSTABLE, "standard"], "T2's own"
    course = [
        ({"CpuCredits": "unlimited"}, [BURSTABLE, "unlimited"]),
        ({"InstanceType": FIXED, "CpuCredits": "standard"}, [FIXED, ""]),
        ({"InstanceType": BURSTABLE}, [BURSTABLE, "standard"]),
    ]
    for parameters, wanted in course:
        result = update(lab, cache, "alice", **parameters)
        assert result["failed_users"] == [], result["stacks"]
        assert list(machine(lab, "alice")) == [first, *wanted], parameters
    lab.remove("alice")


def test_a_machine_whose_key_pair_is_gone_is_updated(lab: Lab, cache: Path) -> None:
    lab.cloud.ec2.create_key_pair(KeyName="former")
    parameters = lab._parameters
    lab._parameters = lambda user, kind: {**parameters(user, kind), "KeyName": "former"}  # type: ignore[method-assign,assignment]
    assert lab.make("bob", instance_type=BURSTABLE)["bob"]["status"] == "ready"
    lab.cloud.ec2.delete_key_pair(KeyName="former")
    result = update(lab, cache, "bob", InstanceType=FIXED)
    assert result["failed_users"] == [], result["stacks"]
    lab.remove("bob")
    lab._parameters = parameters  # type: ignore[method-assign]


def test_a_machine_made_before_says_what_it_cannot_be_given(lab: Lab, cache: Path) -> None:
    lab.cloud.ec2.create_key_pair(KeyName="leaver")
    given = {**lab._parameters("carol", BURSTABLE), "KeyName": "leaver", "RulePriority": "77"}
    lab.cloud.stacks.create_stack(
        StackName="probcomp-stack-carol",
        TemplateBody=BEFORE,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    assert lab.make("carol")["carol"]["status"] == "ready"
    result = update(lab, cache, "carol", CpuCredits="standard")
    assert result["stacks"]["carol"]["reason"].startswith("its stack was made before there was cpu_credits"), result
    assert update(lab, cache, "carol", InstanceType=FIXED)["failed_users"] == []
    lab.cloud.ec2.delete_key_pair(KeyName="leaver")
    reason = update(lab, cache, "carol", InstanceType=BURSTABLE)["stacks"]["carol"]["reason"]
    assert "leaver" in reason and "KeyName" in reason and "import a key pair of that name" in reason, reason
    lab.remove("carol")
