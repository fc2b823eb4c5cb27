"""Test promise 2: success is reported after the final state was read again.

Calls of a command fail one after another: every call of every module that changes something in AWS, within this
process; and one whole command for each way to fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from tests.support import in_process, rehearsal_process
from tests.support.in_process import Account
from tests.support.living import record_of, wait_until
from tests.support.workshop import Workshop

COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
MOST_CALLS = 120
"""The bound of the loop: more calls than any of these modules makes."""
# The ways to fail are credentials that end during the command; a connection that is cut once, with the call done or
# not; an answer that makes no sense.
WAYS: dict[str, dict[str, Any]] = {
    "expired": {"code": "ExpiredTokenException", "status": 403},
    "cut": {"drop": True, "times": 1},
    "cut after it was done": {"drop": True, "after": True, "times": 1},
    "wrong status": {"code": "InternalFailure", "status": 418, "times": 1},
}


@dataclass
class Work:
    """A module's change of the account, the test of its success, and its undoing."""

    do: Callable[[Account, str], dict[str, Any]]
    is_done: Callable[[Account, str], bool]
    again: Callable[[Account], object]


def are(account: Account, state: str) -> bool:
    """Return whether all machines exist and are in this state."""
    return [machine["State"]["Name"] for machine in account.machines().values()] == [state] * len(account.users)


def are_made(account: Account) -> bool:
    """Return whether all stacks are complete and their machines run."""
    stacks = account.stacks.describe_stacks()["Stacks"]
    states = [stack["StackStatus"] for stack in stacks if "-stack-" in stack["StackName"]]
    return len(states) == len(account.users) and set(states) <= COMPLETE and are(account, "running")


