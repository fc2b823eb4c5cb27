"""Filters that say in few lines what a command did to many machines. Each is documented in a file of its own name."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable
from typing import Any

# A configured module_utils folder is importable from modules only, not from plugins on the controller.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "module_utils"))

import probcomp_said


class FilterModule:
    """Registers the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "probcomp_contents": probcomp_said.contents,
            "probcomp_said_once": probcomp_said.said_once,
            "probcomp_upgrades": probcomp_said.upgrades,
        }
