"""Promise 4: pinned keys stay as they were pinned, and ssh finds them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import known_hosts as pins
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.host_keys import host_keys

from tests.support.console_text import ECDSA, ED25519, keys_block

FIRST, SECOND = "i-00000000000000001", "i-00000000000000002"
SSH_NAME = "ssh.alice.stack.example.org"


def test_pin_files(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts" / "alice"
    assert pins.read_pin(path, SSH_NAME) is None
    pin = pins.Pin(FIRST, tuple(host_keys(keys_block(ED25519, ECDSA))))
    pins.write_pin(path, SSH_NAME, pin)
    assert pins.read_pin(path, SSH_NAME) == pin
    assert path.read_text().splitlines()[0] == f"{SSH_NAME} {ED25519} {FIRST}"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["alice"]


def test_ssh_finds_the_pinned_key_by_its_plain_name(tmp_path: Path) -> None:
    # With HostKeyAlias ssh looks for the alias unchanged, whatever the port: no [name]:port.
    path = tmp_path / "alice"
    pins.write_pin(path, SSH_NAME, pins.Pin(FIRST, tuple(host_keys(keys_block(ED25519)))))
    command = ["ssh-keygen", "-F", SSH_NAME, "-f", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    assert ED25519 in result.stdout


def test_a_pin_of_a_zone_once_written_in_upper_case_holds(tmp_path: Path) -> None:
    path = tmp_path / "alice"
    pin = pins.Pin(FIRST, tuple(host_keys(keys_block(ED25519))))
    pins.write_pin(path, "ssh.alice.stack.Example.org", pin)
    assert pins.read_pin(path, "ssh.alice.stack.example.org") == pin
    command = ["ssh-keygen", "-F", "ssh.alice.stack.example.org", "-f", str(path)]
    assert ED25519 in subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout


@pytest.mark.parametrize(
    "text",
    [
        f"other.example.org {ED25519} {FIRST}\n",
        f"{SSH_NAME} {ED25519}\n",
        f"{SSH_NAME} {ED25519[:-8]} {FIRST}\n",
        f"{SSH_NAME} {ED25519} {FIRST}\n{SSH_NAME} {ECDSA} {SECOND}\n",
        f"* {ED25519} {FIRST}\n",
        "junk\n",
        "é\n",
    ],
)
def test_a_pin_file_that_was_changed_is_not_used(tmp_path: Path, text: str) -> None:
    path = tmp_path / "alice"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(pins.PinError):
        pins.read_pin(path, SSH_NAME)
