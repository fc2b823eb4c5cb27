"""Run a controller module in Ansible's worker, without a new Python process.

A module in its own process unpacks itself and imports boto3 before it does anything: 0.5 s of processor time. The
worker is a fork of ansible-playbook, which has boto3 in memory since it read the inventory (preload.py). An action
plugin is this class under the name ActionModule, in a file with the name of its module.
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
from ansible_collections.probcomp.stack.plugins.module_utils.passwords.files import vault_passwords
from ansible_collections.probcomp.stack.plugins.plugin_utils.vault import decrypter

_PROFILE = "legacy"
"""Serialisation profile of arguments and results, the one of Python modules."""
_MODULES = "ansible_collections.probcomp.stack.plugins.modules"


class ControllerAction(ActionBase):
    """Action that runs the task's module here, with the arguments Ansible always adds."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result."""
        result = super().run(tmp, task_vars)
        if self._connection.transport != "local" or self._connection.become or any(self._task.environment or ()):
            return result | self._execute_module(task_vars=task_vars)
        name = self._task.action.rpartition(".")[2]
        arguments = dict(self._task.args)
        self._update_module_args(name, arguments, task_vars or {})
        with vault_passwords(decrypter(self._loader)):
            output = _output(name, arguments)
        answer = self._parse_returned_data({"stdout": output, "stderr": "", "rc": 0}, _PROFILE)
        return result | answer.as_result_dict(for_round_trip=True)


def _output(name: str, arguments: dict[str, Any]) -> str:
    """Return the module's output."""
    stdout = io.StringIO()
    with _arguments(arguments), contextlib.redirect_stdout(stdout), contextlib.suppress(SystemExit):
        importlib.import_module(f"{_MODULES}.{name}").main()
    return stdout.getvalue()


@contextlib.contextmanager
def _arguments(arguments: dict[str, Any]) -> Iterator[None]:
    """Make AnsibleModule read `arguments` as if they came from standard input."""
    encoder = module_json.get_module_encoder(_PROFILE, module_json.Direction.CONTROLLER_TO_MODULE)
    before = basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}, cls=encoder).encode()
    basic._ANSIBLE_PROFILE = _PROFILE
    try:
        yield
    finally:
        basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = before
