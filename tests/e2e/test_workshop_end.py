"""The end of a workshop: everything is proved deleted.

The rehearsal leaves nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import ROOT, manual
from tests.support.living import wait_until
from tests.support.strangers import differences
from tests.support.workshop import Workshop


def test_delete_asks_saves_and_proves(workshop: Workshop) -> None:
    workshop.on_machine("ws-1", "runuser -u jupyter -- sh -c 'echo precious > /home/jupyter/notebook/work.txt'")
    shown = workshop.succeed('ansible-playbook fleet_delete.yml -e "base=ws low=1 high=4"')
    assert "confirm=yes" in shown
    assert len(workshop.machines()) == 5
    # Others have a copy of ws-1 with all of its tags. The original is renamed: it is its home that must be saved.
    renamed = workshop.machines()["ws-1"]["InstanceId"]
    workshop.ec2.create_tags(Resources=[renamed], Tags=[{"Key": "Name", "Value": "old-box"}])
    stopped = workshop.machines()["ws-4"]["InstanceId"]
    workshop.ec2.stop_instances(InstanceIds=[stopped])
    wait_until(workshop, "ws-4", "stopped")
    refused = workshop.play('fleet_delete.yml -e "base=ws low=3 high=4" -e confirm=yes')
    assert refused.status != 0
    assert re.search(r"^FAILED ws-4: .*backup=false", refused.text, re.MULTILINE), refused.text
    assert sorted(workshop.machines()) == ["alice", "ws-1", "ws-2", "ws-4"], "the other goes, the stopped one stays"
    workshop.succeed(manual.of_class("fleet_delete.yml", 2))
    assert sorted(workshop.machines()) == ["alice", "ws-4"]
    for user in ("ws-1", "ws-2", "ws-3"):
        assert list((workshop.state / "backups" / user).glob("*.tar.gz"))
    archive = next((workshop.state / "backups/ws-1").glob("*.tar.gz"))
    assert workshop.succeed(f"tar -xzOf {archive} ./notebook/work.txt").strip() == "precious"
    assert archive.stat().st_mode & 0o777 == 0o600
    bring_back(workshop, archive, "alice")
    assert workshop.on_machine("alice", "cat /home/jupyter/notebook/work.txt").strip() == "precious"
    workshop.succeed(manual.first_machine("fleet_check.yml"))
    workshop.succeed(manual.first_machine("stack_delete.yml"))
    last = workshop.succeed("ansible-playbook fleet_delete.yml -e users=ws-4 -e confirm=yes -e backup=false")
    assert "nothing is left" in last.lower()
    assert workshop.machines() == {}
    theirs = workshop.strangers()
    groups = workshop.client("elbv2").describe_target_groups()["TargetGroups"]
    assert {group["TargetGroupArn"] for group in groups} == set(theirs["target_groups"])
    volumes = workshop.ec2.describe_volumes()["Volumes"]
    assert {volume["VolumeId"] for volume in volumes} == set(theirs["volumes"])
    stacks = workshop.client("cloudformation").describe_stacks()["Stacks"]
    ours = [stack["StackName"] for stack in stacks if stack["StackId"] not in theirs["stacks"]]
    assert ours == ["probcomp-network-shared"]
    guarded = guard(workshop)
    kept = workshop.play("network_delete.yml -e network=shared -e confirm=yes")
    assert kept.status != 0 and "VPC endpoint guardduty-data" in kept.text, kept.text
    assert guarded["endpoint"] in kept.text and guarded["security_group"] in kept.text
    assert workshop.client("cloudformation").describe_stacks(StackName="probcomp-network-shared")["Stacks"]
    workshop.ec2.delete_vpc_endpoints(VpcEndpointIds=[guarded["endpoint"]])
    workshop.ec2.delete_security_group(GroupId=guarded["security_group"])
    gone = workshop.succeed(manual.of_class("network_delete.yml"))
    assert "nothing is left" in gone.lower()
    balancers = workshop.client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert {balancer["LoadBalancerArn"] for balancer in balancers} == set(theirs["load_balancers"])


def bring_back(workshop: Workshop, archive: Path, user: str) -> None:
    """Unpack a saved home on another machine as docs/logs.md says."""
    typed = [command.replace("alice", user) for command in manual.commands(ROOT / "docs/logs.md")]
    (unpack,) = (command for command in typed if " tar -xzf - " in command)
    before, mark, _ = unpack.partition("< ")
    assert mark
    workshop.succeed(f"{before}< {archive}")
    (restart,) = (command for command in typed if "restart_jupyter.yml" in command)
    workshop.succeed(restart)
    assert workshop.on_machine(user, "stat -c %U /home/jupyter/notebook/work.txt").strip() == "jupyter"


def guard(workshop: Workshop) -> dict[str, str]:
    """Put into the network what AWS GuardDuty puts there; return the ids."""
    named = [{"Name": "tag:aws:cloudformation:stack-name", "Values": ["probcomp-network-shared"]}]
    (vpc,) = workshop.ec2.describe_vpcs(Filters=named)["Vpcs"]
    found: dict[str, str] = workshop.ask("POST", "guard", {"vpc": vpc["VpcId"]})
    return found


def test_strangers_are_as_they_were(workshop: Workshop) -> None:
    assert workshop.first_strangers["instances"]
    assert differences(workshop.first_strangers, workshop.strangers()) == []


def test_down_leaves_nothing(workshop: Workshop) -> None:
    facts = workshop.facts
    workshop.succeed("scripts/rehearsal down")
    label = f"label=probcomp-rehearsal={facts['run_id']}"
    assert (
        workshop.shell(f"docker ps -aq --filter {label}; docker network ls -q --filter {label}", rehearsed=False).text
        == ""
    )
    words = Path(f"/proc/{facts['pid']}/cmdline")
    # A process that has ended may be listed with an empty command line until its parent has reaped it.
    assert not words.exists() or words.read_bytes() == b""
    assert not workshop.home.exists()
    assert workshop.git_status() == workshop.git_before


def test_every_command_of_the_front_page_was_run(workshop: Workshop) -> None:
    ran: set[str] = set()
    command = ""
    for line in workshop.transcript("commands").read_text().splitlines():
        if line.startswith("$ "):
            command = line.removeprefix("$ ")
        elif line.startswith("[exit status 0 "):
            ran.add(manual.as_in_the_readme(command))
    assert {*manual.plays(manual.FIRST_MACHINE), *manual.plays(manual.CLASS)} - ran == set()
