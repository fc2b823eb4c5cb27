"""Test promise 24: "ready" means that a kernel ran `1+1`.

The login is over HTTPS, with the password on the card.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator

import pytest

from tests.support.hostile import broken
from tests.support.workshop import Workshop

USER = "ws-3"
KERNEL = "/opt/jupyter/share/jupyter/kernels/python3/kernel.json"
STARTUP = "/home/jupyter/.ipython/profile_default/startup"
NONSENSE = r"get_ipython().input_transformers_cleanup.append(lambda lines: ['3'])"
# Each row breaks a machine that runs and whose Jupyter answers, so that nobody can work on it, and then repairs it.
HALF = {
    "a kernel that ends": (
        f"cp {KERNEL} /root/k; sed -i 's/ipykernel_launcher/nothing/' {KERNEL}",
        f"mv /root/k {KERNEL}",
    ),
    "a kernel that computes nonsense": (
        f'install -d -o jupyter -g jupyter {STARTUP}; echo "{NONSENSE}" > {STARTUP}/nonsense.py',
        f"rm {STARTUP}/nonsense.py",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def ready_again(workshop: Workshop) -> Iterator[None]:
    """Check after the tests that the repaired machine is ready again."""
    yield
    workshop.succeed(f"ansible-playbook -l {USER} fleet_check.yml")


@pytest.mark.parametrize("name", HALF)
def test_half_a_machine_is_not_ready(workshop: Workshop, name: str) -> None:
    with broken(workshop, USER, *HALF[name]):
        red = workshop.play("-l ws-2,ws-3 fleet_check.yml")
    assert red.status != 0, red.text
    assert re.search(rf"^FAILED {USER}: .*(kernel|1\+1)", red.text, re.MULTILINE), red.text
    assert not re.search(r"^FAILED (?!ws-3)", red.text, re.MULTILINE), red.text
    report = json.loads((workshop.state / "reports/check.json").read_text())
    assert report["ws-2"]["ok"] and not report[USER]["ok"]


def test_create_does_not_call_it_ready_either(workshop: Workshop) -> None:
    with broken(workshop, USER, *HALF["a kernel that ends"]):
        red = workshop.play(f"fleet_create.yml -e user={USER} -e check_wait=5")
    assert red.status != 0 and re.search(rf"^FAILED {USER}: .*(kernel|1\+1)", red.text, re.MULTILINE), red.text


def test_what_was_changed_by_hand_is_named_and_put_right(workshop: Workshop) -> None:
    elbv2, machines = workshop.client("elbv2"), workshop.machines()
    stacks = workshop.client("cloudformation").describe_stacks(StackName="probcomp-stack-ws-2")["Stacks"]
    outputs = {item["OutputKey"]: item["OutputValue"] for item in stacks[0]["Outputs"]}
    target = {"TargetGroupArn": outputs["TargetGroupArn"], "Targets": [{"Id": machines["ws-2"]["InstanceId"]}]}
    elbv2.deregister_targets(**target)
    vpc, name = machines[USER]["VpcId"], f"other-{secrets.token_hex(4)}"
    other = workshop.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    workshop.ec2.modify_instance_attribute(InstanceId=machines[USER]["InstanceId"], Groups=[other])

    red = workshop.play(f"-l ws-2,{USER} fleet_check.yml")
    repair = r"ansible-playbook -l {} stack_start\.yml$"
    assert re.search(rf"^FAILED ws-2: not registered with .* 503\); {repair.format('ws-2')}", red.text, re.MULTILINE)
    assert re.search(rf"^FAILED {USER}: security groups .*{other} .*{repair.format(USER)}", red.text, re.MULTILINE)
    assert "restart_jupyter" not in red.text

    text = workshop.succeed("ansible-playbook -l ws-2 stack_start.yml")
    assert "ws-2: put right: not registered with the load balancer" in text
    # Without its security groups the machine cannot be reached by ssh either.
    text = workshop.succeed(f"ansible-playbook fleet_create.yml -e user={USER}")
    assert f"{USER}: put right: security groups that are not the stack's: {other}" in text
    workshop.ec2.delete_security_group(GroupId=other)


def test_the_password_on_the_card_is_the_one_that_is_tried(workshop: Workshop) -> None:
    file = workshop.password_file(USER)
    right = file.read_text()
    file.write_text("another phrase than the machine has\n")
    try:
        red = workshop.play(f"-l {USER} fleet_check.yml")
        assert red.status != 0 and re.search(rf"^FAILED {USER}: .*password", red.text, re.MULTILINE), red.text
    finally:
        file.write_text(right)