# The second argument is a value that no earlier run had: a note, or the end of an address.
WORKS = {
    "create": Work(lambda account, _: account.create(), lambda account, _: are_made(account), Account.delete),
    "delete": Work(lambda account, _: account.delete(), lambda account, _: not account.machines(), Account.create),
    "stop": Work(
        lambda account, _: account.power("stopped"),
        lambda account, _: are(account, "stopped"),
        lambda account: account.power("started"),
    ),
    "start": Work(
        lambda account, _: account.power("started"),
        lambda account, _: are(account, "running"),
        lambda account: account.power("stopped"),
    ),
    "update": Work(
        lambda account, word: account.update(word),
        lambda account, word: {machine["Tags"].get("note") for machine in account.machines().values()} == {word},
        lambda account: None,
    ),
    "drift": Work(lambda account, _: account.put_right(), lambda account, _: account.is_right(), Account.spoil),
    "names": Work(
        lambda account, word: account.point(f"192.0.2.{word}"),
        lambda account, word: account.addresses() == {f"192.0.2.{word}"},
        lambda account: None,
    ),
    "no names": Work(
        lambda account, _: account.point("192.0.2.254", "absent"),
        lambda account, _: account.addresses() == set(),
        lambda account: account.point("192.0.2.254"),
    ),
}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    times = {"seconds_per_resource": 0.0, "requests_per_second": 0.0, "record_delay": 0.0}
    with (
        rehearsal_process.running(tmp_path_factory.mktemp("account"), **times) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in in_process.environment(server).items():
            patch.setenv(name, value)
        yield Account(server)


def said(answer: dict[str, Any]) -> list[str]:
    """Return an answer's error messages, an empty list for a success."""
    if answer.get("failed"):
        return [str(answer["msg"])]
    results = answer.get("stacks") or answer.get("machines") or {}
    return [results[user]["reason"] for user in answer.get("failed_users", [])]


@pytest.mark.parametrize("every_way", [False, pytest.param(True, marks=pytest.mark.long)], ids=["in turn", "all ways"])
@pytest.mark.parametrize("name", WORKS)
def test_no_call_of_a_module_may_fail_unseen(account: Account, name: str, every_way: bool) -> None:
    assert said(account.create()) == []
    account.note_ids()
    assert said(account.power("started")) == []
    work, words = WORKS[name], (str(number) for number in count(1))
    ways = list(WAYS)
    hits = 0
    for number in range(MOST_CALLS):
        missed = 0
        tried = ways if every_way else [ways[number % len(ways)]]
        for way in tried:
            word = next(words)
            if work.is_done(account, word):
                work.again(account)
            account.note_ids()
            account.server.control("POST", "faults", {"skip": number, **WAYS[way]})
            try:
                answer = work.do(account, word)
                hit = any(fault["hits"] for fault in account.server.control("GET", "faults"))
            finally:
                account.server.control("DELETE", "faults")
            told = f"call {number}, {way}: {answer}"
            if reasons := said(answer):
                assert hit, told
                assert all(re.search(r"\w+ \w+ \w+", reason) and "\n" not in reason for reason in reasons), told
            else:
                assert work.is_done(account, word), told
            hits += hit
            missed += not hit
        if missed == len(tried):
            break
    else:
        raise AssertionError(f"more than {MOST_CALLS} calls")
    assert hits >= 2, "it makes more calls than that"


# From here on whole commands run on machines.

USER = "ws-2"


def state(workshop: Workshop) -> str:
    """Return the state of the machine."""
    return str(workshop.machines()[USER]["State"]["Name"])


def state_and_name(workshop: Workshop) -> str:
    """Return the machine's state, and whether its ssh name leads to it."""
    machine = workshop.machines()[USER]
    leads = record_of(workshop, USER) == [machine.get("PublicIpAddress")]
    return f"{machine['State']['Name']}, {'name right' if leads else 'name wrong'}"


def note(workshop: Workshop) -> str:
    """Return the machine's note."""
    return next((tag["Value"] for tag in workshop.machines()[USER]["Tags"] if tag["Key"] == "note"), "")


def bring(workshop: Workshop, wanted: str) -> None:
    """Bring the machine to running or stopped without our own commands."""
    change = workshop.ec2.start_instances if wanted == "running" else workshop.ec2.stop_instances
    change(InstanceIds=[workshop.machines()[USER]["InstanceId"]])
    wait_until(workshop, USER, wanted)


@dataclass
class Command:
    """A command line, the state it must have reached on success, and the one before."""

    line: str
    look: Callable[[Workshop], str]
    wanted: str
    before: str


STOP = Command("stack_stop.yml", state, "stopped", "running")
START = Command("stack_start.yml", state_and_name, "running, name right", "stopped")
UPDATE = Command("stack_update.yml -e note=tried", note, "tried", "running")
# The failing calls are chosen so that each way to fail meets a reading, a changing and a last call of some command.
TRIED = [("expired", STOP, 2), ("cut", START, 5), ("cut after it was done", START, 9), ("wrong status", UPDATE, 6)]


@pytest.fixture
def started_again(workshop: Workshop) -> Iterator[None]:
    """Check after the tests that the machine runs under its name and works."""
    yield
    workshop.clear_faults()
    workshop.succeed(f"ansible-playbook -l {USER} stack_start.yml")


def test_no_way_of_failing_passes_a_whole_command(workshop: Workshop, started_again: None) -> None:
    for way, command, number in TRIED:
        if state(workshop) != command.before:
            bring(workshop, command.before)
        workshop.fault(skip=number, **WAYS[way])
        result = workshop.play(f"-l {USER} {command.line}")
        hit = any(fault["hits"] for fault in workshop.control("faults"))
        workshop.clear_faults()
        told = f"call {number}, {way}:\n{result.text}"
        assert hit, told
        assert "Traceback" not in result.text, told
        if result.status == 0:
            assert command.look(workshop) == command.wanted, told
        else:
            # The line is a sentence, not a bare name of something in the code.
            assert re.search(r"^(FAILED|\[?ERROR)\b.* \w+ \w+ \w+", result.text, re.MULTILINE), told
