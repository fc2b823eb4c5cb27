"""Connect modules to a machine by ssh with its pinned host key only.

Port forwarding and local commands are off. Runs on the controller. The options are those of every connection to a
machine, except those that only Ansible needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..output.text import one_line
from .pinned_options import option_arguments, pinned_options, quoted_path

CONNECT_SECONDS = 15
"""Seconds for opening a connection, as in ansible.cfg."""

NO_CONNECTION = 255
"""Exit status of ssh when the connection failed."""


@dataclass(frozen=True)
class Machine:
    """Address and user of a machine.

    `pin_file` holds its host key under the name `ssh_name`.
    """

    user: str
    address: str
    port: int
    admin_user: str
    ssh_name: str
    pin_file: str


def ssh_words(machine: Machine, private_key_file: str, connect_timeout: int = CONNECT_SECONDS) -> list[str]:
    """Return the ssh arguments to `machine` that precede address and command.

    `private_key_file` is empty when the ssh agent holds the key; `connect_timeout` is in seconds.
    """
    options = {
        **pinned_options(machine.ssh_name, machine.pin_file),
        "ClearAllForwardings": "yes",
        "PermitLocalCommand": "no",
        "ControlPath": "none",
        "KexAlgorithms": "curve25519-sha256,curve25519-sha256@libssh.org",
        "ConnectTimeout": str(connect_timeout),
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "4",
        "LogLevel": "ERROR",
        "Port": str(machine.port),
    }
    if private_key_file:
        options |= {"IdentityFile": quoted_path(private_key_file), "IdentitiesOnly": "yes"}
    return ["ssh", "-T", *option_arguments(options), "-l", machine.admin_user]


def why_no_connection(machine: Machine, stderr: str) -> str:
    """Return in one line why ssh ended with NO_CONNECTION.

    `stderr` is ssh's error output.
    """
    if "IDENTIFICATION HAS CHANGED" in stderr or "Host key verification failed" in stderr:
        return f"another host key than the one in {machine.pin_file} answers at {machine.address}"
    reason = one_line(stderr, 200) or "no reason given"
    return f"no ssh connection to {machine.admin_user}@{machine.address}:{machine.port} ({reason})"
