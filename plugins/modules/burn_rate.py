"""Report the current cost of all billable resources.

The module only reads.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: burn_rate
short_description: What everything of ours in a region costs per hour, day and 30 days, by user and in total
description:
  - "Finds what AWS takes money for: machines that run, the disks of those that run or are stopped, disks attached to
    nothing, public IPv4 addresses (also of load balancers, and elastic ones that are attached to nothing), load
    balancers, endpoints in our networks, snapshots and the snapshots behind images. What is ours is told by the
    stacks that made it, by what it belongs to, and by our own tags."
  - What is named like ours and is not known to be is listed apart, with its price, and is in no sum.
  - Prices are the list's, per hour on demand, asked of AWS and kept in a file for a week; when they cannot be asked,
    older ones serve, with their day. What has no known price is named and never counted as 0.
  - Snapshots count at their full size, which is more than AWS charges.
  - Machines past their end date come first.
extends_documentation_fragment:
  - probcomp_account
  - probcomp_account.domain
  - probcomp_account.prices
  - probcomp_aws
attributes:
  check_mode:
    description: It changes nothing in either mode; in check mode it keeps no prices.
    support: full
"""

EXAMPLES = r"""
- name: See what is paid for
  burn_rate:
    stack_domain: stack.example.org
    price_cache: prices.json
  register: burn

- name: Show it
  ansible.builtin.debug:
    msg: "{{ burn.lines }}"
"""

RETURN = r"""
report:
  description: "Everything as data: C(account), C(region), C(rehearsal), C(checked_at), C(prices), C(total),
    C(rows), C(kinds), C(not_known), C(not_known_cost), C(notes). Amounts are texts in dollars, null where nothing is
    known."
  returned: success
  type: dict
  contains:
    total:
      description: C(per_hour), C(per_day), C(per_30_days), C(lines) by kind of thing, C(unknown), C(as_of).
      type: dict
    rows:
      description: "One per user and shared network: C(name), C(user), C(what), the three amounts, C(unknown), C(kinds),
        C(things), C(state), C(owner), C(purpose), C(expires), C(days_over), C(delete_command)."
      type: list
      elements: dict
lines:
  description: All of it for people.
  returned: success
  type: list
  elements: str
"""

from datetime import UTC, datetime
from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws import cpu_credits
from ansible_collections.probcomp.stack.plugins.module_utils.aws.account import resolve_account
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.aws.prices import SNAPSHOT
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import survey
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import ACCOUNT, DOMAIN, PRICES
from ansible_collections.probcomp.stack.plugins.module_utils.costs.burn_rate import bill, find_everything, rows
from ansible_collections.probcomp.stack.plugins.module_utils.costs.burn_rate_report import (
    as_data,
    dated,
    footnotes,
    lines,
)
from ansible_collections.probcomp.stack.plugins.module_utils.costs.resources import ResourceFinder
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.machines import machines, networks

ARGUMENTS: dict[str, Any] = {**ACCOUNT, **DOMAIN, **PRICES}


def build_report(module: AwsModule) -> dict[str, Any]:
    """Return the module's results. Raises botocore's errors."""
    parameters = module.params
    account = resolve_account(module, parameters["account_id"])
    cache = None if module.check_mode else parameters["price_cache"]
    listed = account.price_list(cache)
    now = datetime.now(UTC)
    seen = survey(account.clients)
    users = machines(account.clients, seen, parameters["stack_domain"], 443)
    finder = ResourceFinder(account.clients, listed)
    found = find_everything(finder, users, networks(seen))
    made = rows(found, users, now.date())
    total = bill(found, listed)
    notes = footnotes(listed, account.region, any(resource.item == SNAPSHOT for resource in found))
    running = [(user.type, user.cpu_credits, user.vcpus) for user in users if user.state in ("pending", "running")]
    notes += [*cpu_credits.notes(running, listed), *listed.notes]
    try:
        listed.save()
    except OSError as error:
        notes.append(f"prices cannot be kept in {cache} ({error.strerror})")
    report = {
        "account": account.id,
        "region": account.region,
        "rehearsal": account.rehearsal,
        "place": account.banner,
        "checked_at": now.isoformat(timespec="seconds"),
        "prices": dated(total),
        "notes": notes,
        **as_data(made, total, finder.not_known),
    }
    return {"report": report, "lines": lines(account.banner, made, total, [dated(total), *notes], finder.not_known)}


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    with module.explained("what is paid for cannot be told"):
        found = build_report(module)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
