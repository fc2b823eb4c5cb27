"""Document the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: group_machines
short_description: Put the machines of a play that are in given states into a group
description:
  - Looks at the variable C(probcomp_state) of all hosts of the play at once, and puts those that are in one of
    O(states) into O(group). Run it once; C(group_by) would be a task for each machine.
  - With O(pinned_only), machines without a pin file go into O(unpinned_group) in its place.
  - Reads variables and the pin files alone, and works the same in check mode.
options:
  group:
    description: The group.
    type: str
    required: true
  states:
    description: States of an instance, as EC2 names them.
    type: list
    elements: str
    default: [running]
  pinned_only:
    description: Whether a machine must have a pin file, C(known_hosts/<user>) in O(state_dir).
    type: bool
    default: false
  unpinned_group:
    description: The group of those that have none.
    type: str
    default: unpinned
  state_dir:
    description: Where C(known_hosts) lies; needed for O(pinned_only).
    type: path
    default: ""
  count_skipped:
    description: Whether machines in another state count as skipped in the last line of the command.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Put those that run into the fleet
  group_machines:
    group: fleet
    pinned_only: true
    state_dir: "{{ state_dir }}"
  run_once: true
"""

RETURN = r"""
users:
  description: Those in the group.
  returned: success
  type: list
  elements: str
unpinned_users:
  description: Those that have no pin file.
  returned: success
  type: list
  elements: str
skipped_users:
  description: Those in another state, which the last line of the command counts as skipped.
  returned: with O(count_skipped)
  type: list
  elements: str
"""
