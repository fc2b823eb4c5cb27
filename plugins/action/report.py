"""Write a report as a page for people and as data for programs.

Options and behaviour are described in plugins/modules/report.py. An action plugin writes files of the controller in
this process, in a hundredth of the time that the modules template, copy and file take for them.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import write_whole

_ARGUMENTS: dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "page": {"type": "str"},
    "data": {"type": "dict", "required": True},
}


class ActionModule(ActionBase):
    """Action that writes the two files of a report."""

    _VALID_ARGS = frozenset(_ARGUMENTS)
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the path of the page.

        A failure is reported in one line.
        """
        result = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(_ARGUMENTS)
        page = pathlib.Path(arguments["directory"]) / f"{arguments['name']}.html"
        if self._task.check_mode:
            return result | {"changed": False, "line": f"report: {page} (would be written)"}
        try:
            if arguments["page"] is not None:
                write_whole(page, arguments["page"].encode())
            data = json.dumps(arguments["data"], indent=4, sort_keys=True, ensure_ascii=False)
            write_whole(page.with_suffix(".json"), f"{data}\n".encode())
        except OSError as error:
            return result | {"failed": True, "msg": f"{page} cannot be written ({error.strerror or error})"}
        return result | {"changed": False, "line": f"report: {page}"}
