"""Document the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_names
short_description: Check the names and settings given by -e and return the machines that they mean
description:
  - Takes C(user), C(users), C(base) with C(low) and C(high), or C(roster) raw from the variables; nothing in them is
    run, whatever braces they hold. Exactly one of the four ways must be used.
  - A roster is a CSV file in UTF-8 with a header; the columns are C(user) (required), C(owner), C(organization),
    C(purpose) and C(instance). Its path is relative to the working directory.
  - Of the values given by C(-e), C(instance), C(ami), C(network), C(volume_size), C(expires), C(owner),
    C(organization), C(purpose) and C(note) are checked too.
  - All problems are reported at once, one line each. What exists already is not looked at; that is preflight's part.
  - Reads nothing but the roster, changes nothing, and works the same in check mode.
options:
  names_required:
    description: Whether it is an error that no machine is named.
    type: bool
    default: true
  settings_required:
    description: Settings that must be given by C(-e), whatever their default is.
    type: list
    elements: str
    default: []
  settings_taken:
    description:
      - Settings that change machines that exist, of which C(-e) must give one or more. Names and settings that a
        machine keeps for its life are refused then.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Check the names
  fleet_names:
  register: fleet_names

- name: Add the machines to the play
  ansible.builtin.add_host:
    name: "{{ item.user }}"
    groups: [users, fleet]
    fleet_tag: "{{ item.fleet }}"
  loop: "{{ fleet_names.machines }}"
  loop_control:
    label: "{{ item.user }}"
"""

RETURN = r"""
machines:
  description: The machines in the order given.
  type: list
  elements: dict
  returned: success
  contains:
    user:
      description: A valid user name.
      type: str
    fleet:
      description: The base, or the roster's file name without its ending; empty for C(user) and C(users).
      type: str
    settings:
      description: The filled columns of the roster but C(user).
      type: dict
settings:
  description: Those of O(settings_taken) that were given, checked, as plain text.
  type: dict
  returned: success
label:
  description: A name for files about all of them, the base, the roster's name, or the user.
  type: str
  returned: success
"""
