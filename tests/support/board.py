"""The page of a check, of results as the check itself makes them."""

from __future__ import annotations

from dataclasses import asdict

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.client import Result
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.failures import (
    REPAIRS,
    repair_command,
    repair_commands,
)

from tests.support import ROOT

CHECKED_AT = "2026-05-12T10:00:00+00:00"


def ready(user: str) -> Result:
    """Return the result of a machine that works."""
    return Result(user, f"https://{user}.stack.example.org", True, 1.04)


def failed(user: str, kind: str, reason: str = "", since: str = CHECKED_AT) -> Result:
    """Return the result of a machine that failed in this way."""
    repair = repair_command(REPAIRS[kind], [user], {}) if kind in REPAIRS else ""
    url = f"https://{user}.stack.example.org"
    return Result(user, url, False, 12.34, kind, reason or f"the reason of {user}", repair, since)


def board(
    results: list[Result], groups: dict[str, list[str]] | None = None, unchecked: dict[str, str] | None = None
) -> str:
    """Return the page as the playbook makes it.

    `groups` are the inventory's; `unchecked` are times, by the users whose machines failed in an earlier check.
    """
    failing = {result.user: result.since for result in results if not result.ok} | (unchecked or {})
    check = {
        "machines": {result.user: asdict(result) for result in results},
        "checked_at": CHECKED_AT,
        "failing": {user: {"since": since, "checked_at": since} for user, since in failing.items()},
        "repair_commands": repair_commands([result for result in results if result.kind in REPAIRS], {}),
    }
    text = (ROOT / "playbooks/shared/templates/check.html.j2").read_text()
    variables = {"check": check, "groups": groups or {}}
    return str(Templar(DataLoader(), variables=variables).template(trust_as_template(text)))
