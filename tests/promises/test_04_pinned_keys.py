"""Test promise 4: no connection to a machine without a pinned host key.

It holds for ssh, rsync and Ansible; keys are pinned once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.workshop import Workshop

USER = "ws-2"
# These commands connect to a machine: by Ansible, by ssh and rsync of our modules, and by hand.
COMMANDS = [
    f"ansible-playbook -l {USER} set_password.yml",
    # AWX and ansible-navigator set this variable.
    f"ANSIBLE_HOST_KEY_CHECKING=False ansible-playbook -l {USER} restart_jupyter.yml",
    f"ansible-playbook -l {USER} deb_upgrade.yml",
    f"ansible-playbook -l {USER} fetch_logs.yml",
    f"ansible-playbook -l {USER} fleet_check.yml",
    f"ansible-playbook fleet_create.yml -e user={USER}",
    f"ansible-playbook stack_delete.yml -e user={USER} -e confirm=yes",
    f"scripts/login {USER} true",
    f"scripts/put {USER} README.md",
    f"scripts/get {USER} notebook/welcome.ipynb",
]


@pytest.fixture
def pin(workshop: Workshop) -> Iterator[Path]:
    """Provide the machine's pinned keys and restore them afterwards."""
    file = workshop.state / "known_hosts" / USER
    right = file.read_text()
    yield file
    file.write_text(right)


@pytest.fixture(scope="module", autouse=True)
def the_right_key_opens(workshop: Workshop) -> Iterator[None]:
    """Check before and after that the machine answers and works.

    So a refusal here is due to the key.
    """
    workshop.succeed(f"scripts/login {USER} true")
    before = workshop.machines()[USER]
    yield
    workshop.succeed(f"scripts/login {USER} true")
    assert workshop.machines()[USER] == before


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: re.sub(rf"-l |-e \S+|{USER}| ", "", command))
def test_another_machines_key(workshop: Workshop, pin: Path, command: str) -> None:
    right, booted = pin.read_text(), workshop.boot_time(USER)
    others = (workshop.state / "known_hosts/ws-1").read_text().replace("ssh.ws-1.", f"ssh.{USER}.")
    # The instance id stays: otherwise create pins the key of a machine made anew.
    wrong = re.sub(r"i-[0-9a-f]+", re.search(r"i-[0-9a-f]+", right).group(), others)  # type: ignore[union-attr]
    pin.write_text(wrong)
    refused = workshop.shell(command)
    assert refused.status != 0, refused.text
    assert re.search(r"host key", refused.text, re.IGNORECASE), refused.text
    assert "Traceback" not in refused.text
    assert pin.read_text() == wrong, "a pinned key was overwritten"
    assert workshop.boot_time(USER) == booted


@pytest.mark.parametrize("command", [COMMANDS[0], COMMANDS[3], COMMANDS[4], COMMANDS[7]])
def test_no_key_at_all(workshop: Workshop, pin: Path, command: str) -> None:
    pin.unlink()
    refused = workshop.shell(command)
    assert refused.status != 0, refused.text
    assert USER in refused.text and "known_hosts" in refused.text, refused.text
    assert not pin.exists(), "nobody but create pins keys"


def test_create_pins_from_the_console(workshop: Workshop) -> None:
    # This machine was never stopped: only its first boot shows the keys. Promise 10's test, which runs the same command
    # again, shows that they are pinned once.
    user = "ws-1"
    pin = workshop.state / "known_hosts" / user
    right = pin.read_text()
    pin.unlink()
    try:
        workshop.succeed(f"ansible-playbook fleet_create.yml -e user={user} -e host_identity_console_timeout=60")
        assert pin.read_text() == right
    finally:
        pin.write_text(right)


def test_a_second_administrator_believes_no_late_block(workshop: Workshop) -> None:
    # The user, who is root on her machine, fills the 64 KB that EC2 gives of its console, then prints another key.
    user = "ws-3"
    pin = workshop.state / "known_hosts" / user
    right = pin.read_text()
    create = f"ansible-playbook fleet_create.yml -e user={user} -e host_identity_console_timeout=15"
    pin.unlink()
    try:
        workshop.on_machine(user, "yes 'nothing to see here' | head -c 90000 >/dev/console")
        workshop.succeed(create)
        assert pin.read_text() == right, "what EC2 kept of the boot shows the key"
        pin.unlink()
        other = (workshop.state / "known_hosts/ws-1").read_text().split()[1:3]
        block = "\n".join(["-----BEGIN SSH HOST KEY KEYS-----", " ".join(other), "-----END SSH HOST KEY KEYS-----"])
        workshop.on_machine(user, f"echo '{block}' >/dev/console")
        refused = workshop.shell(create)
        assert refused.status != 0 and not pin.exists(), refused.text
        told = " ".join(refused.text.split())
        assert f"known_hosts/{user} from whoever pinned it" in told and "nothing has to be deleted" in told, told
    finally:
        pin.write_text(right)
    # As handed over by the administrator who made the machine.
    workshop.succeed(f"{create} --check")
    workshop.succeed(f"scripts/login {user} true")
