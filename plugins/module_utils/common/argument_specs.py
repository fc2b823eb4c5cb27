"""Define AnsibleModule options that several modules share.

plugins/doc_fragments documents them. The modules run on the controller.
"""

from __future__ import annotations

from typing import Any

ACCOUNT: dict[str, Any] = {"account_id": {"type": "str", "default": ""}}
"""Options of the fragment probcomp_account."""
DOMAIN: dict[str, Any] = {"stack_domain": {"type": "str", "required": True}}
"""Options of the fragment probcomp_account.domain."""
PRICES: dict[str, Any] = {"price_cache": {"type": "path"}}
"""Options of the fragment probcomp_account.prices."""

# The name of a file is not secret.
CONNECTION: dict[str, Any] = {"private_key_file": {"type": "str", "default": "", "no_log": False}}
"""Options of the fragment probcomp_connection."""
SSH_MACHINE: dict[str, Any] = {
    "user": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 22},
    "admin_user": {"type": "str", "required": True},
    "ssh_name": {"type": "str", "required": True},
    "pin_file": {"type": "path", "required": True},
}
"""Suboptions of a machine to connect to: the fields of probcomp_ssh.Machine."""
MACHINES: dict[str, Any] = {
    "machines": {"type": "list", "elements": "dict", "required": True, "options": SSH_MACHINE},
}
"""Options of the fragment probcomp_connection.machines."""
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
"""Options of the fragment probcomp_stacks."""
