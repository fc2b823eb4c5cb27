"""Test promise 1: only delete destroys a user's data.

No update, of ours or by hand, replaces a machine.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.cloudformation import schema
from rehearsal.cloudformation.resources import RESOURCE_TYPES
from tests.support.cloudformation_fakes import FakeTime
from tests.support.cloudformation_machine import ALTERED, MACHINE, machine, make_place
from tests.support.cloudformation_server import Cloud, running_cloud
from tests.support.workshop import Workshop

from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.api import StackApi  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.batch import run_batch  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.update import StackUpdater, UpdateJob  # isort: skip

REPLACING = {name: schema.recreation(MACHINE, name) for name in ALTERED if schema.recreation(MACHINE, name) != "Never"}
OTHER_IMAGE = "ami-0a000000000000121"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


@pytest.fixture(scope="module")
def place(cloud: Cloud) -> dict[str, str]:
    return make_place(cloud)


def variable(place: dict[str, str], name: str) -> tuple[str, str]:
    """Return a template with a parameter for a property, and a changed value.

    The property `name` takes the value of the parameter `Value`.
    """
    before = json.loads(machine(place))["Resources"]["Instance"]["Properties"].get(name)
    altered = ALTERED[name]
    after = place.get(altered, altered) if isinstance(altered, str) else altered
    template = json.loads(machine(place))
    properties = template["Resources"]["Instance"]["Properties"]
    match name:
        case "SecurityGroupIds":
            properties[name], before, after = [{"Ref": "Value"}], before[0], place[altered[0]]
        case "BlockDeviceMappings":
            properties[name][0]["Ebs"]["VolumeSize"], before, after = {"Ref": "Value"}, 8, 9
        case _:
            # A property that is absent so far comes in by a condition, as in a template that leaves it out at first.
            properties[name] = {"Fn::If": ["IsGiven", {"Ref": "Value"}, {"Ref": "AWS::NoValue"}]}
            template["Conditions"] = {"IsGiven": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Value"}, ""]}]}}
    template["Parameters"] = {"Value": {"Type": "String", "Default": str(before if before is not None else "")}}
    return json.dumps(template), str(after)


def test_every_property_that_may_cost_the_machine_is_tried() -> None:
    known = {path for path in RESOURCE_TYPES[MACHINE].properties if "." not in path}
    assert {name for name in known if schema.recreation(MACHINE, name) != "Never"} <= REPLACING.keys()
    assert {"Always", "Conditionally"} == set(REPLACING.values())


@pytest.mark.parametrize("name", REPLACING)
def test_no_property_replaces_a_machine(cloud: Cloud, place: dict[str, str], name: str) -> None:
    stack, (template, value) = f"tried-{name}", variable(place, name)
    assert cloud.create(stack, template)["StackStatus"] == "CREATE_COMPLETE", cloud.events(stack)
    before = cloud.instance(cloud.physical_id(stack, "Instance"))
    clock = FakeTime().clock()
    api = StackApi(cloud.stacks, clock)
    job = UpdateJob(stack, "alice", {"Value": value})
    run_batch([job], StackUpdater(api, clock), api, api.all(), clock, timeout=30)
    reason = job.result["reason"]
    assert job.result["status"] == "failed" and not job.result["changed"], name
    assert name in reason and "the machine" in reason and "stack_create.yml" in reason, reason
    assert cloud.instance(before["InstanceId"]) == before
    assert cloud.stacks.list_change_sets(StackName=stack)["Summaries"] == []


# These tests work on a machine with a file in its user's home.


@pytest.fixture
def file_of_ws_1(workshop: Workshop) -> Iterator[None]:
    """Make a file that must exist, on the same machine, after the test."""
    path = "/home/jupyter/notebook/promise-1.txt"
    before = workshop.machines()["ws-1"]
    workshop.on_machine("ws-1", f"runuser -u jupyter -- sh -c 'echo precious > {path}'")
    yield
    after = workshop.machines()["ws-1"]
    assert [after[key] for key in ("InstanceId", "ImageId", "LaunchTime")] == [
        before[key] for key in ("InstanceId", "ImageId", "LaunchTime")
    ]
    assert "precious" in workshop.on_machine("ws-1", f"cat {path} && rm {path}")


def updated(workshop: Workshop, parameters: dict[str, str]) -> dict[str, Any]:
    """Return our module's answer to a change of parameters of the stack of ws-1."""
    stacks = {"stacks": [{"name": "probcomp-stack-ws-1", "user": "ws-1", "parameters": parameters}]}
    command = f"ansible -o localhost -m cloudformation_stack_updates -a {shlex.quote(json.dumps(stacks))}"
    text = workshop.succeed(
        f"ANSIBLE_STDOUT_CALLBACK=ansible.builtin.oneline ANSIBLE_LOAD_CALLBACK_PLUGINS=1 {command}"
    )
    answer: dict[str, Any] = json.loads(text[text.index("{") :])
    return answer


def test_no_parameter_of_a_machine_that_lives_costs_its_home(workshop: Workshop, file_of_ws_1: None) -> None:
    subnets = workshop.ec2.describe_subnets()["Subnets"]
    own = workshop.machines()["ws-1"]["SubnetId"]
    other = next(item["SubnetId"] for item in subnets if item["SubnetId"] != own)
    for parameters in (
        {"ImageId": OTHER_IMAGE}, {"VolumeSize": "40"}, {"SubnetId": other}, {"RootDeviceName": "/dev/xvda"},
    ):  # fmt: skip
        answer = updated(workshop, parameters)
        assert answer["failed_users"] == ["ws-1"] and not answer["changed"], answer
        assert "the machine" in answer["stacks"]["ws-1"]["reason"], answer


def test_the_stack_itself_refuses_an_update_by_hand(workshop: Workshop, file_of_ws_1: None) -> None:
    stack = workshop.client("cloudformation").describe_stacks(StackName="probcomp-stack-ws-1")["Stacks"][0]
    parameters = " ".join(
        f"ParameterKey={item['ParameterKey']},"
        + (f"ParameterValue={OTHER_IMAGE}" if item["ParameterKey"] == "ImageId" else "UsePreviousValue=true")
        for item in stack["Parameters"]
    )
    name = "--stack-name probcomp-stack-ws-1"
    workshop.succeed(f"aws cloudformation update-stack {name} --use-previous-template --parameters {parameters}")
    workshop.shell(f"aws cloudformation wait stack-update-complete {name}")
    ended = workshop.aws(f"cloudformation describe-stacks {name}")["Stacks"][0]
    assert ended["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    workshop.succeed("ansible-playbook -l ws-1 fleet_check.yml")


def test_commands_refuse_what_is_for_life(workshop: Workshop, file_of_ws_1: None) -> None:
    for setting in (f"ami={OTHER_IMAGE}", "volume_size=40", "network=other"):
        refused = workshop.play(f"-l ws-1 stack_update.yml -e {setting}")
        assert refused.status != 0
        assert f"{setting.split('=')[0]}= is for a machine's life" in refused.text, refused.text
