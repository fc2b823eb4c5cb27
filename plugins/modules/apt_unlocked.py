"""Document the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_unlocked
short_description: Run a module that calls apt, again while another program holds apt's locks
description:
  - Runs O(module) on the machine. Where it fails because another program reads package lists or downloads packages,
    runs it again, until it does not or O(timeout) is over.
  - For dpkg's locks apt waits by itself (C(lock_timeout) of the module).
  - What a machine answers is not trusted, so the time is measured on the controller.
options:
  module:
    description: The module.
    type: str
    choices: [ansible.builtin.apt, ansible.builtin.command]
    required: true
  arguments:
    description: The arguments of O(module). C(_raw_params) and C(_uses_shell) are those of a shell's script.
    type: dict
    required: true
  timeout:
    description: Seconds after which it is not tried again.
    type: int
    default: 600
attributes:
  check_mode:
    description: As O(module) has it.
    support: full
"""

EXAMPLES = r"""
- name: Install rsync
  apt_unlocked:
    module: ansible.builtin.apt
    arguments: {name: rsync, lock_timeout: 600}
"""

RETURN = r"""
stderr:
  description: This and all else is the last result of O(module).
  returned: where O(module) returns it
  type: str
"""
