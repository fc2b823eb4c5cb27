"""Options that several modules have, as AnsibleModule takes them; plugins/doc_fragments says what they mean.

Used by the modules on the controller.
"""

from __future__ import annotations

from typing import Any

ACCOUNT: dict[str, Any] = {"account_id": {"type": "str", "default": ""}}
"""As the fragment probcomp_account has it."""
DOMAIN: dict[str, Any] = {"stack_domain": {"type": "str", "required": True}}
"""As probcomp_account.domain."""
PRICES: dict[str, Any] = {"price_cache": {"type": "path"}}
"""As probcomp_account.prices."""

# The name of a file is no secret.
CONNECTION: dict[str, Any] = {"private_key_file": {"type": "str", "default": "", "no_log": False}}
"""As probcomp_connection."""
SSH_MACHINE: dict[str, Any] = {
    "user": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "admin_user": {"type": "str", "required": True},
    "ssh_name": {"type": "str", "required": True},
    "pin_file": {"type": "path", "required": True},
}
"""A machine to connect to: the fields of probcomp_ssh.Machine."""
MACHINES: dict[str, Any] = {
    "machines": {"type": "list", "elements": "dict", "required": True, "options": SSH_MACHINE},
}
"""As probcomp_connection.machines."""
_STACK: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "user": {"type": "str"},
    "parameters": {"type": "dict", "default": {}},
    "tags": {"type": "dict", "default": {}},
}
STACKS: dict[str, Any] = {
    "stacks": {"type": "list", "elements": "dict", "required": True, "options": _STACK},
    "submissions_per_second": {"type": "float", "default": 2.0},
    "timeout": {"type": "int", "default": 1800},
}
"""As probcomp_stacks."""
