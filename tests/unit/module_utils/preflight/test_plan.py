"""The plan's output: narrow, without pass phrases, with names as people type them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.output.table import text_width
from ansible_collections.probcomp.stack.plugins.module_utils.output.wrap import wrapped

from tests.support.preflight_world import REGION, World, machine, texts, world

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
    assert too_wide(lines) == []
    assert any(line.startswith("big-1 to big-40  t3.medium") for line in lines)


WORLDS: dict[str, dict[str, Any]] = {
    "nothing wrong": {},
    "another account": {"account_id": "999999999999"},
    "no zone": {"zone": ""},
    "a zone of others": {"zone": "not-ours.example"},
    "no certificate": {"certificate_arn": ""},
    "an unknown certificate": {
        "certificate_arn": f"arn:aws:acm:{REGION}:123456789012:certificate/11111111-2222-3333-4444-555555555555"
    },
    "a certificate of elsewhere": {
        "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
    },
    "no key": {"key_name": "another", "private_key_file": "/nowhere/key"},
    "no network": {"admin_cidr": "203.0.113.7/24"},
    "a network for all": {"admin_cidr": "0.0.0.0/0"},
    "six networks": {"admin_cidr": [f"192.0.2.{number}/32" for number in range(6)]},
    "no image": {"image_parameter": "/nowhere/{architecture}"},
    "plain http": {"content_url": "http://127.0.0.1:9/content.tgz", "apt_repository_key": "http://127.0.0.1:9/key.asc"},
    "passwords required": {"passwords_required": True},
}


def test_no_sentence_is_wider_than_the_terminal(account: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBCOMP_COLUMNS", "80")
    machines = [*FORTY[:4], machine("alice", instance="t3.medum"), machine("ws-1", instance="t2.micro")]
    found: dict[str, list[str]] = {}
    for name, settings in WORLDS.items():
        answer = account.sweep(*machines, **{"passwords_required": False, **settings})
        found[name] = too_wide([*answer["plan_lines"], *(f"FAILED: {text}" for text in texts(answer))])
    assert {name: lines for name, lines in found.items() if lines} == {}


def too_wide(lines: list[str]) -> list[str]:
    """Return lines that are too wide for a terminal of 80 columns after wrapping.

    A single word or a single command may be too wide.
    """
    shown = [line for text in lines for line in wrapped(text, 80)]
    is_whole = re.compile(r"\s*(ansible-playbook .*|\S+)")
    return [line for line in shown if text_width(line) > 80 and not is_whole.fullmatch(line)]


def test_stopped_machines_are_skipped_and_their_command_selects_the_fleet(account: World) -> None:
    users = [f"my-class-{number}" for number in range(1, 6)]
    ids = [account.make_machine(user, fleet="my-class") for user in users]
    account.make("ec2").stop_instances(InstanceIds=ids)
    found = account.sweep(*(machine(user, fleet="my-class") for user in users), passwords_required=False)
    assert found["skipped_users"] == users
    note = next(note for note in found["notes"] if "stopped, skipped" in note)
    assert note.startswith("my-class-1 to my-class-5: ")
    assert shlex.split(note.partition("; ")[2])[:3] == ["ansible-playbook", "-l", "my_class"]
