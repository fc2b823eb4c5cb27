"""Define the playbooks' filters.

Steps that need a loop or a condition over data are here and not in Jinja.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Only modules can import from a configured module_utils folder, not plugins on the controller.
from ansible_collections.probcomp.stack.plugins.module_utils.common import names

DOCUMENTATION = """
name: probcomp_network_stack
short_description: Describe the stack of a network
description: Turns a network's name into the item that the module cloudformation_stacks takes.
positional: parameters
options:
  _input:
    description: Name of the network.
    type: str
    required: true
  parameters:
    description: Values of the template's parameters that all networks share.
    type: dict
    required: true
"""

EXAMPLES = """
stacks: "{{ ['shared'] | map('probcomp_network_stack', {'AdminCidr': '203.0.113.7/32'}) }}"
"""

RETURN = """
_value:
  description: The stack with C(name), C(user), C(parameters) and C(tags).
  type: dict
"""


def network_stack(network: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the request for one network's stack.

    Messages show the network's name.
    """
    return {
        "name": names.network_stack_name(network),
        "user": network,
        "parameters": {"Network": network, **parameters},
        "tags": {},
    }


class FilterModule:
    """Registry of the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"probcomp_network_stack": network_stack}
