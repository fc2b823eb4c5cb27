"""cloudformation_stack_updates against the rehearsal's CloudFormation.

The templates are the project's own.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rehearsal.api import faults
from tests.support.cloudformation_lab import Lab, Losing, run, running_lab
from tests.support.cloudformation_server import OTHER_IMAGE

from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import survey  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.api import StackApi  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.batch import run_batch  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.resize import plan_resize, price_list  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.update import (
    PREFIX,
    StackUpdater,
    UpdateJob,
)  # isort: skip

pytestmark = pytest.mark.slow

# These types have no ENA: moto's instances, unlike AWS's and the rehearsal's, do not report whether they have it.
OLD, NEW = "t2.medium", "t2.large"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def user(lab: Lab) -> Iterator[str]:
    """Make a user with a machine for the time of the test."""
    name = f"user-{next(_numbers)}"
    assert lab.make(name, instance_type=OLD)[name]["status"] == "ready"
    yield name
    faults.clear()
    lab.remove(name)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide cached prices of the day, so that no test requests them."""
    path = tmp_path_factory.mktemp("prices") / "prices.json"
    today = datetime.now(UTC).date().isoformat()
    amounts = {"instance/t2.medium": "0.0464", "instance/t2.large": "0.0928", "instance/t2.2xlarge": "0.3712"}
    prices = {name: {"amount": amount, "as_of": today} for name, amount in amounts.items()}
    path.write_text(json.dumps({"version": 1, "region": "us-east-1", "prices": prices}))
    return path


def update(
    lab: Lab, cache: Path, *users: str, tags: dict[str, str] | None = None, check: bool = False, **parameters: str
) -> dict[str, Any]:
    stacks = [
        {"name": f"probcomp-stack-{user}", "user": user, "parameters": parameters, "tags": tags or {}} for user in users
    ]
    more = {"price_cache": str(cache), "submissions_per_second": 10, "_ansible_check_mode": check}
    return run(lab, "cloudformation_stack_updates", stacks=stacks, **more)


def machine(lab: Lab, user: str) -> dict[str, Any]:
    return lab.cloud.instance(lab.cloud.physical_id(f"probcomp-stack-{user}", "Instance"))


def tags(lab: Lab, user: str) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in lab.api.all()[f"probcomp-stack-{user}"]["Tags"]}


def change_sets(lab: Lab, user: str) -> list[str]:
    found = lab.cloud.stacks.list_change_sets(StackName=f"probcomp-stack-{user}")["Summaries"]
    return [item["ChangeSetName"] for item in found if item["ExecutionStatus"] != "EXECUTE_COMPLETE"]


def test_a_resize_keeps_the_machine_and_all_else(lab: Lab, cache: Path, user: str) -> None:
    before = machine(lab, user)
    planned = update(lab, cache, user, check=True, InstanceType=NEW)
    assert (planned["changed"], planned["stacks"][user]["status"]) == (True, "planned")
    assert list(planned["diff"][0].values())[:2] == [f"InstanceType: {OLD}\n", f"InstanceType: {NEW}\n"]
    assert any("0.0464 -> 0.0928" in line for line in planned["plan_lines"]), planned["plan_lines"]
    assert "together $0.0464 per hour more while they run" in planned["plan_lines"]
    assert machine(lab, user) == before and change_sets(lab, user) == []

    done = update(lab, cache, user, InstanceType=NEW)
    assert (done["stacks"][user]["status"], done["changed_users"]) == ("ready", [user]), done
    assert done["result_lines"] == [f"{user}: updated, is {NEW}, running"]
    after = machine(lab, user)
    assert after["InstanceType"] == NEW
    assert [after[key] for key in ("InstanceId", "ImageId")] == [before[key] for key in ("InstanceId", "ImageId")]

    events = lab.cloud.events(f"probcomp-stack-{user}")
    again = update(lab, cache, user, InstanceType=NEW)
    assert (again["changed"], again["plan_lines"], again["result_lines"]) == (False, [], [])
    assert lab.cloud.events(f"probcomp-stack-{user}") == events


def test_tags_are_laid_over_those_there(lab: Lab, cache: Path, user: str) -> None:
    before = machine(lab, user)
    assert update(lab, cache, user, tags={"owner": "Alice", "note": "old"})["failed_users"] == []
    done = update(lab, cache, user, tags={"note": "", "expires": "2026-12-01"})
    assert done["changed_users"] == [user]
    assert f"{user}: note: 'old' -> ''" in done["plan_lines"]
    assert list(done["diff"][0].values()) == ["tag note: old\n", "tag expires: 2026-12-01\n", user, user]
    assert tags(lab, user) == {"owner": "Alice", "expires": "2026-12-01"}
    after = machine(lab, user)
    assert {"Key": "owner", "Value": "Alice"} in after["Tags"]
    assert after["LaunchTime"] == before["LaunchTime"], "tags stop no machine"
    assert update(lab, cache, user, tags={"expires": "2026-12-01", "purpose": ""})["changed"] is False


