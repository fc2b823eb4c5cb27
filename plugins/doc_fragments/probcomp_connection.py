"""Document options for connecting to machines with the pinned key only.

The modules run on the controller. The options themselves are in module_utils/common/argument_specs.py; a test of the
layout compares them.
"""

from textwrap import indent

_SSH_MACHINE = r"""
user:
  description: Whose machine.
  type: str
  required: true
address:
  description: Its address; empty for a machine that is stopped, which fails.
  type: str
  required: true
port:
  description: Port of its ssh server.
  type: int
  default: 22
admin_user:
  description: Account that may use sudo there.
  type: str
  required: true
ssh_name:
  description: Name under which its host key is pinned.
  type: str
  required: true
pin_file:
  description: File with its pinned host key.
  type: path
  required: true
"""
# A fragment adds whole options, so the machines of the check are here too; a machine to connect to is a part of them.
_CHECKED_MACHINE = rf"""
user:
  description: Whose machine.
  type: str
  required: true
url:
  description: Where it answers, with the port unless that is 443.
  type: str
  required: true
password_file:
  description: File whose first line is the password.
  type: path
  required: true
ssh:
  description: How to connect to it; left out, ssh is not tried.
  type: dict
  suboptions: {indent(_SSH_MACHINE, "    ")}
"""


def _machines(machine: str) -> str:
    """Document the option C(machines), a list of such machines."""
    return rf"""
options:
  machines:
    description: The machines.
    type: list
    elements: dict
    required: true
    suboptions: {indent(machine, "      ")}
"""


class ModuleDocFragment:
    """Fragment, found by its file's name.

    C(probcomp_connection.checked) is the fragment CHECKED.
    """

    DOCUMENTATION = r"""
options:
  private_key_file:
    description: Private key for the connections; empty when the ssh agent holds it.
    type: str
    default: ""
"""
    MACHINES = _machines(_SSH_MACHINE)
    CHECKED = _machines(_CHECKED_MACHINE)
