"""List all users' machines and update the register running-stacks.org."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_list
short_description: Who has what, since when and in which state, as a table and as a register
description:
  - Lists every user who has a stack in the region, also of stopped machines, stacks in a failed state, stacks whose
    instance was terminated or changed by hand, and machines that a stack left, with the command that puts each right.
  - Instances that are named like ours, but that no stack of ours made, are named apart and are in no table.
  - Makes read-only requests alone, as many for a hundred machines as for one.
  - "Keeps the register, an Org file with one table between two marks. What stands outside of the marks is never
    changed. Columns that people add at the right of the table stay with their rows. Anything else that people change
    between the marks is moved to the end of the file, under a heading with the date. A run that finds nothing new
    leaves the file as it is."
extends_documentation_fragment:
  - probcomp_account
  - probcomp_account.domain
  - probcomp_aws
attributes:
  check_mode:
    description: The register is not written; RV(changed) tells whether it would be.
    support: full
  diff_mode:
    description: Shows the register before and after.
    support: full
options:
  https_port:
    description: Where the load balancer answers browsers.
    type: int
    default: 443
  register_file:
    description: The Org file to keep; none when empty.
    type: path
  defaults:
    description: What a create takes when it is not told (C(instance), C(volume_size), C(network)); what differs from it
      is named in the commands that make a machine again.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: See who has what
  stack_list:
    stack_domain: stack.example.org
    register_file: running-stacks.org
  register: listed

- name: Show it
  ansible.builtin.debug:
    msg: "{{ listed.lines }}"
"""

RETURN = r"""
machines:
  description: "One entry per user: C(user), C(state), C(stack_status), C(since), C(instance_id), C(type), C(image),
    C(image_name), C(network), C(fleet), C(owner), C(organization), C(purpose), C(note), C(expires), C(url),
    C(overdue)."
  returned: success
  type: list
  elements: dict
attention:
  description: "What needs a person: C(user), C(what), C(text), C(command) (empty where none is known)."
  returned: success
  type: list
  elements: dict
repair_commands:
  description: The commands that put right what is wrong, one for machines that are made again alike.
  returned: success
  type: list
  elements: str
lines:
  description: All of it for people.
  returned: success
  type: list
  elements: str
register_problem:
  description: Why the register was not written, in one line; empty when it is right.
  returned: success
  type: str
"""

import stat
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws.account import resolve_account
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import survey
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import ACCOUNT, DOMAIN
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import write_whole
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.machines import FleetMachine, machines, networks
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.org_table import written
from ansible_collections.probcomp.stack.plugins.module_utils.fleet.stack_table import (
    Attention,
    attentions,
    lines,
    repairs,
    shown_state,
    stranger_lines,
)

HEADS = (
    *("user", "state", "since", "type", "owner", "organization", "purpose", "note", "expires", "attention"),
    *("fleet", "network", "image", "image id", "url"),
)
ARGUMENTS: dict[str, Any] = {
    **ACCOUNT,
    **DOMAIN,
    "https_port": {"type": "int", "default": 443},
    "register_file": {"type": "path"},
    "defaults": {"type": "dict", "default": {}},
}


def register_rows(found: list[FleetMachine], attention: list[Attention]) -> list[list[str]]:
    """Return the register's row for each machine, with cells in the order of HEADS."""
    return [
        [
            machine.user, shown_state(machine), machine.since, machine.type, machine.owner,
            machine.organization, machine.purpose, machine.note, machine.expires,
            ", ".join(item.short for item in attention if item.user == machine.user),
            machine.fleet, machine.network, machine.image_name, machine.image, machine.url,
        ]
        for machine in found
    ]  # fmt: skip


@dataclass
class Kept:
    """Result of updating the register; `problem` is the failure in one line."""

    changed: bool = False
    messages: list[str] = field(default_factory=list)
    problem: str = ""
    diff: dict[str, str] = field(default_factory=dict)


def keep_register(path: Path, account: str, rows: list[list[str]], day: str, check_mode: bool) -> Kept:
    """Update the register at `path`; leave an unreadable file unchanged."""
    path = path.resolve()
    try:
        old = path.read_bytes().decode() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        return Kept(problem=f"{path} cannot be read ({reason}), so it was left as it is")
    register = written(old, account, HEADS, rows, day)
    if register.text == old:
        return Kept(messages=[f"register: {path} (nothing new)"])
    if not check_mode:
        try:
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
            write_whole(path, register.text.encode(), mode)
        except OSError as error:
            return Kept(problem=f"{path} cannot be written ({error.strerror or error})")
    messages = [f"register: {path} ({'would be written' if check_mode else 'written'})", *register.notes]
    return Kept(True, messages, diff={"before": old, "after": register.text, "before_header": str(path)})


def list_machines(module: AwsModule) -> dict[str, Any]:
    """Return the module's results. Raises botocore's errors."""
    parameters = module.params
    account = resolve_account(module, parameters["account_id"])
    seen = survey(account.clients)
    today = datetime.now(UTC).date()
    defaults = {name: str(value) for name, value in parameters["defaults"].items()}
    found = machines(account.clients, seen, parameters["stack_domain"], parameters["https_port"])
    attention = attentions(found, defaults, account.region, today)
    output = [
        account.banner,
        "",
        *lines(found, networks(seen), attention, today),
    ]
    commands = repairs(found, attention, defaults)
    if commands:
        output += ["", "this puts it right:", *(f"  {command}" for command in commands)]
    output += stranger_lines(seen.strangers(), found)
    kept = Kept()
    if parameters["register_file"]:
        where = f"account {account.id} region {account.region}"
        path, rows = Path(parameters["register_file"]), register_rows(found, attention)
        kept = keep_register(path, where, rows, today.isoformat(), module.check_mode)
        output += ["", *kept.messages] if kept.messages else []
    return {
        "changed": kept.changed,
        "diff": kept.diff,
        "machines": [{**asdict(machine), "overdue": machine.is_overdue(today)} for machine in found],
        "attention": [item.as_data() for item in attention],
        "repair_commands": commands,
        "lines": output,
        "register_problem": kept.problem,
    }


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    with module.explained("who has what cannot be told"):
        found = list_machines(module)
    module.exit_json(**found)


if __name__ == "__main__":
    main()
