"""Refuse a zone that is no domain name before any template evaluates it.

Every name that follows from the zone is refused with it.

A zone given by -e is code to Ansible, so the plugin takes it unevaluated; a zone of group_vars or host_vars is the
administrator's own, and may be a template. Options and behaviour are described in plugins/modules/zone_name.py. The
plugin only reads variables.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.probcomp.stack.plugins.module_utils.commands import extra_vars
from ansible_collections.probcomp.stack.plugins.module_utils.common import names
from ansible_collections.probcomp.stack.plugins.module_utils.output.host_summary import short_names


class ActionModule(ActionBase):
    """Action that fails with one line for each wrong zone of the play's hosts."""

    _VALID_ARGS = frozenset[str]()
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check the zone given by -e, else that of each host of the play."""
        result = super().run(tmp, task_vars)
        given = load_extra_vars(self._loader)
        if "zone" in given:
            problem = extra_vars.setting_problem("zone", given["zone"]) or _problem(given["zone"])
            problems = [problem] if problem else []
        else:
            problems = _problems_of_hosts(task_vars or {})
        return result | ({"failed": True, "msg": "\n".join(problems)} if problems else {"changed": False})


def _problems_of_hosts(variables: dict[str, Any]) -> list[str]:
    """Return the problems of the zones of the play's hosts.

    A problem names its host only where not all hosts have that zone.
    """
    hosts = variables["ansible_play_hosts"]
    found: dict[str, list[str]] = {}
    for host in hosts:
        if problem := _problem(variables["hostvars"][host].get("zone")):
            found.setdefault(problem, []).append(host)
    return [problem if users == hosts else f"{short_names(users)}: {problem}" for problem, users in found.items()]


def _problem(zone: object) -> str:
    try:
        names.check_zone(zone)
    except names.InvalidZone as error:
        return str(error)
    return ""
