"""Check the names that are typed after -l and -e, before anything else runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.utils.vars import load_extra_vars

from ..module_utils.commands import command_line, extra_vars

_SUFFIXES = ("", ".yml", ".yaml", ".json")
"""Suffixes of the files that Ansible reads in group_vars and host_vars."""


def check(playbooks: list[Path], limit: str | None, root: Path, source: Path, loader: Any) -> None:
    """Refuse a wrong -l, and for our `playbooks` names of -e that nothing knows.

    `root` is our repository, `source` the inventory's, beside which its variables are. `loader` is Ansible's
    DataLoader. Raises AnsibleParserError.
    """
    given = load_extra_vars(loader)
    message = command_line.misuse(playbooks, limit, given)
    if playbooks and not message:
        message = extra_vars.unknown_variable(given, root, lambda: names_in_files((root, source.parent), loader))
    if message:
        raise AnsibleParserError(message)


def names_in_files(folders: Iterable[Path], loader: Any) -> set[str]:
    """Return the names of the variables in group_vars and host_vars of `folders`.

    Files encrypted by ansible-vault are included: `loader` has the vault passwords. Raises AnsibleError.
    """
    found: set[str] = set()
    files = {
        file.resolve(): None
        for folder in folders
        for kind in ("group_vars", "host_vars")
        for file in sorted((folder / kind).resolve().rglob("*"))
        if file.is_file() and file.suffix in _SUFFIXES and not file.name.startswith(".")
    }
    for file in files:
        # Ansible's own cache must not get values that are not trusted as templates.
        variables = loader.load_from_file(str(file), cache="none")
        found.update(map(str, variables if isinstance(variables, dict) else ()))
    return found
