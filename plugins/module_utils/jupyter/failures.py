"""Describe the failures of a machine check and the commands that fix them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from ..output.machine_names import Groups, limit_pattern, names_argument
from ..output.text import one_line

if TYPE_CHECKING:
    from .client import Result

CREATE = "stack_create.yml"
"""Playbook that creates missing parts, the network too.

It takes its machines by name and not by -l.
"""
START = "stack_start.yml"
"""Playbook that starts machines, and corrects DNS names and drift from stacks."""
DRIFT = "drift"
"""Kind of a failure whose cause AWS names: the machine differs from its stack."""
BY_AWS = ("connection", "rule", "ssh", "unavailable")
"""Kinds whose cause can be at AWS."""
UNSET = "unset"
"""Kind of a machine on which no pass phrase was set: nothing was tried with one."""
NO_PHRASE = "no pass phrase was set on the machine yet, and without one its Jupyter does not start"
REPAIRS = {
    "name": START,
    DRIFT: START,
    "connection": CREATE,
    "unavailable": "restart_jupyter.yml",
    "password": "set_password.yml",
    UNSET: "set_password.yml",
    "open": "set_password.yml",
    "kernel": "restart_jupyter.yml",
}
"""Playbook that repairs each kind of failure.

A kind without an entry needs a person.
"""


def repair_command(playbook: str, users: list[str], groups: Groups) -> str:
    """Return the command line that runs `playbook` on the machines of `users` only.

    `groups` are the inventory's, with their hosts.
    """
    if playbook == CREATE:
        return f"ansible-playbook {playbook} -e {names_argument(users, groups)}"
    return f"ansible-playbook -l {limit_pattern(users, groups)} {playbook}"


def repair_commands(results: list[Result], groups: Groups) -> list[str]:
    """Return repair commands for the failed `results`, one per kind of repair.

    Each command is limited to its machines; `groups` are the inventory's, with their hosts.
    """
    users: dict[str, list[str]] = {}
    for result in results:
        if result.repair and not result.repair.startswith("aws "):
            users.setdefault(REPAIRS[result.kind], []).append(result.user)
    # A command of AWS's own tool is about one machine's parts.
    others = [result.repair for result in results if result.repair.startswith("aws ")]
    return [*(repair_command(playbook, names, groups) for playbook, names in users.items()), *others]


class CheckFailed(Exception):
    """Failure of a step of the check.

    `is_passing` is true when the step may succeed a little later.
    """

    def __init__(self, kind: str, reason: str, is_passing: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        self.is_passing = is_passing


def explained(error: aiohttp.ClientError, host: str) -> CheckFailed:
    """Return the failure for an error of the connection to `host`."""
    no_name = CheckFailed("name", f"the name {host} does not resolve: {START} puts the names right", True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return no_name
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        detail = getattr(error.certificate_error, "verify_message", "") or "not valid"
        what = f"the certificate of {host} is not trusted ({one_line(str(detail), 100)})"
        return CheckFailed("tls", f"{what}: check certificate_arn, and ca_bundle for an authority of your own")
    if isinstance(error, aiohttp.ClientSSLError):
        reason = getattr(error.os_error, "reason", "") or ""
        # A server without a certificate for this name answers so; in the rehearsal this stands for a missing record.
        if "UNRECOGNIZED_NAME" in reason:
            return no_name
        return CheckFailed("tls", f"no TLS connection to {host} ({one_line(reason, 100)}): check the listener", True)
    if isinstance(error, aiohttp.ClientConnectorError):
        detail = one_line(error.os_error.strerror or "", 100)
        return CheckFailed("connection", f"cannot connect to {host} ({detail}): see whether its network stands", True)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError):
        return CheckFailed("connection", f"{host} cut the connection: see whether Jupyter stays up", True)
    return CheckFailed("protocol", f"{host} answers what no Jupyter does ({type(error).__name__}): look at its journal")
