"""Document the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write a report as a page for people and as data for programs
description:
  - Writes C(<name>.html) and C(<name>.json), readable by all, each whole or not at all. They are the controller's own
    notes of a look at the machines, so writing them counts as no change.
  - In check mode nothing is written.
attributes:
  check_mode:
    support: full
options:
  directory:
    description: Folder of the files; made when missing.
    type: path
    required: true
  name:
    description: Name of the files, without ending.
    type: str
    required: true
  page:
    description: The page; without it only the data is written.
    type: str
  data:
    description: The data.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the report
  report:
    directory: reports
    name: check
    page: "{{ lookup('ansible.builtin.template', 'check.html.j2') }}"
    data: "{{ check.machines }}"
"""

RETURN = r"""
line:
  description: For people, where the page is, or would be.
  type: str
  returned: success
"""
