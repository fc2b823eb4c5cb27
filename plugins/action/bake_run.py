"""Record the state of the image that ami_bake.yml makes.

Runs on the controller and writes one file in its state directory.
"""

from __future__ import annotations

import multiprocessing
import os
import pathlib
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import bake_run

_MACHINE = {name: {"type": "str", "default": ""} for name in ("instance_id", "state", "note", "launched")}


class ActionModule(ActionBase):
    """Action that begins or continues a run, records its stage, or ends it."""

    _VALID_ARGS = frozenset({"path", "step", "cancel", "machine", "versions"})
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Carry out one step.

        A failure is reported in one line.
        """
        super().run(tmp, task_vars)
        _result, options = self.validate_argument_spec(
            argument_spec={
                "path": {"type": "path", "required": True},
                "step": {"type": "str", "choices": ["begin", *bake_run.STAGES, "end"], "required": True},
                "cancel": {"type": "bool", "default": False},
                "machine": {"type": "dict", "options": _MACHINE, "default": {}},
                "versions": {"type": "dict", "default": {}},
            }
        )
        path = pathlib.Path(options["path"])
        try:
            return self._step(path, options)
        except bake_run.RunError as error:
            return {"failed": True, "msg": str(error)}
        except OSError as error:
            return {"failed": True, "msg": f"{path}: {error.strerror or error}"}

    def _step(self, path: pathlib.Path, options: dict[str, Any]) -> dict[str, Any]:
        is_checking = self._task.check_mode
        if options["step"] == "begin":
            # The run belongs to ansible-playbook, the parent of this worker. If that had just been killed, os.getppid()
            # would return process 1, which never ends, and the run would count as alive for ever.
            parent = multiprocessing.parent_process()
            process = bake_run.identity((parent and parent.pid) or os.getpid())
            run = bake_run.begin(path, process, write=not is_checking)
            given = {name: value or "" for name, value in options["machine"].items()}
            found = bake_run.plan(run, bake_run.BakeMachine(**given), options["cancel"])
            return {"changed": False, **bake_run.as_data(run, found)}
        kept = bake_run.read(path)
        if options["step"] == "end":
            if not is_checking:
                path.unlink(missing_ok=True)
            return {"changed": False, **(bake_run.as_data(kept) if kept else {})}
        if kept is None:
            raise bake_run.RunError(f"{path} is gone or damaged: the same command begins anew")
        kept.stage = options["step"]
        kept.launched = (options["machine"]["launched"] or "")[:10]
        kept.versions = {**kept.versions, **{str(name): str(value) for name, value in options["versions"].items()}}
        if not is_checking:
            bake_run.save(path, kept)
        return {"changed": False, **bake_run.as_data(kept)}
