"""10. A second run changes nothing: changed=0, and no API call that could change anything."""

from __future__ import annotations

import re

import pytest

from tests.e2e.living import calls_since, mark
from tests.e2e.workshop import Workshop

FLEET = '-e "base=ws low=1 high=3"'
# Every command that may be run again as it is; those that delete, bake and publish have tests of their own.
COMMANDS = [
    f"create_passwords.yml {FLEET}",
    f"fleet_create.yml {FLEET}",
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
# By the demo.
DONE = [command for command in COMMANDS if not re.match("url_cards|stack_list|.*fetch_logs", command)]


@pytest.mark.parametrize("command", COMMANDS)
def test_again(workshop: Workshop, command: str) -> None:
    if command not in DONE:
        workshop.succeed(f"ansible-playbook {command}")
    since = mark(workshop)
    booted = [workshop.boot_time(user) for user in workshop.machines()]
    text = workshop.succeed(f"ansible-playbook {command}")
    assert calls_since(workshop, since) == []
    last = text.splitlines()[-1]
    assert " 0 changed, 0 failed" in last or last == "nothing was changed" or "(nothing new)" in text, text
    assert [workshop.boot_time(user) for user in workshop.machines()] == booted
