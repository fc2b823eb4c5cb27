"""Document the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: zone_name
short_description: Refuse a zone that is no domain name
description:
  - Takes the variable C(zone) of all hosts of the play, and fails with one line where it is empty, no text, or no
    domain name below which every user can have a host name. The trailing dot and upper case are no mistakes.
  - One given by C(-e) is taken raw; nothing in it is run, whatever braces it holds.
  - Run it once, on the controller, before any task that connects to a machine or uses a name of one.
  - Reads variables alone, changes nothing, and works the same in check mode.
"""

EXAMPLES = r"""
- name: Check the zone before anything evaluates it
  zone_name:
  delegate_to: localhost
  run_once: true
"""

RETURN = r""" # """
