"""Running machines with changed type or tags, stopped and started.

Our commands change them, and changes by hand do.
"""

from __future__ import annotations

import json
import shlex

import pytest

from tests.support.living import calls_since, keeps_everything, mark, record_of, wait_until
from tests.support.workshop import Workshop

USER = "ws-3"
UPDATE = f"-l {USER} stack_update.yml"


def test_a_resize_a_stop_by_hand_and_a_start_keep_everything(workshop: Workshop) -> None:
    with keeps_everything(workshop, USER, same_type=False) as before:
        text = workshop.succeed(f"ansible-playbook {UPDATE} -e instance=t3.large")
        assert f"{USER}: updated, is t3.large, running" in text
        resized = workshop.machines()[USER]
        assert resized["InstanceType"] == "t3.large"
        assert resized["PublicIpAddress"] != before["PublicIpAddress"]
        assert record_of(workshop, USER) == [resized["PublicIpAddress"]]

        workshop.ec2.stop_instances(InstanceIds=[before["InstanceId"]])
        wait_until(workshop, USER, "stopped")
        skipped = workshop.succeed(f"ansible-playbook -l {USER},ws-2 set_password.yml")
        assert f"{USER}: stopped, skipped" in skipped
        assert f"ansible-playbook -l {USER} stack_start.yml starts it" in skipped

        planned = workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml --check")
        assert f"{USER}: would be started" in planned
        assert workshop.machines()[USER]["State"]["Name"] == "stopped"
        workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")


def test_back_to_the_old_type_with_other_tags(workshop: Workshop) -> None:
    since = mark(workshop)
    wanted = "-e instance=t3.medium -e \"owner='Alice B.' note='sits by the door' expires=2030-12-01\""
    planned = workshop.succeed(f"ansible-playbook {UPDATE} {wanted} --check")
    assert f"{USER}: owner: '' -> 'Alice B.'" in planned and "t3.large -> t3.medium" in planned, planned
    assert calls_since(workshop, since) == []
    with keeps_everything(workshop, USER, same_type=False):
        workshop.succeed(f"ansible-playbook {UPDATE} {wanted}")
    told = json.loads(workshop.succeed(f"ansible-inventory --host {USER}"))
    assert "Alice B." in str(told["probcomp_owner"]) and "2030-12-01" in str(told["probcomp_expires"])
    assert "'ws'" in str(told["probcomp_fleet"]) or told["probcomp_fleet"] == "ws", "a tag that was not given stays"
    launched = workshop.machines()[USER]["LaunchTime"]
    workshop.succeed(f"ansible-playbook {UPDATE} -e 'owner= note= expires='")
    tags = {tag["Key"] for tag in workshop.machines()[USER]["Tags"]}
    assert not tags & {"owner", "note", "expires"} and "fleet" in tags
    assert workshop.machines()[USER]["LaunchTime"] == launched, "tags stop no machine"


REFUSED = {
    "nothing to change": (UPDATE, ["say what to change", "instance="]),
    "no -l": ("stack_update.yml -e instance=t3.large", ["-l alice"]),
    "a name": (f"{UPDATE} -e user={USER} -e note=x", ["takes its machines by -l alone"]),
    "unknown type": (f"{UPDATE} -e instance=t3.lage", [USER, "t3.lage", "t3.large"]),
    "another architecture": (f"{UPDATE} -e instance=t4g.medium", [USER, "arm64", "x86_64"]),
    "not a date": (f"{UPDATE} -e expires=soon", ["expires='soon'", "2030-12-31"]),
    "a template": (
        f"{UPDATE} -e {shlex.quote(json.dumps({'note': '{{ lookup(chr(112)) }}'}))}",
        ["templates are not allowed"],
    ),
    "start of nobody": ("-l nobody stack_start.yml", ["no such machine: nobody"]),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused_before_anything_stops(workshop: Workshop, row: str) -> None:
    arguments, words = REFUSED[row]
    since = mark(workshop)
    result = workshop.play(arguments)
    assert result.status != 0, result.text
    assert [line for line in result.text.splitlines() if all(word in line for word in words)], result.text
    assert "Traceback" not in result.text
    assert calls_since(workshop, since) == []
