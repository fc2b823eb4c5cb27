"""Test promise 11: where some of a fleet fail, the others are ready.

The same command again touches only those that failed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.living import calls_since, mark
from tests.support.workshop import Workshop

NAMES = '-e "base=cap low=1 high=3"'
# Each row has CloudFormation's text of a user's first failed event, and the text of our report.
EVENTS = {
    "cap-2": ("Instance", "We currently do not have sufficient t3.medium capacity in the Availability Zone."),
    "cap-3": ("TargetGroup", "The maximum number of target groups has been reached."),
}


@pytest.fixture
def fleet(workshop: Workshop) -> Iterator[None]:
    """Make the fleet's pass phrases; remove the fleet at the end."""
    workshop.succeed(f"ansible-playbook create_passwords.yml {NAMES}")
    yield
    workshop.clear_faults()
    workshop.succeed(f"ansible-playbook fleet_delete.yml {NAMES} -e backup=false -e confirm=yes")
    for number in (1, 2, 3):
        workshop.password_file(f"cap-{number}").unlink(missing_ok=True)


@pytest.mark.parametrize("again", [False, pytest.param(True, marks=pytest.mark.long)], ids=["once", "and again"])
def test_two_of_three_fail(workshop: Workshop, fleet: None, again: bool) -> None:
    for user, (logical_id, message) in EVENTS.items():
        fault = f"--kind resource --match stack-{user} --logical-id {logical_id} --message '{message}'"
        workshop.succeed(f"scripts/rehearsal fault add {fault}")
    result = workshop.play(f"fleet_create.yml {NAMES}")
    assert result.status != 0
    assert "Traceback" not in result.text
    for user, (logical_id, message) in EVENTS.items():
        first = re.search(rf"^FAILED {user}: .*$", result.text, re.MULTILINE)
        assert first and logical_id in first.group() and message.rstrip(".") in first.group(), result.text
    assert re.search(r"^2 machines failed: cap-2 \(.*\), cap-3 \(.*\)$", result.text, re.MULTILINE), result.text
    assert not re.search(r"^(FAILED|UNREACHABLE) (?!cap-[23]:)", result.text, re.MULTILINE), result.text
    report = json.loads((workshop.state / "reports/check.json").read_text())
    assert list(report) == ["cap-1"] and report["cap-1"]["ok"]
    if again:
        check_that_the_rest_is_made(workshop)


def check_that_the_rest_is_made(workshop: Workshop) -> None:
    """Run the same command without faults: it touches only those that failed."""
    made, booted = workshop.machines()["cap-1"], workshop.boot_time("cap-1")
    workshop.clear_faults()
    since = mark(workshop)
    again = workshop.succeed(f"ansible-playbook fleet_create.yml {NAMES}")
    assert changed_machines(again) == set(EVENTS), again
    calls = calls_since(workshop, since)
    created = [call["subject"] for call in calls if call["call"] == "cloudformation:CreateStack"]
    assert len(created) == 2 and not any("cap-1" in str(call) for call in calls), calls
    assert (workshop.machines()["cap-1"], workshop.boot_time("cap-1")) == (made, booted)


def changed_machines(text: str) -> set[str]:
    """Return the users whose machines a command's last lines call changed."""
    return {name for line in re.findall(r"^  changed: (.*)$", text, re.MULTILINE) for name in line.split(", ")}


def test_where_all_that_need_work_fail_the_others_are_checked(workshop: Workshop) -> None:
    """A play in which all machines fail leaves the others to be checked.

    Ansible ends a run at such a play; ws-2 is the only machine with work for a role.
    """
    workshop.on_machine("ws-2", "chmod a-x /usr/bin/apt-get; dpkg --remove --force-depends python-cgpm >/dev/null 2>&1")
    try:
        result = workshop.play('fleet_create.yml -e "base=ws low=1 high=3"')
    finally:
        workshop.on_machine("ws-2", "chmod a+x /usr/bin/apt-get")
    assert result.status != 0 and re.search(r"^FAILED ws-2: ", result.text, re.MULTILINE), result.text
    assert "3 machines: 2 ok, 0 changed, 1 failed" in result.text, result.text
    report = json.loads((workshop.state / "reports/check.json").read_text())
    assert {user: row["ok"] for user, row in report.items()} == {"ws-1": True, "ws-3": True}
    since = mark(workshop)
    again = workshop.succeed('ansible-playbook fleet_create.yml -e "base=ws low=1 high=3"')
    assert changed_machines(again) == {"ws-2"}, again
    assert calls_since(workshop, since) == []
