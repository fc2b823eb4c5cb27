"""Define filters that summarise a command's results on many machines.

Each filter is documented in a file with its own name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Only modules can import from a configured module_utils folder, not plugins on the controller.
from ansible_collections.probcomp.stack.plugins.module_utils.output import host_summary, machine_names


class FilterModule:
    """Registry of the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "probcomp_contents": host_summary.contents,
            "probcomp_left_behind": host_summary.left_behind,
            "probcomp_limit": machine_names.limit_pattern,
            "probcomp_messages": host_summary.messages,
            "probcomp_said_once": host_summary.said_once,
            "probcomp_short_names": host_summary.short_names,
            "probcomp_upgrades": host_summary.upgrades,
        }
