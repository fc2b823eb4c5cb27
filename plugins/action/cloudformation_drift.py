"""Run the module of this name in Ansible's worker.

plugins/modules documents its options and behaviour.
"""

from __future__ import annotations

from ansible_collections.probcomp.stack.plugins.plugin_utils.controller_action import ControllerAction as ActionModule  # noqa: F401
