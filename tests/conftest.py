"""Makes the project's module_utils importable as in a module: ansible.cfg does it for ansible alone."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[1] / "plugins/module_utils"))
