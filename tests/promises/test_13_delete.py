"""Test promise 13: delete leaves nothing that costs money.

It deletes no machine whose home it could not save first.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.hostile import broken
from tests.support.living import calls_since, mark, wait_until
from tests.support.workshop import Workshop

USER = "gone"
LIVING = "ws-3"


@pytest.fixture(scope="module", autouse=True)
def still_ready(workshop: Workshop) -> Iterator[None]:
    """Check after the tests that the machine that was not deleted works."""
    yield
    workshop.succeed(f"ansible-playbook -l {LIVING} fleet_check.yml")


@pytest.fixture
def never_configured(workshop: Workshop) -> Iterator[None]:
    """Make a machine whose keys never showed, so that nobody ever logged in to it."""
    workshop.succeed(f"ansible-playbook create_passwords.yml -e user={USER}")
    workshop.fault(kind="machine", effect="no-console", match=f"{USER}/")
    made = workshop.play(f"stack_create.yml -e user={USER} -e host_identity_console_timeout=5")
    workshop.clear_faults()
    assert made.status != 0 and USER in workshop.machines(), made.text
    # This is promise 20 too: the wait for the keys ends, and the line names what it waited for.
    line = re.search(rf"^FAILED {USER}: .*console.*$", made.text, re.MULTILINE)
    assert line and "5 s" in line.group(), made.text
    yield
    workshop.password_file(USER).unlink(missing_ok=True)


def everything(workshop: Workshop) -> dict[str, list[str]]:
    """Return the ids of all in the account that may belong to a machine and cost.

    Strangers' things are left out.
    """
    theirs = {identity for things in workshop.strangers().values() for identity in things}
    ec2, elbv2, route53 = workshop.ec2, workshop.client("elbv2"), workshop.client("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    balancers = elbv2.describe_load_balancers()["LoadBalancers"]
    records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    listeners = [
        listener["ListenerArn"]
        for balancer in balancers
        if balancer["LoadBalancerArn"] not in theirs
        for listener in elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    ]
    found = {
        "machines": sorted(machine["InstanceId"] for machine in workshop.machines().values()),
        "volumes": sorted(volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]),
        "addresses": sorted(address["PublicIp"] for address in ec2.describe_addresses()["Addresses"]),
        "snapshots": sorted(one["SnapshotId"] for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]),
        "security groups": sorted(one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]),
        "target groups": sorted(one["TargetGroupArn"] for one in elbv2.describe_target_groups()["TargetGroups"]),
        "rules": sorted(
            rule["RuleArn"] for arn in listeners for rule in elbv2.describe_rules(ListenerArn=arn)["Rules"]
        ),
        "records": sorted(f"{one['Name']} {one['Type']}" for one in records),
        "stacks": sorted(stack["StackId"] for stack in workshop.client("cloudformation").describe_stacks()["Stacks"]),
    }
    return {kind: [identity for identity in ids if identity not in theirs] for kind, ids in found.items()}


def test_nothing_is_left_of_one_that_was_never_configured(workshop: Workshop, never_configured: None) -> None:
    made = everything(workshop)
    # A machine has its names before anything is installed: whoever asks for one early makes resolvers keep the no.
    names = [f"{name}.stack.localhost. A" for name in (USER, f"ssh.{USER}")]
    assert [record for record in made["records"] if USER in record] == names, made["records"]
    text = workshop.succeed(f"ansible-playbook stack_delete.yml -e user={USER} -e confirm=yes")
    assert "nothing is left" in text.lower(), text
    assert not (workshop.state / "backups" / USER).exists(), "an empty folder looks like a saved home"
    assert not (workshop.state / "known_hosts" / USER).exists()
    left = everything(workshop)
    others = 3
    assert len(left["machines"]) == len(left["volumes"]) == len(left["target groups"]) == others, left
    assert not left["addresses"] and not left["snapshots"]
    gone = {kind: set(made[kind]) - set(left[kind]) for kind in made}
    assert all(len(gone[kind]) == 1 for kind in ("machines", "volumes", "target groups", "rules", "stacks")), gone
    assert not [name for kind in left for name in left[kind] if USER in name]


def test_without_a_word_of_consent_nothing_goes(workshop: Workshop) -> None:
    since = mark(workshop)
    text = workshop.succeed(f"ansible-playbook stack_delete.yml -e user={LIVING}")
    assert "confirm=yes" in text and re.search(r"\$\d+\.\d+ per day", text), text
    assert calls_since(workshop, since) == [] and LIVING in workshop.machines()


def unreachable(workshop: Workshop) -> AbstractContextManager[None]:
    """Make the running machine unreachable by ssh within the block."""
    return broken(workshop, LIVING, "systemctl stop ssh", "systemctl start ssh")


@contextmanager
def stopped(workshop: Workshop) -> Iterator[None]:
    """Stop the machine within the block."""
    workshop.ec2.stop_instances(InstanceIds=[workshop.machines()[LIVING]["InstanceId"]])
    wait_until(workshop, LIVING, "stopped")
    try:
        yield
    finally:
        workshop.succeed(f"ansible-playbook -l {LIVING} stack_start.yml")


@contextmanager
def full(workshop: Workshop) -> Iterator[None]:
    """Leave no room here for the saved home: make its folder a file."""
    place = workshop.state / "backups" / LIVING
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    place.write_text("in the way")
    try:
        yield
    finally:
        place.unlink()


@pytest.mark.parametrize("trouble", [unreachable, stopped, full])
def test_a_home_that_cannot_be_saved_is_not_deleted(workshop: Workshop, trouble: object) -> None:
    with trouble(workshop):  # type: ignore[operator]
        since = mark(workshop)
        refused = workshop.play(f"stack_delete.yml -e user={LIVING} -e confirm=yes")
        assert refused.status != 0, refused.text
        assert re.search(rf"^FAILED {LIVING}: ", refused.text, re.MULTILINE), refused.text
        assert "Traceback" not in refused.text
        assert calls_since(workshop, since) == []
        assert LIVING in workshop.machines()