@pytest.mark.parametrize(
    ("wanted", "words"),
    [("t4g.medium", ["t4g.medium runs arm64", "x86_64"]), ("c5.large", ["ENA"])],
)
def test_a_type_that_does_not_fit_stops_nothing(
    lab: Lab, cache: Path, user: str, wanted: str, words: list[str]
) -> None:
    before, events = machine(lab, user), lab.cloud.events(f"probcomp-stack-{user}")
    result = update(lab, cache, user, InstanceType=wanted)
    assert (result["changed"], result["failed_users"]) == (False, [user])
    assert all(word in result["stacks"][user]["reason"] for word in words), result["stacks"][user]["reason"]
    assert machine(lab, user) == before
    assert lab.cloud.events(f"probcomp-stack-{user}") == events and change_sets(lab, user) == []


def test_an_unknown_type_is_one_problem_for_all(lab: Lab, cache: Path, user: str) -> None:
    result = update(lab, cache, user, "nobody", InstanceType="t2.larg")
    (problem,) = result["problems"]
    assert "t2.larg" in problem and "t2.large" in problem and user in problem
    assert result["failed_users"] == [user, "nobody"] and not result["changed"]
    assert "stack_create.yml -e user=nobody" in result["stacks"]["nobody"]["reason"]


def test_another_image_is_refused_and_its_change_set_deleted(lab: Lab, cache: Path, user: str) -> None:
    before = machine(lab, user)
    result = update(lab, cache, user, ImageId=OTHER_IMAGE)
    reason = result["stacks"][user]["reason"]
    assert (result["changed"], result["failed_users"]) == (False, [user])
    assert "ImageId: it would replace the machine" in reason and "stack_create.yml" in reason
    assert machine(lab, user) == before and change_sets(lab, user) == []


def test_without_capacity_the_old_type_comes_back_and_the_others_go_on(lab: Lab, cache: Path, user: str) -> None:
    other = f"{user}-other"
    lab.make(other, instance_type=OLD)
    message = "We currently do not have sufficient t2.large capacity (Service: Ec2, Status Code: 500, Request ID: 1)"
    faults.add(
        {"kind": "resource", "match": f"stack-{other}", "logical_id": "Instance", "message": message, "times": 1}
    )
    before = machine(lab, other)
    result = update(lab, cache, user, other, InstanceType=NEW)
    assert (result["failed_users"], result["changed_users"]) == ([other], [user, other])
    reason = result["stacks"][other]["reason"]
    assert reason == (
        "the update failed and was taken back (Instance: We currently do not have sufficient t2.large capacity)"
    )
    assert f"{other}: not updated, is {OLD}, running" in result["result_lines"]
    assert [diff["after_header"] for diff in result["diff"]] == [user]
    after = machine(lab, other)
    assert [after[key] for key in ("InstanceId", "ImageId", "InstanceType")] == [
        before[key] for key in ("InstanceId", "ImageId", "InstanceType")
    ]
    assert machine(lab, user)["InstanceType"] == NEW
    faults.clear()
    assert update(lab, cache, other, InstanceType=NEW)["failed_users"] == []
    lab.remove(other)


def test_goes_on_after_an_interruption(lab: Lab, cache: Path, user: str) -> None:
    name = f"probcomp-stack-{user}"
    for left in (f"{PREFIX}left", "somebody-elses"):
        lab.cloud.stacks.create_change_set(
            StackName=name, ChangeSetName=left, UsePreviousTemplate=True, Tags=[{"Key": "note", "Value": left}],
            Parameters=[
                {"ParameterKey": item["ParameterKey"], "UsePreviousValue": True}
                for item in lab.cloud.describe(name)["Parameters"]
            ],
        )  # fmt: skip
    refused = update(lab, cache, user, ImageId=OTHER_IMAGE)
    assert refused["failed_users"] == [user]
    assert change_sets(lab, user) == ["somebody-elses"]
    assert update(lab, cache, user, InstanceType=NEW)["failed_users"] == []


def test_a_machine_that_was_stopped_is_left_alone_unless_an_update_is_why(lab: Lab, cache: Path, user: str) -> None:
    lab.cloud.ec2.stop_instances(InstanceIds=[machine(lab, user)["InstanceId"]])
    for check in (True, False):
        result = update(lab, cache, user, tags={"note": "x"}, check=check, InstanceType=NEW)
        assert (result["failed_users"], result["changed_users"]) == ([], [])
        assert result["plan_lines"] == [] and result["result_lines"] == []
        assert (result["stacks"][user]["status"], result["stacks"][user]["state"]) == ("resting", "stopped")
    assert machine(lab, user)["InstanceType"] == OLD and "note" not in tags(lab, user)
    clients = {"cloudformation": lab.cloud.stacks, "ec2": lab.cloud.ec2, "service-quotas": Quota(1000)}
    cloud = AwsClients(lambda service, _: clients[service], "us-east-1")
    seen = survey(cloud)
    seen.stacks[f"probcomp-stack-{user}"]["StackStatus"] = "UPDATE_IN_PROGRESS"
    job = UpdateJob(f"probcomp-stack-{user}", user, {"InstanceType": NEW})
    found = plan_resize(cloud, seen, [job], "InstanceType", "Instance", price_list(cloud, str(cache)))
    assert found.resting == [] and job.may_resize


