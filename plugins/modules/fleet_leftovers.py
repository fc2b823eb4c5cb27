"""List the AWS resources of users or networks and their cost.

The module only reads.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_leftovers
short_description: What of users or networks exists at AWS, with its price
description:
  - "Finds everything of users' machines: stacks, instances, volumes, snapshots, images, network interfaces, elastic
    addresses, security groups, target groups, listener rules, records; and of networks: stacks, load balancers,
    addresses, VPCs, subnets, gateways, security groups."
  - Things are found by the stack that made them, by what they belong to, by our own tags, or by host name, in requests
    for all of them together. Of a network it is also what others have put into it, for that stops its deletion.
  - What only bears a name like ours is in RV(not_known), and never among RV(leftovers).
  - An error of AWS fails the module, for then nothing is proved.
extends_documentation_fragment:
  - probcomp_account
  - probcomp_account.domain
  - probcomp_account.prices
  - probcomp_aws
attributes:
  check_mode:
    description: It changes nothing in either mode.
    support: full
options:
  users:
    description: Whose machines to look for.
    type: list
    elements: str
    default: []
  networks:
    description: Networks to look for.
    type: list
    elements: str
    default: []
  zone:
    description: The hosted zone, with or without the trailing dot, in any case.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Prove that nothing is left
  fleet_leftovers:
    users: [ws-1, ws-2]
    zone: example.org
    stack_domain: stack.example.org
  register: left
"""

RETURN = r"""
leftovers:
  description: "All that was found: whose (C(user), for a network its name), C(kind), C(id), dollars per day as text
    (C(per_day), null when unknown), and all in a line (C(text))."
  returned: success
  type: list
  elements: dict
not_known:
  description: The same of what is named after the users and may be anybody's.
  returned: success
  type: list
  elements: dict
in_the_way:
  description: In a line each, what others have put into the networks. AWS deletes no network with such things in it.
  returned: success
  type: list
  elements: str
records:
  description: The records among the leftovers, as the module dns_records takes them, each with its C(user).
  returned: success
  type: list
  elements: dict
plan_lines:
  description: For people, a line for each user or network; where there is nothing, with the nearest names that exist.
  returned: success
  type: list
  elements: str
proof_lines:
  description: For people, that nothing is left, or a line for each thing that is.
  returned: success
  type: list
  elements: str
notes:
  description: Why prices are unknown.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws.account import resolve_account
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import ACCOUNT, DOMAIN, PRICES
from ansible_collections.probcomp.stack.plugins.module_utils.common.names import network_stack_name, stack_name
from ansible_collections.probcomp.stack.plugins.module_utils.costs.leftovers import (
    alike,
    find_machines,
    find_networks,
)
from ansible_collections.probcomp.stack.plugins.module_utils.costs.leftovers_report import plan_lines, proof_lines
from ansible_collections.probcomp.stack.plugins.module_utils.costs.resources import Resource, ResourceFinder

ARGUMENTS: dict[str, Any] = {
    "users": {"type": "list", "elements": "str", "default": []},
    "networks": {"type": "list", "elements": "str", "default": []},
    "zone": {"type": "str", "required": True},
    **ACCOUNT,
    **DOMAIN,
    **PRICES,
}


def find_leftovers(module: AwsModule) -> dict[str, Any]:
    """Return the module's results. Raises botocore's errors."""
    parameters = module.params
    account = resolve_account(module, parameters["account_id"])
    cache = None if module.check_mode else parameters["price_cache"]
    listed = account.price_list(cache)
    finder = ResourceFinder(account.clients, listed)
    users, networks = parameters["users"], parameters["networks"]
    near: dict[str, list[str]] = {}
    if users:
        find_machines(finder, users, parameters["stack_domain"], parameters["zone"])
        near |= alike(finder, users, stack_name)
    if networks:
        find_networks(finder, networks)
        near |= alike(finder, networks, network_stack_name)
    owners = [*users, *networks]
    notes = list(listed.notes)
    try:
        listed.save()
    except OSError as error:
        notes.append(f"prices cannot be kept in {cache} ({error.strerror})")
    return {
        "leftovers": [item.as_data() for item in finder.found],
        "not_known": [item.as_data() for item in finder.not_known],
        "in_the_way": [f"{item.kind} {item.id}" for item in finder.found if item.has_stranger],
        "records": [_record(item) for item in finder.found if item.kind == "record"],
        "plan_lines": plan_lines(account.banner, owners, finder.found, near, finder.not_known),
        "proof_lines": proof_lines(owners, finder.found, finder.not_known),
        "notes": notes,
    }


def _record(item: Resource) -> dict[str, str]:
    name, _, kind = item.id.partition(" ")
    return {"user": item.owner, "name": name, "type": kind}


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    with module.explained("what is left cannot be told"):
        found = find_leftovers(module)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
