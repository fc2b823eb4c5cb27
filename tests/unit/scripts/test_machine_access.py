"""The way from the inventory to ssh's arguments.

They are pinned and checked, and nothing of them is run.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import machine_access
import machine_login
import pytest
import ssh_config
from machine_access import Refused, access

TOLD = {
    "state": "running",
    "address": "203.0.113.7",
    "port": "22",
    "admin_user": "ubuntu",
    "private_key_file": "/home/anna/my key",
    "common_arguments": "-o ServerAliveCountMax=9 -o StrictHostKeyChecking=no",
    "ssh_name": "ssh.alice.stack.example.org",
    "pin_file": "/a b/known_hosts/alice",
    "ssh_config_host": "ssh.alice.stack.example.org",
    "state_dir": "/a b",
    "account": "jupyter",
    "home": "/home/jupyter",
}


def settings_of(config: Path, host: str) -> dict[str, str]:
    """Return the real ssh's settings for `host` by the file `config`."""
    said = subprocess.run(["ssh", "-G", "-F", config, host], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("admin_user", "ubuntu -o ProxyCommand=x"),
        ("admin_user", "-oProxyCommand=touch x"),
        ("admin_user", "{{ lookup('pipe', 'touch x') }}"),
        ("admin_user", "%h"),
        ("admin_user", ""),
        ("admin_user", "ubuntu\nProxyCommand touch x"),
        ("address", "203.0.113.7 x"),
        ("address", "-oProxyCommand=x"),
        ("address", "example.org"),
        ("ssh_config_host", "x\n    ProxyCommand touch x"),
        ("ssh_config_host", "-x"),
        ("ssh_config_host", ""),
        ("private_key_file", 'a" "b'),
        ("pin_file", "/x\x1b]0;y"),
        ("pin_file", '/x" "y'),
        ("common_arguments", "-F /tmp/x"),
        ("common_arguments", "-o StrictHostKeyChecking"),
        ("common_arguments", "-o"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(name: str, value: str) -> None:
    with pytest.raises(Refused) as refusal:
        access("alice", {**TOLD, name: value})
    assert str(refusal.value).isprintable()
    assert "alice" in str(refusal.value) or "quotation" in str(refusal.value)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"state": "stopped", "address": ""}, "-l alice stack_start.yml"),
        ({"state": "pending"}, "try again"),
        ({"address": ""}, "no public address"),
        ({}, "stack_create.yml -e user=alice pins it"),
    ],
)
def test_says_why_a_machine_cannot_be_reached(told: dict[str, str], words: str) -> None:
    with pytest.raises(Refused, match=words):
        access("alice", {**TOLD, **told}).require_connection()


def test_ssh_hears_the_pin_before_anything_that_could_undo_it(tmp_path: Path) -> None:
    login = machine_login.arguments(["-o", "StrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "alice", "ls"])
    command = machine_login.command(access("alice", TOLD), login)
    said = subprocess.run([*command[:1], "-G", *command[1:]], capture_output=True, text=True, check=True).stdout
    heard = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    assert heard["stricthostkeychecking"] == "true"
    assert heard["userknownhostsfile"] == "/a b/known_hosts/alice"
    assert heard["identityfile"] == "/home/anna/my key"
    assert heard.get("controlpath", "none") == "none", "a kept connection is not checked against the pin"
    assert (heard["hostname"], heard["port"], heard["user"]) == ("203.0.113.7", "22", "ubuntu")


def test_plain_ssh_reads_the_written_file_as_login_does(tmp_path: Path) -> None:
    told: dict[str, dict[str, Any]] = {
        "alice": TOLD,
        "bob": {**TOLD, "admin_user": "admin", "address": "", "ssh_config_host": "ssh.bob.stack.example.org"},
        "cleo": {**TOLD, "address": "", "ssh_config_host": "", "private_key_file": "/keys/100%"},
    }
    config = tmp_path / "ssh_config"
    content = ssh_config.text([access(user, values) for user, values in told.items()])
    assert ssh_config.write(config, content)
    assert not ssh_config.write(config, content), "the same again is no change"
    assert config.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [config]
    alice = settings_of(config, "alice")
    assert alice["hostname"] == alice["hostkeyalias"] == "ssh.alice.stack.example.org"
    assert alice["userknownhostsfile"] == "/a b/known_hosts/alice"
    assert alice["stricthostkeychecking"] == "true"
    assert settings_of(config, "bob")["user"] == "admin"
    assert "Host cleo" not in content, "nobody would find it"
    assert settings_of(config, "another")["hostname"] == "another"


def test_a_percent_sign_in_a_key_file_is_one(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    ssh_config.write(config, ssh_config.text([access("alice", {**TOLD, "private_key_file": "/keys/100%d"})]))
    assert 'IdentityFile "/keys/100%%d"' in config.read_text()


@pytest.mark.parametrize(
    ("words", "user", "options", "command"),
    [
        (["alice"], "alice", (), ()),
        (["alice", "uptime"], "alice", (), ("uptime",)),
        (["-t", "alice", "top", "-b"], "alice", ("-t",), ("top", "-b")),
        (["-L", "9:h:8", "-N", "alice"], "alice", ("-L", "9:h:8", "-N"), ()),
        (["-NL9:h:8", "alice", "x"], "alice", ("-NL9:h:8",), ("x",)),
        (["-tto", "A=b", "alice"], "alice", ("-tto", "A=b"), ()),
    ],
)
def test_login_tells_ssh_s_options_from_the_command(
    words: list[str], user: str, options: tuple[str, ...], command: tuple[str, ...]
) -> None:
    assert machine_login.arguments(words) == machine_login.Login(user, options, command)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["alice", "-t", "top"], "before the user"),
        (["-l", "root", "alice"], "'-l' is no option"),
        (["-F", "x", "alice"], "'-F' is no option"),
        (["-tS", "x", "alice"], "'-tS' is no option"),
        (["--", "alice"], "'--' is no option"),
        (["-", "alice"], "'-' is no option"),
        (["-L"], "wants a value"),
        (["-t"], "whose machine"),
    ],
)
def test_login_refuses_what_it_does_not_mean(words: list[str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        machine_login.arguments(words)


def test_a_wrong_name_is_answered_without_asking_aws() -> None:
    with pytest.raises(Refused, match="did you mean alice"):
        machine_access.told("Alice")
