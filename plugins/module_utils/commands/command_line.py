"""Check that a command line fits its playbook.

A command takes -l for existing machines, and -e for names of machines to create or delete.

Runs on the controller, from the inventory plugin, the first part of ours that runs in any command. Ansible by itself
skips a play on localhost under -l, and ends with status 0. The module reads playbooks and changes nothing.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import yaml
from ansible.inventory.manager import split_host_pattern

from ..common import names as probcomp_names
from ..output.host_summary import listed, people

NEED_NO_ACCOUNT = frozenset({"create_passwords.yml", "share_logs.yml", "url_cards.yml"})
"""Commands that need no AWS, and must not wait for it when it is unreachable."""

NAME_STRANGERS = frozenset({"stack_start.yml", "stack_stop.yml", "stack_update.yml"})
"""Commands that name those of others' instances that their -l would mean.

These instances have names like ours. Plans of creates and deletes name those of their users, `stack_list.yml` and
`burn_rate.yml` all. Other commands do nothing that costs or saves money.
"""

_NAMES = ("user", "users", "base", "low", "high", "roster")
"""Settings of -e that name machines to create or delete."""

_WITHOUT_LIMIT = {
    "ami_bake.yml": ("it makes a machine of its own", ""),
    "burn_rate.yml": ("it counts all that is paid for", ""),
    "network_delete.yml": (
        "it deletes the network that -e network= names",
        "stack_delete.yml -e user=alice deletes a machine",
    ),
    "publish_content.yml": ("all machines take the same archive", "-l alice grab_content.yml brings it to hers"),
    "share_logs.yml": ("it copies all logs that were fetched", "-l alice fetch_logs.yml fetches hers alone"),
    "stack_list.yml": ("it lists everybody's machines", "-l alice fleet_check.yml looks at hers alone"),
}
"""Reasons why a command takes no -l, each with the command to use instead."""

DEFAULTS = Path("group_vars/all/defaults.yml")
"""Path of our defaults, in the folder of an inventory source.

