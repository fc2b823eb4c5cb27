"""Check the options for sharing logs: the destination and ssh's settings file.

The functions take values and return problems as text. On the controller, the action plugin fleet_names runs them before
any template evaluates a value of -e. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# A part that begins with a dash would be an option to ssh or rsync; host::module and rsync:// would bypass ssh. The
# path has no character that a remote shell would interpret: rsync before 3.2.4 does not quote it.
_DESTINATION = re.compile(
    r"(?:[A-Za-z_][A-Za-z0-9._-]*@)?"
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])"
    r":(?P<path>(?:~?/)?[A-Za-z0-9_][A-Za-z0-9._/+@=-]*)"
)


def destination_problem(value: object) -> str | None:
    """Return the problem of a destination for shared logs, or None."""
    if value == "":
        return "say where to: user@host:/path, in group_vars/all/local.yml or by -e"
    found = _DESTINATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return "give user@host:/path, a folder on a host that ssh reaches, without blanks and other special signs"
    return "its path leaves a folder again (..)" if ".." in found["path"].split("/") else None


def _config_problem(value: object) -> str | None:
    valid = isinstance(value, str) and (value == "" or value.startswith(("/", "~/")))
    return None if valid else "give the absolute path of a file for ssh -F"


SETTINGS: dict[str, Callable[[object], str | None]] = {
    "logs_share_destination": destination_problem,
    "logs_share_ssh_config": _config_problem,
}
"""Options of share_logs.yml for -e, each with the function that checks it."""
