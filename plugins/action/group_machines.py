"""Put the machines of a play in given states into a group, in one task."""

from __future__ import annotations

import pathlib
from typing import Any

from ansible.plugins.action import ActionBase

_OPTIONS = {
    "group": {"type": "str", "required": True},
    "states": {"type": "list", "elements": "str", "default": ["running"]},
    "pinned_only": {"type": "bool", "default": False},
    "unpinned_group": {"type": "str", "default": "unpinned"},
    "state_dir": {"type": "path", "default": ""},
    "count_skipped": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """Action that groups the hosts of the play."""

    _VALID_ARGS = frozenset(_OPTIONS)
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the users of both groups, and those of neither where they count."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        _, options = self.validate_argument_spec(_OPTIONS)
        pins = pathlib.Path(options["state_dir"], "known_hosts")
        users: list[str] = []
        unpinned: list[str] = []
        skipped: list[str] = []
        for user in variables["ansible_play_hosts"]:
            if variables["hostvars"][user].get("probcomp_state") not in options["states"]:
                skipped.append(user)
                continue
            is_pinned = not options["pinned_only"] or (pins / user).is_file()
            (users if is_pinned else unpinned).append(user)
        for group, members in ((options["group"], users), (options["unpinned_group"], unpinned)):
            for user in members:
                self.add_host(host_name=user, parent_group_names=[group], host_vars={})
        counted = {"skipped_users": skipped} if options["count_skipped"] else {}
        return result | {"changed": False, "users": users, "unpinned_users": unpinned, **counted}