def test_a_type_changed_by_hand_is_not_called_a_success(lab: Lab, cache: Path, user: str) -> None:
    instance = machine(lab, user)["InstanceId"]
    lab.cloud.ec2.stop_instances(InstanceIds=[instance])
    lab.cloud.ec2.modify_instance_attribute(InstanceId=instance, InstanceType={"Value": "t2.small"})
    lab.cloud.ec2.start_instances(InstanceIds=[instance])
    result = update(lab, cache, user, InstanceType=OLD)
    assert result["failed_users"] == [user]
    assert f"its stack says {OLD}, and it is a t2.small" in result["stacks"][user]["reason"]


def test_a_terminated_machine_is_not_updated(lab: Lab, cache: Path, user: str) -> None:
    lab.cloud.ec2.terminate_instances(InstanceIds=[machine(lab, user)["InstanceId"]])
    result = update(lab, cache, user, InstanceType=NEW)
    assert "terminated: stack_create.yml" in result["stacks"][user]["reason"]


def test_a_parameter_that_no_stack_of_ours_has(lab: Lab, cache: Path, user: str) -> None:
    for check in (True, False):
        result = update(lab, cache, user, check=check, Colour="blue")
        assert "no parameter Colour" in result["stacks"][user]["reason"], result


# These tests run in this process, with a client in between that loses answers.


def work(lab: Lab, client: Any, job: UpdateJob) -> dict[str, Any]:
    api = StackApi(client, lab.clock, submissions_per_second=10)
    run_batch([job], StackUpdater(api, lab.clock), api, api.all(), lab.clock, timeout=30)
    return job.result


def test_lost_answers_change_nothing(lab: Lab, user: str) -> None:
    client = Losing(lab.cloud.stacks, "create_change_set", "execute_change_set")
    job = UpdateJob(f"probcomp-stack-{user}", user, {"InstanceType": NEW}, may_resize=True)
    assert work(lab, client, job)["status"] == "ready"
    assert client.operations == set()
    assert machine(lab, user)["InstanceType"] == NEW


def test_a_policy_that_takes_a_resize_for_a_replacement_is_lifted_for_it_alone(lab: Lab, user: str) -> None:
    name = f"probcomp-stack-{user}"
    allow = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
    deny = {**allow, "Effect": "Deny", "Resource": "LogicalResourceId/Instance"}
    policy = json.dumps({"Statement": [allow, deny]})
    lab.cloud.stacks.set_stack_policy(StackName=name, StackPolicyBody=policy)
    tag_only = UpdateJob(name, user, tags={"note": "new"})
    assert "denied by stack policy" in work(lab, lab.cloud.stacks, tag_only)["reason"]
    resize = UpdateJob(name, user, {"InstanceType": NEW}, may_resize=True)
    assert work(lab, lab.cloud.stacks, resize)["status"] == "ready"
    assert machine(lab, user)["InstanceType"] == NEW
    assert lab.cloud.stacks.get_stack_policy(StackName=name)["StackPolicyBody"] == policy


def test_a_resize_that_nobody_checked_is_refused(lab: Lab, user: str) -> None:
    result = work(lab, lab.cloud.stacks, UpdateJob(f"probcomp-stack-{user}", user, {"InstanceType": NEW}))
    assert result["status"] == "failed" and "InstanceType: it could replace the machine" in result["reason"]


class Quota:
    """A fake of service-quotas with one limit for all."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def get_service_quota(self, **_: str) -> dict[str, Any]:
        return {"Quota": {"Value": self.limit}}


@pytest.mark.parametrize(("more", "is_enough"), [(6, True), (5, False)])
def test_a_resize_counts_what_it_gives_back(lab: Lab, cache: Path, user: str, more: int, is_enough: bool) -> None:
    clients = {"cloudformation": lab.cloud.stacks, "ec2": lab.cloud.ec2}
    cloud = AwsClients(lambda service, _: clients[service], "us-east-1")
    seen = survey(cloud)
    used = sum(item["State"]["Name"] == "running" for item in seen.instances) * 2
    clients["service-quotas"] = Quota(used + more)
    job = UpdateJob(f"probcomp-stack-{user}", user, {"InstanceType": "t2.2xlarge"})  # 8 vCPUs for 2
    found = plan_resize(cloud, seen, [job], "InstanceType", "Instance", price_list(cloud, str(cache)))
    assert job.may_resize
    assert (not found.problems) == is_enough, found.problems
    assert is_enough or "L-1216C47A" in found.problems[0]
