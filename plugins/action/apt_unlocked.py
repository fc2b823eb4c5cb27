"""Run a module that calls apt, and repeat it while a lock of apt is held.

Another program holds it, and apt itself does not wait for it. plugins/modules documents the module of this name.
"""

from __future__ import annotations

import re
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.probcomp.stack.plugins.module_utils.output.results import any_text

_OPTIONS = {
    "module": {"type": "str", "choices": ["ansible.builtin.apt", "ansible.builtin.command"], "required": True},
    "arguments": {"type": "dict", "required": True},
    "timeout": {"type": "int", "default": 600},
}
# apt waits for dpkg's locks, but not for these two of another's downloads. Other words of apt have their paths, too.
_IS_LOCKED = re.compile(r"Could not get lock \S*/(?:lists|archives)/lock\b")
_PAUSE = 5


class ActionModule(ActionBase):
    """Action with a limit on the time of all attempts together.

    A task's `until` limits only their number, so that a dishonest machine could prolong the task at will.
    """

    _VALID_ARGS = frozenset(_OPTIONS)
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's last result."""
        result = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(_OPTIONS)
        end = time.monotonic() + options["timeout"]
        while True:
            answer = self._execute_module(options["module"], options["arguments"], task_vars=task_vars)
            words = any_text(answer.get("msg") or "") + any_text(answer.get("stderr") or "")
            if not _IS_LOCKED.search(words) or time.monotonic() + _PAUSE > end:
                return result | dict(answer)
            time.sleep(_PAUSE)
