"""2. Success is said only after the final state was read again: calls of a command fail one after another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.living import record_of, wait_until
from tests.e2e.workshop import Workshop

USER = "ws-2"
MOST_CALLS = 60
"""More than any of these commands makes: the bound of the loop."""
STRIDE = {"start": 3, "update": 5}
"""Those that take long are not tried at every call, but at every third, fifth."""
# Credentials that end during the command; a connection that is cut once, with the call done or not; nonsense.
WAYS: dict[str, dict[str, Any]] = {
    "expired": {"code": "ExpiredTokenException", "status": 403},
    "cut": {"drop": True, "times": 1},
    "cut after it was done": {"drop": True, "after": True, "times": 1},
    "wrong status": {"code": "InternalFailure", "status": 418, "times": 1},
}


def state(workshop: Workshop) -> str:
    """The state of the machine."""
    return str(workshop.machines()[USER]["State"]["Name"])


def state_and_name(workshop: Workshop) -> str:
    """The state of the machine, and whether its ssh name leads to it."""
    machine = workshop.machines()[USER]
    leads = record_of(workshop, USER) == [machine.get("PublicIpAddress")]
    return f"{machine['State']['Name']}, {'name right' if leads else 'name wrong'}"


def note(workshop: Workshop) -> str:
    """The note that the machine has."""
    return next((tag["Value"] for tag in workshop.machines()[USER]["Tags"] if tag["Key"] == "note"), "")


def rest(workshop: Workshop) -> None:
    """Wait until the machine is on its way nowhere: a command that finds it so has less to do."""
    if state(workshop) in ("stopping", "pending"):
        wait_until(workshop, USER, "stopped" if state(workshop) == "stopping" else "running")


def started_by_hand(workshop: Workshop) -> None:
    """Have the machine run, by no command of ours."""
    workshop.ec2.start_instances(InstanceIds=[workshop.machines()[USER]["InstanceId"]])
    wait_until(workshop, USER, "running")


def stopped_by_hand(workshop: Workshop) -> None:
    """Have the machine stand still, by no command of ours."""
    workshop.ec2.stop_instances(InstanceIds=[workshop.machines()[USER]["InstanceId"]])
    wait_until(workshop, USER, "stopped")


def as_it_is(workshop: Workshop) -> None:
    """What is wished for is another thing each time."""


# The command, what it must have reached if it says so, and what makes it necessary again. `{}` is the try's number.
COMMANDS: dict[str, tuple[str, Callable[[Workshop], str], str, Callable[[Workshop], None]]] = {
    "stop": ("stack_stop.yml", state, "stopped", started_by_hand),
    "start": ("stack_start.yml", state_and_name, "running, name right", stopped_by_hand),
    "update": ("stack_update.yml -e note=try-{}", note, "try-{}", as_it_is),
}


@pytest.fixture(scope="module", autouse=True)
def as_it_was(workshop: Workshop) -> Iterator[None]:
    """In the end the machine runs under its name, and all of it works."""
    yield
    workshop.succeed("scripts/rehearsal fault clear")
    workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_call_may_fail_unseen(workshop: Workshop, command: str) -> None:
    arguments, look, wanted, again = COMMANDS[command]
    stride = STRIDE.get(command, 1)
    for number in range(0, MOST_CALLS, stride):
        way = list(WAYS)[number // stride % len(WAYS)]
        rest(workshop)
        if look(workshop) == wanted.format(number):
            again(workshop)
        workshop.fault(skip=number, **WAYS[way])
        result = workshop.play(f"-l {USER} {arguments.format(number)}")
        hit = any(fault["hits"] for fault in workshop.control("faults"))
        workshop.succeed("scripts/rehearsal fault clear")
        told = f"call {number}, {way}:\n{result.text}"
        assert "Traceback" not in result.text, told
        if result.status == 0:
            assert look(workshop) == wanted.format(number), told
        else:
            assert hit, told
            # A line in words, and no bare name of something in the code.
            assert re.search(r"^(FAILED|\[?ERROR)\b.* \w+ \w+ \w+", result.text, re.MULTILINE), told
        if not hit:
            assert number > 3, "it makes more calls than that"
            return
    raise AssertionError(f"more than {MOST_CALLS} calls")