Ansible reads the folder in the order of names, and the last file wins.
"""

_IMPORT_KEYS = ("ansible.builtin.import_playbook", "import_playbook")
_DEEPEST_IMPORT = 5


def our_playbooks(arguments: object, root: Path) -> list[Path]:
    """Return our playbooks among the command's `arguments`.

    They are in `root` or in its `playbooks` folder. For a command other than ansible-playbook (ad-hoc: a pattern as
    text; ansible-inventory: none) the list is empty.
    """
    if not isinstance(arguments, list | tuple):
        return []
    folders = (root.resolve(), root.resolve() / "playbooks")
    paths = (Path(str(argument)).resolve() for argument in arguments)
    return [path for path in paths if path.is_file() and path.parent in folders]


def first_hosts(playbook: Path) -> str | None:
    """Return `hosts` of the first play that runs with `playbook`, None if unknown."""
    hosts = first_play(playbook).get("hosts")
    if isinstance(hosts, list) and len(hosts) == 1:
        hosts = hosts[0]
    return hosts if isinstance(hosts, str) else None


def takes_names(playbook: Path) -> bool:
    """Return whether `playbook` needs machine names by -e.

    It does unless its first play says that no names are required.
    """
    tasks = first_play(playbook).get("tasks")
    listed = tasks if isinstance(tasks, list) else []
    checks = [task.get("fleet_names") for task in listed if isinstance(task, dict)]
    return not any(isinstance(options, dict) and options.get("names_required") is False for options in checks)


def first_play(playbook: Path, depth: int = 0) -> dict[str, Any]:
    """Return the first play that runs with `playbook`, empty if unknown."""
    try:
        plays = yaml.safe_load(playbook.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}  # Ansible gives a better error for a playbook that cannot be read.
    first = plays[0] if isinstance(plays, list) and plays else None
    if not isinstance(first, dict):
        return {}
    imported = next((first[key] for key in _IMPORT_KEYS if key in first), None)
    if imported is not None:
        return first_play(playbook.parent / str(imported), depth + 1) if depth < _DEEPEST_IMPORT else {}
    return first


def overridden_settings(source: Path) -> list[Path]:
    """Return the settings files beside `source` that our defaults override by name.

    `source` is an inventory source.
    """
    defaults = source.parent / DEFAULTS
    if not defaults.is_file():
        return []
    kinds = ("", ".yml", ".yaml", ".json")
    return [
        file for file in sorted(defaults.parent.iterdir())
        if file.name < defaults.name and file.suffix in kinds and not file.name.startswith(".")
    ]  # fmt: skip


def starts_on_localhost(playbooks: Iterable[Path]) -> bool:
    """Return whether the first of `playbooks` begins on the controller.

    Such a playbook creates or deletes machines, or only reports.
    """
    first = next(iter(playbooks), None)
    return first is not None and first_hosts(first) == "localhost"


def needs_account(playbooks: Iterable[Path]) -> bool:
    """Return whether the running program needs the list of existing machines.

    The program is one of `playbooks` or another command.
    """
    names = {playbook.name for playbook in playbooks}
    return not names or not names <= NEED_NO_ACCOUNT


def names_strangers(playbooks: Iterable[Path]) -> bool:
    """Return whether the command names the machines of others that its -l would mean."""
    return {playbook.name for playbook in playbooks} & NAME_STRANGERS != set()


def meant(limit: str | None, machine: str, ours: Collection[str]) -> bool:
    """Return whether `limit` would mean a machine with the Name tag `machine`.

    `limit` is the value of -l, and the machine is taken for one of ours. `ours` are the names of our machines and
    fleets, which mean no other. Any other group may have any machine in it; so may a file and a regular expression.
    """
    user = probcomp_names.user_of_instance_tag(machine) or ""
    base, _, number = user.rpartition("-")
    own = base.replace("-", "_") if number.isdecimal() else ""
    patterns = split_host_pattern(limit or "")
    is_left_out = False
    # Patterns that only take away, or only narrow, do so from all.
    is_meant = bool(patterns) and all(pattern.startswith(("!", "&")) for pattern in patterns)
    for pattern in patterns:
        name = pattern.lstrip("!").partition("[")[0]
        fits = fnmatch.fnmatchcase(user, name) or name == own
        if pattern.startswith("!"):
            is_left_out = is_left_out or fits
        elif set(name) & {"*", "?"}:
            is_meant = is_meant or fits or any(fnmatch.fnmatchcase(group, name) for group in ("all", "users"))
        elif not pattern.startswith("&"):
            is_meant = is_meant or fits or name not in ours
    return is_meant and not is_left_out


def misuse(playbooks: Iterable[Path], limit: str | None, given: Iterable[str] = ()) -> str | None:
    """Return the error message for a wrong or missing `limit` (-l), else None.

    `given` are the names of the settings of -e. The check covers our own commands.
    """
    ways = [name for name in _NAMES if name in given]
    for playbook in playbooks:
        hosts = first_hosts(playbook)
        if hosts == "localhost" and limit and not takes_names(playbook):
            why, other = _WITHOUT_LIMIT.get(playbook.name, ("it is about no machines in particular", ""))
            hint = f"; ansible-playbook {other}" if other else ""
            return f"{playbook.name} takes no -l, for {why}: leave -l out{hint}"
        if hosts == "localhost" and limit:
            return (
                f"{playbook.name} takes its names by -e (user=, users=, base= low= high=, roster=); "
                "-l chooses machines that exist: leave it out"
            )
        if hosts == "users" and not limit:
            return (
                f"{playbook.name}: say which machines with -l: -l alice, -l ws, -l users for all; nothing was touched"
            )
        if hosts == "users" and ways:
            return (
                f"{playbook.name} takes its machines by -l alone, and -e {'= and '.join(ways)}= names some, too: "
                "leave out what names machines in -e; nothing was touched"
            )
    return None


def unknown_names(limit: str | None, hosts: Iterable[str], groups: Iterable[str]) -> str | None:
    """Return the error message for unknown names in -l, else None.

    A known name is in `hosts` or in `groups`. Ansible checks files (@...), wildcards, slices and regular expressions.
    """
    known = {*hosts, *groups, "localhost"}
    names = [pattern.lstrip("!&") for pattern in split_host_pattern(limit or "") if not pattern.startswith(("@", "~"))]
    unknown = [name for name in names if name not in known and not set(name) & set("*?[]~@")]
    if not unknown:
        return None
    candidates = known - {"all", "ungrouped", "localhost"}
    near = dict.fromkeys(found for name in unknown for found in probcomp_names.nearest(name, candidates))
    shown = people(_plain(name) for name in unknown)
    hint = f"nearest: {listed([*near], 4)}" if near else "ansible-inventory --graph shows those that exist"
    return f"no such machine: {shown}; {hint}"


def _plain(name: str) -> str:
    return name if probcomp_names.USER_NAME.fullmatch(name) else probcomp_names.shown(name)
