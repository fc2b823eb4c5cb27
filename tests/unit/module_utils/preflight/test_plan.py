"""The plan as people see it: narrow, without pass phrases, and with names as they are typed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.output.table import text_width

from tests.support.preflight_world import World, machine, world

FORTY = [machine(f"big-{number}", fleet="big") for number in range(1, 41)]
COMMAND = 'ansible-playbook create_passwords.yml -e "base=big low=1 high=40"'


@pytest.fixture
def account(tmp_path: Path) -> Iterator[World]:
    """Provide an account in which nothing is wrong."""
    with world(tmp_path) as made:
        made.quotas["L-1216C47A"] = 200
        yield made


def test_a_plan_needs_no_pass_phrases_and_a_create_does(account: World) -> None:
    planned = account.sweep(*FORTY, passwords_required=False)
    assert planned["problems"] == []
    note = next(note for note in planned["notes"] if "no password file" in note)
    assert note.startswith("big-1 to big-40: ") and note.endswith(COMMAND)
    refused = account.sweep(*FORTY)
    text = refused["problems"][0]["text"]
    assert len(refused["problems"]) == 1 and text.startswith("big-1 to big-40: ") and text.endswith(COMMAND)


def test_a_pass_phrase_that_is_there_must_be_good_for_a_plan_too(account: World) -> None:
    account.give_password("ws-1", "short")
    assert "5 characters" in account.sweep(machine("ws-1"), passwords_required=False)["problems"][0]["text"]


def test_the_plan_fits_80_columns_and_is_whole_on_a_pipe(account: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROBCOMP_COLUMNS", raising=False)
    whole = account.sweep(*FORTY, passwords_required=False)["plan_lines"]
    assert any(account.settings.certificate_arn in line for line in whole)
    assert not any("…" in line for line in whole)
    monkeypatch.setenv("PROBCOMP_COLUMNS", "80")
    lines = account.sweep(*FORTY, passwords_required=False)["plan_lines"]
    sentences = [line for line in lines if "password file" in line or "baseline" in line]
    assert all(text_width(line) <= 80 for line in lines if line not in sentences), lines
    assert any(line.startswith("big-1 to big-40  t3.medium") for line in lines)


def test_stopped_machines_are_skipped_and_their_command_selects_the_fleet(account: World) -> None:
    users = [f"my-class-{number}" for number in range(1, 6)]
    ids = [account.make_machine(user, fleet="my-class") for user in users]
    account.make("ec2").stop_instances(InstanceIds=ids)
    found = account.sweep(*(machine(user, fleet="my-class") for user in users), passwords_required=False)
    assert found["skipped_users"] == users
    note = next(note for note in found["notes"] if "stopped, skipped" in note)
    assert note.startswith("my-class-1 to my-class-5: ")
    assert shlex.split(note.partition("; ")[2])[:3] == ["ansible-playbook", "-l", "my_class"]
