"""Define filters that summarise a command's results on many machines.

Each filter is documented in a file with its own name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Only modules can import from a configured module_utils folder, not plugins on the controller.
from ansible_collections.probcomp.stack.plugins.module_utils.output import host_summary


class FilterModule:
    """Registry of the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "probcomp_contents": host_summary.contents,
            "probcomp_left_behind": host_summary.left_behind,
            "probcomp_messages": host_summary.messages,
            "probcomp_upgrades": host_summary.upgrades,
        }
