"""Runs the module content_publish in Ansible's worker; options and behaviour are described in plugins/modules/content_publish.py."""

from __future__ import annotations

import pathlib
import sys

# Ansible makes the configured module_utils importable for modules only, not for plugins on the controller.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "module_utils"))
from probcomp_controller_action import ControllerAction as ActionModule  # noqa: F401
