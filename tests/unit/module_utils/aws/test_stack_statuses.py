"""The same repair of each stack status in create, preflight, update, stack_list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import Survey, survey
from ansible_collections.probcomp.stack.plugins.module_utils.aws.stack_statuses import repair
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.create import StackCreator
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.job import Job
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.update import refusal
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.machines import machines
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.stack_table import attentions
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.existing import check_machines, check_network
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.findings import Findings
from moto.core.utils import get_service_model

from tests.support.cloudformation_fakes import Lab
from tests.support.preflight_world import REGION, World, machine, world

CONTINUE = "aws cloudformation continue-update-rollback --region {region} --stack-name probcomp-stack-{user}"
ROLL_BACK = "aws cloudformation rollback-stack --region {region} --stack-name probcomp-stack-{user}"
DELETE = "ansible-playbook stack_delete.yml -e user={user} -e confirm=yes"
CREATE = "ansible-playbook stack_create.yml -e user={user}"
LOOK = "look at its events in the AWS console"
BUSY = "the stack is busy; create waits for it"
UNDONE = "the last update failed and was undone"
# Status: what create does, what preflight says of it, stack_list's short name of it, and what repairs it.
TABLE = {
    "CREATE_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "CREATE_FAILED": ("refuse", "its creation failed and left ", "creation failed", DELETE),
    "CREATE_COMPLETE": ("ready", "", "", ""),
    "ROLLBACK_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "ROLLBACK_FAILED": ("refuse", "its creation failed and left ", "creation failed", DELETE),
    "ROLLBACK_COMPLETE": ("replace", "", "creation failed", CREATE),
    "DELETE_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "DELETE_FAILED": ("refuse", "its deletion failed and left ", "deletion failed", DELETE),
    "UPDATE_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "UPDATE_COMPLETE": ("ready", "", "", ""),
    "UPDATE_FAILED": ("refuse", "its last update failed and was not undone", "update failed", ROLL_BACK),
    "UPDATE_ROLLBACK_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "UPDATE_ROLLBACK_FAILED": ("refuse", "its last update failed and could not be undone", "update failed", CONTINUE),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "UPDATE_ROLLBACK_COMPLETE": ("ready", UNDONE, "update undone", ""),
    "REVIEW_IN_PROGRESS": ("replace", "", "creation failed", CREATE),
    "IMPORT_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "IMPORT_COMPLETE": ("ready", "", "", ""),
    "IMPORT_ROLLBACK_IN_PROGRESS": ("wait", BUSY, "busy", ""),
    "IMPORT_ROLLBACK_FAILED": ("refuse", "it needs a person", "needs a person", LOOK),
    "IMPORT_ROLLBACK_COMPLETE": ("ready", "", "", ""),
}
USERS = {status: f"u-{number}" for number, status in enumerate(TABLE)}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Provide an account with a machine for each status, and as many networks."""
    with world(tmp_path_factory.mktemp("statuses")) as made:
        for status, user in USERS.items():
            made.make_machine(user, status)
            made.make_stack(f"probcomp-network-{user}", status)
        yield made


@pytest.fixture(scope="module")
def clients(account: World) -> AwsClients:
    return AwsClients(account.client, REGION)


@pytest.fixture(scope="module")
def seen(clients: AwsClients) -> Survey:
    return survey(clients)


def test_the_table_has_every_status() -> None:
    # A stack that is gone is never listed.
    assert {*TABLE, "DELETE_COMPLETE"} == set(get_service_model("cloudformation").shape_for("StackStatus").enum)


@pytest.mark.parametrize("status", TABLE)
def test_create_and_update(status: str) -> None:
    decision, _, _, fix = TABLE[status]
    lab, user = Lab(), USERS[status]
    job, stack = Job(f"probcomp-stack-{user}", user), lab.client.add(f"probcomp-stack-{user}", status)
    creator = StackCreator(lab.api, lab.wanted, lab.clock)
    assert creator.decide(job, stack) == decision
    if decision == "refuse":
        assert fix.format(user=user, region="eu-west-1") in creator.refusal(job, stack)
        has_remains = "delete it first" in creator.refusal(job, stack) and "left over" in creator.refusal(job, stack)
        assert has_remains is (fix == DELETE), "a machine in use is not to be deleted"
    update = refusal(job, stack, "eu-west-1")
    assert (update == "") is (decision == "ready")
    assert update.endswith(fix.format(user=user, region="eu-west-1")) or f"stack_create.yml -e user={user}" in update


@pytest.mark.parametrize("status", TABLE)
def test_preflight(clients: AwsClients, seen: Survey, status: str) -> None:
    decision, text, _, fix = TABLE[status]
    user, findings = USERS[status], Findings()
    check_machines(findings, clients, seen, [machine(user)])
    fixes = [problem.fix for problem in findings.problems]
    assert bool(fixes) is (decision == "refuse")
    assert all(one.endswith(fix.format(user=user, region=REGION)) for one in fixes)
    said = [*findings.notes, *(problem.what for problem in findings.problems)]
    assert text in " ".join(said) if text else not said


@pytest.mark.parametrize("status", TABLE)
def test_preflight_of_a_network(clients: AwsClients, seen: Survey, status: str) -> None:
    decision, _, _, fix = TABLE[status]
    name, findings = USERS[status], Findings()
    check_network(findings, clients, seen, name)
    fix = fix.replace("stack_delete.yml -e user", "network_delete.yml -e network").replace(
        "probcomp-stack", "probcomp-network"
    )
    assert bool(findings.problems) is (decision == "refuse")
    assert all(problem.fix.endswith(fix.format(user=name, region=REGION)) for problem in findings.problems)


def test_stack_list(clients: AwsClients, seen: Survey) -> None:
    defaults = {"network": "shared", "instance": "t3.medium"}
    found = attentions(machines(clients, seen, "stack.example.org", 443), defaults, REGION, date(2026, 5, 12))
    shown = {item.user: (item.short, item.command or item.text) for item in found}
    for status, (_, _, short, fix) in TABLE.items():
        name, command = shown.get(USERS[status], ("", ""))
        assert name == short, status
        assert command.endswith(fix.format(user=USERS[status], region=REGION)), status


def test_the_machine_that_images_are_made_of() -> None:
    assert repair("CREATE_FAILED", "probcomp-stack-ami-bake", REGION) == "ansible-playbook ami_bake.yml -e cancel=yes"
