"""Document the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bake_run
short_description: Keep word of the image that is being made
description:
  - Remembers in a file which image is made, by which process, and how far it got, so that the same command goes on
    after an interruption and a second one at the same time is refused.
  - A machine belongs to the run whose note its tag C(note) bears.
options:
  path:
    description: The file.
    type: path
    required: true
  step:
    description:
      - V(begin) goes on with the run in the file, or begins one, and says what to do with the machine that is there.
      - V(configuring), V(cleaning) and V(cleaned) are stages, noted when they begin. V(end) forgets the run.
    type: str
    choices: [begin, configuring, cleaning, cleaned, end]
    required: true
  cancel:
    description: Whether the machine is only to be removed, whoever makes an image of it.
    type: bool
    default: false
  machine:
    description: The machine as the inventory has it; texts are empty when there is none.
    type: dict
    default: {}
    suboptions:
      instance_id: {description: Its instance., type: str, default: ""}
      state: {description: Its state., type: str, default: ""}
      note: {description: Its tag C(note)., type: str, default: ""}
      launched: {description: "Since when it runs, in ISO 8601 and UTC.", type: str, default: ""}
  versions:
    description: What is installed on the machine, to be remembered.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says what it would say, and writes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Begin, or go on with what was interrupted
  bake_run:
    path: "{{ state_dir }}/ami-bake.json"
    step: begin
  register: run
"""

RETURN = r"""
name:
  description: Name of the image.
  type: str
  returned: always, but for V(end) without a run
note:
  description: What the machine's tag C(note) says.
  type: str
  returned: always, but for V(end) without a run
stage:
  description: The stage that was noted last.
  type: str
  returned: always, but for V(end) without a run
date:
  description: Day (UTC) that the image is of, when its machine was launched, or else when the run began.
  type: str
  returned: always, but for V(end) without a run
age:
  description: For people, that the image is of an earlier day than this run; empty when it is not.
  type: str
  returned: always, but for V(end) without a run
versions:
  description: What is installed.
  type: dict
  returned: always, but for V(end) without a run
remove:
  description: Whether the machine that is there must go first.
  type: bool
  returned: for V(begin)
cancel:
  description: Whether nothing else is to be done.
  type: bool
  returned: for V(begin)
left:
  description: What an earlier run left, for people; empty for nothing.
  type: str
  returned: for V(begin)
configure:
  description: Whether a machine is to be made and configured; otherwise only the image is left to do.
  type: bool
  returned: for V(begin)
"""
