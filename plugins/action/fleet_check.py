"""Runs the module of this name in Ansible's worker: plugins/modules has its options and what it does."""

from __future__ import annotations

import pathlib
import sys

# Ansible makes the configured module_utils importable for modules only, not for plugins on the controller.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "module_utils"))
from probcomp_controller_action import ControllerAction as ActionModule  # noqa: F401
