"""10. A second run changes nothing: changed=0, and no API call that could change anything."""

from __future__ import annotations

import re

import pytest

from tests.e2e.living import calls_since, mark
from tests.e2e.workshop import Workshop

FLEET = '-e "base=ws low=1 high=3"'
# Every command that may be run again as it is; those that delete, bake and publish have tests of their own.
COMMANDS = [
    "-l ws set_password.yml",
    "-l ws deb_upgrade.yml",
    "-l ws grab_content.yml",
    "-l ws marco_install.yml",
    "-l ws fetch_logs.yml",
    "-l ws stack_start.yml",
    "-l ws stack_update.yml -e instance=t3.medium",
    f"url_cards.yml {FLEET}",
    "stack_list.yml",
]
# By the demo, which makes pass phrases and machines, and which has a test of its own.
DONE = [command for command in COMMANDS if not re.match("url_cards|stack_list|.*fetch_logs", command)]


def state(workshop: Workshop) -> list[tuple[str, str, int]]:
    """Since when each machine runs, and which file has its pinned keys: a new one would be another."""
    return [
        (user, workshop.boot_time(user), (workshop.state / "known_hosts" / user).stat().st_ino)
        for user in workshop.machines()
    ]


def test_the_whole_demo_again(workshop: Workshop) -> None:
    since, before = mark(workshop), state(workshop)
    again = workshop.shell("scripts/demo", timeout=900, rehearsed=False)
    assert again.status == 0, again.text
    assert "\nnothing was changed\n" in again.text, "the pass phrases"
    assert again.text.count("3 machines: 3 ok, 0 changed, 0 failed") == 1, again.text
    assert calls_since(workshop, since) == []
    assert state(workshop) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_again(workshop: Workshop, command: str) -> None:
    if command not in DONE:
        workshop.succeed(f"ansible-playbook {command}")
    since = mark(workshop)
    before = state(workshop)
    text = workshop.succeed(f"ansible-playbook {command}")
    assert calls_since(workshop, since) == []
    last = text.splitlines()[-1]
    assert " 0 changed, 0 failed" in last or last == "nothing was changed" or "(nothing new)" in text, text
    assert state(workshop) == before
