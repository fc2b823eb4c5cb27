"""Test promise 16: a resize completes or returns to the old type.

The AMI never changes by accident.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.cloudformation_fakes import FakeTime
from tests.support.cloudformation_machine import make_place
from tests.support.cloudformation_server import IMAGE, OTHER_IMAGE, running_cloud
from tests.support.interrupted import begun, end_workers, kill_alone, wait_while_it_runs
from tests.support.living import calls_since, keeps_everything, mark
from tests.support.workshop import Workshop

from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.api import StackApi  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.batch import run_batch  # isort: skip
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.update import StackUpdater, UpdateJob  # isort: skip

USER = "ws-2"
UPDATE = f"-l {USER} stack_update.yml -e instance="
# This template asks for the latest image: CloudFormation looks it up again at every update.
LATEST = """
Parameters:
  Image: {Type: AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>, Default: /images/latest}
  InstanceType: {Type: String, Default: t3.micro}
Resources:
  Instance: {Type: AWS::EC2::Instance, Properties: {ImageId: !Ref Image, InstanceType: !Ref InstanceType, SubnetId: X}}
"""


def test_an_image_that_would_change_by_accident_does_not() -> None:
    with running_cloud() as cloud:
        cloud.parameters.put_parameter(Name="/images/latest", Value=IMAGE, Type="String")
        template = LATEST.replace("X}", make_place(cloud)["subnet"] + "}")
        assert cloud.create("latest", template)["StackStatus"] == "CREATE_COMPLETE", cloud.events("latest")
        cloud.parameters.put_parameter(Name="/images/latest", Value=OTHER_IMAGE, Type="String", Overwrite=True)
        before = cloud.instance(cloud.physical_id("latest", "Instance"))
        clock = FakeTime().clock()
        api = StackApi(cloud.stacks, clock)
        job = UpdateJob("latest", "alice", {"InstanceType": "t3.small"}, may_resize=True)
        run_batch([job], StackUpdater(api, clock), api, api.all(), clock, timeout=30)
        assert "ImageId" in job.result["reason"] and "it would replace the machine" in job.result["reason"]
        assert cloud.instance(before["InstanceId"]) == before


def test_without_capacity_the_machine_is_as_it_was(workshop: Workshop) -> None:
    message = "We currently do not have sufficient t3.large capacity in the Availability Zone you requested."
    fault = f"--kind resource --match stack-{USER} --logical-id Instance --times 1 --message '{message}'"
    with keeps_everything(workshop, USER) as before:
        workshop.succeed(f"scripts/rehearsal fault add {fault}")
        result = workshop.play(f"{UPDATE}t3.large")
        assert result.status != 0
        reason = (
            rf"^FAILED {USER}: the update failed and was taken back \(Instance: We currently do not have sufficient"
        )
        assert re.search(reason, result.text, re.MULTILINE), result.text
        assert f"{USER}: not updated, is {before['InstanceType']}, running" in result.text
        workshop.succeed(f"ansible-playbook -l {USER} fleet_check.yml")


def test_a_killed_resize_is_finished_by_the_same_command(workshop: Workshop, tmp_path: Path) -> None:
    old = workshop.machines()[USER]["InstanceType"]
    with keeps_everything(workshop, USER, same_type=False):
        since = mark(workshop)
        run = begun(workshop, f"{UPDATE}t3.large", tmp_path / "output")
        wait_while_it_runs(
            run,
            lambda: any(call["call"].endswith(":ExecuteChangeSet") for call in calls_since(workshop, since)),
            "the resize began",
            300,
        )
        workers = kill_alone(run)
        try:
            workshop.succeed(f"ansible-playbook {UPDATE}t3.large")
        finally:
            end_workers(workers)
        assert workshop.machines()[USER]["InstanceType"] == "t3.large"
    workshop.succeed(f"ansible-playbook {UPDATE}{old}")
    assert workshop.machines()[USER]["InstanceType"] == old


def test_a_machine_that_somebody_stopped_is_left_alone(workshop: Workshop) -> None:
    before = workshop.machines()[USER]
    workshop.succeed(f"ansible-playbook -l {USER} stack_stop.yml")
    try:
        since = mark(workshop)
        text = workshop.succeed(f"ansible-playbook {UPDATE}t3.large")
        assert f"{USER}: stopped, not updated" in text
        assert f"ansible-playbook -l {USER} stack_start.yml starts it" in text
        assert calls_since(workshop, since) == []
    finally:
        workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")
    assert workshop.machines()[USER]["InstanceType"] == before["InstanceType"]
