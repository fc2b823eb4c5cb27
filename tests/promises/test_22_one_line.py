"""Test promise 22: an error is one line of what, whose machine and what to do.

The bad input is what a tired administrator types.
"""

from __future__ import annotations

import pytest

from tests.support.refused import extra, failures, refuses
from tests.support.workshop import Workshop

CREATE = "stack_create.yml"
FLEET = "fleet_create.yml"
# Each row has the arguments as typed, and words that the answer must contain.
ROWS = {
    "fleet too long": (f'{FLEET} -e "base={"a" * 30} low=1 high=40"', ["too long by 1"]),
    "low above high": (f'{FLEET} -e "base=lab low=5 high=2"', ["low='5' high='2'", "1 <= low <= high"]),
    "zero": (f'{FLEET} -e "base=lab low=0 high=2"', ["low='0'", "1 <= low <= high"]),
    "leading zero": (f'{FLEET} -e "base=lab low=01 high=2"', ["low='01'", "without leading zeros"]),
    "no number": (f'{FLEET} -e "base=lab low=x high=2"', ["low='x'", "whole numbers"]),
    "more than a network carries": (f'{FLEET} -e "base=lab low=1 high=101"', ["101 machines", "100"]),
    "no names": (CREATE, ["user=alice"]),
    "create with -l": (f"-l ws-1 {CREATE} -e user=ws-1", ["-l", "leave it out"]),
    "delete with -l": ("-l ws-1 fleet_delete.yml", ["-l", "leave it out"]),
    "no -l": ("set_password.yml", ["-l alice"]),
    "unknown in -l": ("-l ws-11 set_password.yml", ["no such machine: ws-11", "ws-1"]),
    "unknown beside known": ("-l sw-1,ws-2 fleet_check.yml", ["no such machine: sw-1", "ws-1"]),
    "no password file": (f"{CREATE} -e user=bob", ["bob", "create_passwords.yml"]),
    "user named like a fleet": (f"{CREATE} -e user=ws", ["user ws", "fleet ws"]),
    "fleet named like a user": (f'{FLEET} -e "base=ws-1 low=1 high=2"', ["fleet ws-1", "user ws-1"]),
    "misspelt setting": (f"{FLEET} -e user=ws-9 -e instnace=t3.large", ["instnace", "did you mean instance="]),
    "no network": ("network_delete.yml -e confirm=yes", ["say which network"]),
    "backup=ture": ("stack_delete.yml -e user=ws-1 -e confirm=yes -e backup=ture", ["backup=", "yes or no"]),
    "delete in another account": (
        f"stack_delete.yml -e confirm=yes {extra(user='ws-1', account_id='999999999999')}",
        ["999999999999"],
    ),
    "network with machines": ("network_delete.yml -e network=shared -e confirm=yes", ["ws-1", "shared"]),
}


@pytest.mark.parametrize("row", ROWS)
def test_one_line_and_no_change(workshop: Workshop, row: str) -> None:
    result = refuses(workshop, *ROWS[row])
    assert sum(all(word in line for word in ROWS[row][1]) for line in failures(result)) == 1, result.text


def test_open_password_file_is_mended(workshop: Workshop) -> None:
    file = workshop.password_file("ws-1")
    file.chmod(0o644)
    file.parent.chmod(0o755)
    text = workshop.succeed("ansible-playbook -l ws-1 set_password.yml")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert "ws-1.passwd" in text
