#!/usr/bin/python
"""Restart a machine's Jupyter and wait until it answers.

Runs on the machine as root.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: jupyter_restart
short_description: Restart a machine's Jupyter and wait until it answers
description:
  - Ends all kernels. The service is enabled, and starts that failed before do not count against its limit.
  - Where no password was set, or its settings are damaged, Jupyter does not start, and the module fails.
options:
  service:
    description: Unit of Jupyter.
    type: str
    default: jupyter.service
  port:
    description: Port of the machine where Jupyter answers.
    type: int
    default: 8888
  timeout:
    description: Seconds within which Jupyter has to answer.
    type: int
    default: 120
attributes:
  check_mode:
    description: It says that it would restart.
    support: full
"""

EXAMPLES = r"""
- name: Restart Jupyter
  jupyter_restart:
"""

RETURN = r""" # """

import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError
from ansible_collections.probcomp.stack.plugins.module_utils.machine.jupyter_service import Service


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "service": {"type": "str", "default": "jupyter.service"},
            "port": {"type": "int", "default": 8888},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        if not module.check_mode:
            Service(wanted["service"], wanted["port"], wanted["timeout"]).start(anew=True)
    except (MachineError, OSError, subprocess.SubprocessError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
