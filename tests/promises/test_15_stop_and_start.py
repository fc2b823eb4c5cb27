"""Test promise 15: stop and start keep data, URL and ssh name.

The ssh name is right within 60 s of start.
"""

from __future__ import annotations

from tests.support.living import calls_since, keeps_everything, mark, record_of, wait_until
from tests.support.workshop import Workshop

USER = "ws-2"
SECONDS = 60


def test_by_our_commands(workshop: Workshop) -> None:
    with keeps_everything(workshop, USER) as before:
        others = {user: item for user, item in workshop.machines().items() if user != USER}
        text = workshop.succeed(f"ansible-playbook -l {USER} stack_stop.yml")
        assert f"{USER}: stopped" in text
        assert workshop.machines()[USER]["State"]["Name"] == "stopped"
        since = mark(workshop)
        again = workshop.succeed(f"ansible-playbook -l {USER} stack_stop.yml")
        assert f"{USER}: was stopped already" in again and "0 changed" in again
        assert calls_since(workshop, since) == []

        workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")
        calls = calls_since(workshop, since)
        assert [call["call"] for call in calls] == ["ec2:StartInstances", "route53:ChangeResourceRecordSets"], calls
        assert calls[1]["time"] - calls[0]["time"] < SECONDS
        assert workshop.machines()[USER]["PublicIpAddress"] != before["PublicIpAddress"]
        assert others == {user: item for user, item in workshop.machines().items() if user != USER}


def test_by_hand_and_then_stack_start_puts_the_names_right(workshop: Workshop) -> None:
    with keeps_everything(workshop, USER) as before:
        workshop.ec2.stop_instances(InstanceIds=[before["InstanceId"]])
        wait_until(workshop, USER, "stopped")
        workshop.ec2.start_instances(InstanceIds=[before["InstanceId"]])
        wait_until(workshop, USER, "running")
        assert record_of(workshop, USER) == [before["PublicIpAddress"]], "nobody has put it right yet"
        since = mark(workshop)
        workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")
        assert [call["call"] for call in calls_since(workshop, since)] == ["route53:ChangeResourceRecordSets"]


def test_a_machine_that_is_still_stopping_is_waited_for(workshop: Workshop) -> None:
    with keeps_everything(workshop, USER) as before:
        workshop.ec2.stop_instances(InstanceIds=[before["InstanceId"]])
        workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")


def test_after_a_reboot_by_hand_nothing_needs_to_be_put_right(workshop: Workshop) -> None:
    with keeps_everything(workshop, USER) as before:
        booted = workshop.boot_time(USER)
        workshop.ec2.reboot_instances(InstanceIds=[before["InstanceId"]])
        since = mark(workshop)
        workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")
        assert calls_since(workshop, since) == []
        assert workshop.boot_time(USER) != booted
