"""Action of the modules that run on the controller: it runs them in Ansible's worker, not in a Python of their own.

A module in a process of its own unpacks itself and imports boto3 before it does anything: 0.5 s of processor time.
The worker is a fork of ansible-playbook, which has boto3 in memory since it read the inventory (preload.py). An
action plugin is this class under the name ActionModule, in a file with the name of its module.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from collections.abc import Iterator
from typing import Any

from ansible.module_utils import basic
from ansible.module_utils.common import json as module_json
from ansible.plugins.action import ActionBase

_PROFILE = "legacy"
"""How arguments and results are written, the one that modules in Python have."""
_MODULES = "ansible_collections.probcomp.stack.plugins.modules"


class ControllerAction(ActionBase):
    """Runs the module of the task's name here, with what Ansible tells every module."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        if self._connection.transport != "local" or self._connection.become or any(self._task.environment or ()):
            return result | self._execute_module(task_vars=task_vars)
        name = self._task.action.rpartition(".")[2]
        arguments = dict(self._task.args)
        self._update_module_args(name, arguments, task_vars or {})
        output = _output(name, arguments)
        answer = self._parse_returned_data({"stdout": output, "stderr": "", "rc": 0}, _PROFILE)
        return result | answer.as_result_dict(for_round_trip=True)


def _output(name: str, arguments: dict[str, Any]) -> str:
    """Return what the module prints."""
    stdout = io.StringIO()
    with _arguments(arguments), contextlib.redirect_stdout(stdout), contextlib.suppress(SystemExit):
        importlib.import_module(f"{_MODULES}.{name}").main()
    return stdout.getvalue()


@contextlib.contextmanager
def _arguments(arguments: dict[str, Any]) -> Iterator[None]:
    """Have AnsibleModule find `arguments` as if they had come by its standard input."""
    encoder = module_json.get_module_encoder(_PROFILE, module_json.Direction.CONTROLLER_TO_MODULE)
    before = basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, cls=encoder).encode()
    basic._ANSIBLE_PROFILE = _PROFILE
    try:
        yield
    finally:
        basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = before
