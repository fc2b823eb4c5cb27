"""Group a machine by the roles that have something to do on it.

The controller's part of role_drift also compares the password, which never leaves the controller.

Options and behaviour are described in plugins/modules/role_drift.py. The machine's answer is data: only roles in the
request become groups.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible_collections.probcomp.stack.plugins.module_utils.output import text as probcomp_text
from ansible_collections.probcomp.stack.plugins.module_utils.output.results import any_text
from ansible_collections.probcomp.stack.plugins.module_utils.passwords import files, jupyter_hash
from ansible_collections.probcomp.stack.plugins.plugin_utils.vault import decrypter

_MODULE = "role_drift"
GROUP_PREFIX = "drifted_"
_MOST_REASONS = 20
_REASON_LENGTH = 200
_ARGUMENTS = {"roles": {"type": "dict", "required": True}, "cloud_init_timeout": {"type": "int", "default": 600}}
_STILL_AT_WORK = (
    "cloud-init is still at work after {} s: cloud-init status --long on the machine says at what; "
    "the same command again goes on, and host_identity_cloud_init_timeout gives it longer"
)
_WAIT_SECONDS = 60
"""Time for which the module itself waits."""
_FOR_THE_MODULE = ("owner", "service", "port", "timeout")


class ActionModule(ActionBase):
    """Action that finds the roles with something to do on a machine."""

    _VALID_ARGS = frozenset({"roles", "cloud_init_timeout"})
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return `drifted`, a list of differences by role.

        A failure is reported in one line.
        """
        result = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(_ARGUMENTS)
        roles: dict[str, dict[str, Any]] = arguments["roles"]
        # The answer holds the machine's hash, and the connection would print it at -vvv.
        self._connection._play_context.no_log = True
        asked = {role: self._asked(expected) for role, expected in roles.items()}
        # An option of its own, since the machine's journal gets the others as they are.
        address = next((str(role["content"].pop("address", "")) for role in asked.values() if "content" in role), "")
        given = {"roles": asked, "content_address": address}
        answer = self._answer(given, arguments["cloud_init_timeout"], task_vars)
        if answer.get("failed") or answer.get("unreachable"):
            return result | {name: answer[name] for name in ("failed", "unreachable", "msg") if name in answer}
        drifted = _drifted(answer, roles)
        passwords = answer.get("passwords")
        for role, expected in roles.items():
            if "password" in expected and role not in drifted:
                state = passwords.get(role) if isinstance(passwords, dict) else None
                if not self._is_set(expected["password"], state if isinstance(state, dict) else {}):
                    drifted[role] = ["the password is another, or Jupyter does not run with it"]
        if drifted:
            self.add_host(
                host_name=(task_vars or {})["inventory_hostname"],
                parent_group_names=[GROUP_PREFIX + role for role in drifted],
                host_vars={},
            )
        if failure := probcomp_text.one_line(any_text(answer.get("cloud_init_failure") or ""), _REASON_LENGTH):
            result["msg"] = f"its cloud-init failed, which may not matter: {failure}; cloud-init status --long has all"
        return result | {"changed": False, "drifted": drifted}

    def _answer(self, given: dict[str, Any], seconds: int, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return the module's answer, asked again while cloud-init runs.

        In one long request a machine that hangs could not be told from one that is busy. It ends after `seconds`.
        """
        end = time.monotonic() + seconds
        # An honest machine waits for most of a minute before it answers so; one that lies may answer at once.
        for _ in range(seconds // _WAIT_SECONDS + 2):
            left = max(0, int(end - time.monotonic()))
            answer = self._execute_module(_MODULE, {**given, "cloud_init_timeout": left}, task_vars=task_vars)
            if answer.get("cloud_init_runs") is not True:
                return dict(answer)
            if not left:
                break
        return {"failed": True, "msg": _STILL_AT_WORK.format(seconds)}

    def _asked(self, expected: dict[str, Any]) -> dict[str, Any]:
        """Return the part of `expected` that is sent to the machine.

        It has no password file, and checksums in place of templates.
        """
        asked = dict(expected)
        if "password" in asked:
            asked["password"] = {name: asked["password"][name] for name in _FOR_THE_MODULE}
        if "content" in asked:
            asked["content"] = dict(asked["content"])
        if "files" in asked:
            asked["files"] = [self._file(wanted) for wanted in asked["files"]]
        return asked

    def _file(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if "template" not in wanted:
            return wanted
        # The template lookup would copy all variables first, which takes longer than all other steps together.
        template = trust_as_template(self._loader.get_text_file_contents(wanted["template"]))
        text = self._templar.template(template, escape_backslashes=False)
        kept = {name: value for name, value in wanted.items() if name != "template"}
        return {**kept, "sha256": hashlib.sha256(text.encode()).hexdigest()}

    def _is_set(self, wanted: dict[str, Any], state: dict[str, Any]) -> bool:
        """Return whether the machine's Jupyter runs with the password in the file.

        The result is also False when the file cannot be read.
        """
        if not state.get("is_well"):
            return False
        try:
            password = files.read_password(
                wanted["password_file"], wanted["minimum_length"], [], mend=False, decrypt=decrypter(self._loader)
            )
        except files.PasswordFileError:
            return False  # The role reports the problem of the file.
        return jupyter_hash.is_hash_of(str(state.get("hash", "")), password)


def _drifted(answer: dict[str, Any], roles: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Return the machine's differences of these roles as lines of limited length."""
    drifted = answer.get("drifted")
    if not isinstance(drifted, dict):
        return {}
    return {
        role: [
            probcomp_text.one_line(any_text(reason), _REASON_LENGTH) for reason in list(drifted[role])[:_MOST_REASONS]
        ]
        for role in roles
        if isinstance(drifted.get(role), list)
    }
