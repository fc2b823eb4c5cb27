"""Define the playbooks' filters.

Steps that need a loop or a condition over data are here and not in Jinja.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Only modules can import from a configured module_utils folder, not plugins on the controller.
from ansible_collections.probcomp.stack.plugins.module_utils.common import addresses, names

DOCUMENTATION = """
name: probcomp_network_stack
short_description: Describe the stack of a network
description: Turns a network's name into the item that the module cloudformation_stacks takes.
positional: parameters, zones
options:
  _input:
    description: Name of the network.
    type: str
    required: true
  parameters:
    description:
      - Values of the template's parameters that all networks share.
      - C(AdminCidr) may be a list of up to five networks.
    type: dict
    required: true
  zones:
    description: By network, its two availability zones.
    type: dict
"""

EXAMPLES = """
stacks: "{{ ['shared'] | map('probcomp_network_stack', {'AdminCidr': '203.0.113.7/32'}) }}"
"""

RETURN = """
_value:
  description: The stack with C(name), C(user), C(parameters) and C(tags).
  type: dict
"""


def network_stack(
    network: str, parameters: Mapping[str, Any], zones: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return the request for one network's stack.

    Messages show the network's name.
    """
    cidrs = addresses.cidrs(parameters.get("AdminCidr"))
    # An empty one takes away what a stack may have had.
    padded = [*cidrs, *[""] * (addresses.MAX_CIDRS - len(cidrs))]
    admins = {f"AdminCidr{number if number > 1 else ''}": cidr for number, cidr in enumerate(padded, 1)}
    own = dict(zip(("ZoneA", "ZoneB"), (zones or {}).get(network, ()), strict=False))
    return {
        "name": names.network_stack_name(network),
        "user": network,
        "parameters": {"Network": network, **parameters, **(admins if cidrs else {}), **own},
        "tags": {},
    }


class FilterModule:
    """Registry of the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"probcomp_network_stack": network_stack}
