"""Filters that say in few lines what a command did to many machines. Each is documented in a file of its own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# A configured module_utils folder is importable from modules only, not from plugins on the controller.
from ansible_collections.probcomp.stack.plugins.module_utils.output import host_summary


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "probcomp_contents": host_summary.contents,
            "probcomp_said_once": host_summary.said_once,
            "probcomp_upgrades": host_summary.upgrades,
        }
