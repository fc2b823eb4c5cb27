"""Set a Jupyter password from the controller and send a new hash only if needed.

The controller's part of jupyter_password reads the password file and compares.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.probcomp.stack.plugins.module_utils.passwords import files, jupyter_hash
from ansible_collections.probcomp.stack.plugins.plugin_utils.vault import decrypter

_MODULE = "jupyter_password"
_SHOWN = ("changed", "failed", "msg", "unreachable", "exception")
_FOR_THE_MODULE = ("owner", "service", "port", "timeout", "environment")


class ActionModule(ActionBase):
    """Action that sets a machine's Jupyter password from a file on the controller."""

    _VALID_ARGS = frozenset({"password_file", "password_directory", "minimum_length", *_FOR_THE_MODULE})
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return `changed`, `msg`, `left_behind`, and warnings about the password file.

        A failure is reported in one line.
        """
        result = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "password_file": {"type": "path", "required": True},
                "password_directory": {"type": "path"},
                "minimum_length": {"type": "int", "default": 12},
                **{name: {"type": "raw"} for name in _FOR_THE_MODULE},
            }
        )
        options = {name: arguments[name] for name in _FOR_THE_MODULE if arguments[name] is not None}
        notes: list[str] = []
        try:
            password = files.read_password(
                arguments["password_file"],
                arguments["minimum_length"],
                notes,
                mend=not self._task.check_mode,
                decrypt=decrypter(self._loader),
                own=arguments["password_directory"],
            )
        except files.PasswordFileError as error:
            return result | {"failed": True, "msg": str(error)}
        if notes:
            result["warnings"] = notes
        # The answer holds the machine's hash, and the connection would print it at -vvv. The task has no no_log, so
        # that its errors are shown.
        self._connection._play_context.no_log = True
        found = self._execute_module(_MODULE, {**options, "state": "read"}, task_vars=task_vars)
        if found.get("failed"):
            return result | _without_hash(found)
        result["left_behind"] = found.get("left_behind", [])
        old_hash = str(found.get("hash", ""))
        is_right = jupyter_hash.is_hash_of(old_hash, password)
        if is_right and found.get("is_well"):
            return result | {"changed": False}
        if not is_right:
            result["diff"] = difference(old_hash, str(arguments["password_file"]))
        if self._task.check_mode:
            return result | {"changed": True}
        new_hash = old_hash if is_right else jupyter_hash.make_hash(password)
        done = self._execute_module(_MODULE, {**options, "state": "present", "hash": new_hash}, task_vars=task_vars)
        return result | _without_hash(done)


def difference(old_hash: str, file: str) -> dict[str, str]:
    """Return for --diff that the pass phrase changes, without it and its hash."""
    before = "hash of another pass phrase" if old_hash else "no pass phrase"
    header = "password of Jupyter"
    return {
        "before": f"{before}\n",
        "after": f"hash of the pass phrase in {file}\n",
        "before_header": header,
        "after_header": header,
    }


def _without_hash(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a module's result that users need, without password hashes."""
    kept: dict[str, Any] = {name: answer[name] for name in _SHOWN if name in answer}
    if "$argon2" in str(kept):
        kept |= {"msg": "the machine's answer cannot be shown, it holds its password's hash"}
        kept.pop("exception", None)
    return kept
