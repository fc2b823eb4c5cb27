"""Presign in Ansible's worker, and keep the address out of all output.

plugins/modules documents the module of this name.
"""

from __future__ import annotations

from typing import Any

from ansible import constants as C
from ansible_collections.probcomp.stack.plugins.plugin_utils.controller_action import ControllerAction


class ActionModule(ControllerAction):
    """Action that runs the module here, and shows its errors alone."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        if C.DEFAULT_KEEP_REMOTE_FILES or not C.config.get_config_value("ANSIBLE_PIPELINING"):
            problem = (
                "content: an address of s3 is secret, and would lie in a file on each machine: leave pipelining on "
                "(ANSIBLE_PIPELINING), and unset ANSIBLE_KEEP_REMOTE_FILES"
            )
            return {"failed": True, "msg": problem}
        result = super().run(tmp, task_vars)
        # A task with no_log would hide its errors too.
        return result if result.get("failed") else result | {"_ansible_no_log": True}
