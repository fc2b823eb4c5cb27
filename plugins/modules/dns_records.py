"""Create or delete many records of one Route 53 zone in one request."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dns_records
short_description: Make or delete many records of one Route 53 zone together
description:
  - Reads the zone once, compares, and submits all that differs in one request (Route 53 takes five a second for an
    account, and one change of a zone at a time). Then waits until its servers answer with it, and reads the zone again.
  - When nothing differs, nothing is submitted.
options:
  zone:
    description: Name of the public hosted zone, with or without the trailing dot, in any case.
    type: str
    required: true
  state:
    description: >-
      Whether the records shall exist as given, or not at all. Deleted are records by name and type, with whatever
      values they have; missing ones are no error.
    type: str
    choices: [present, absent]
    default: present
  records:
    description: The records.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Full name; upper case and the trailing dot do not matter.
        type: str
        required: true
      type:
        description: Type of the record.
        type: str
        choices: [A, AAAA, CAA, CNAME, MX, TXT]
        default: A
      ttl:
        description: Seconds that name servers may keep it. Not for an alias.
        type: int
        default: 60
      values:
        description: The values. Either these or O(records[].alias) for O(state=present).
        type: list
        elements: str
      alias:
        description: Another AWS resource that answers for the name.
        type: dict
        suboptions:
          dns_name:
            description: DNS name of the load balancer.
            type: str
            required: true
          zone_id:
            description: Hosted zone id of the load balancer.
            type: str
            required: true
  timeout:
    description: Seconds to wait for Route 53's servers.
    type: int
    default: 300
extends_documentation_fragment:
  - probcomp_aws
attributes:
  check_mode:
    description: Reads and compares only.
    support: full
  diff_mode:
    description: Shows the records that change.
    support: full
"""

EXAMPLES = r"""
- name: Name the machines
  dns_records:
    zone: example.org
    records:
      - {name: ssh.alice.stack.example.org, values: [192.0.2.7]}
      - name: alice.stack.example.org
        alias: {dns_name: lb-1.eu-west-1.elb.amazonaws.com, zone_id: Z32O12XQLNTSW2}

- name: Forget them
  dns_records:
    zone: example.org
    state: absent
    records:
      - {name: ssh.alice.stack.example.org}
      - {name: alice.stack.example.org}
"""

RETURN = r"""
changes:
  description: What was changed, one line each, as C(UPSERT name type ...).
  returned: success
  type: list
  elements: str
"""

import contextlib

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import CLIENT_SETTINGS, Clock
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.aws.route53 import (
    RecordsError,
    RecordSet,
    Zone,
    as_line,
    find_zone,
    is_outdated,
    plan,
    wanted_set,
)

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports a missing library.
    from botocore.exceptions import ClientError

_ALIAS = {"dns_name": {"type": "str", "required": True}, "zone_id": {"type": "str", "required": True}}
_RECORD = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": ["A", "AAAA", "CAA", "CNAME", "MX", "TXT"], "default": "A"},
    "ttl": {"type": "int", "default": 60},
    "values": {"type": "list", "elements": "str"},
    "alias": {"type": "dict", "options": _ALIAS},
}
ARGUMENTS = {
    "zone": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "records": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": _RECORD,
        "mutually_exclusive": [["values", "alias"]],
    },
    "timeout": {"type": "int", "default": 300},
}


def apply(module: AwsModule, zone: Zone, wanted: list[RecordSet]) -> None:
    """Apply the wanted records and exit the module.

    Raises RecordsError and botocore's errors.
    """
    present = module.params["state"] == "present"
    existing = zone.records()
    changes = plan(wanted, existing, present)
    before = [as_line(record) for change in changes for record in existing.get(_key(change["ResourceRecordSet"]), [])]
    after = [as_line(change["ResourceRecordSet"]) for change in changes] if present else []
    if changes and not module.check_mode:
        try:
            ids = zone.change(changes)
        except ClientError as error:
            if not is_outdated(error):
                raise
            # One outdated value fails the whole batch, so the records are read again and the change is retried once.
            ids = zone.change(plan(wanted, zone.records(), present))
        if not zone.wait(ids, module.params["timeout"]):
            raise RecordsError(f"the records are not on all name servers after {module.params['timeout']} s")
        if left := plan(wanted, zone.records(), present):
            names = ", ".join(change["ResourceRecordSet"]["Name"] for change in left)
            raise RecordsError(f"the zone does not hold what was submitted, somebody else changed it: {names}")
    module.exit_json(
        changed=bool(changes),
        changes=[f"{change['Action']} {as_line(change['ResourceRecordSet'])}" for change in changes],
        diff={"before": _text(before), "after": _text(after)},
    )


def _key(record: RecordSet) -> tuple[str, str]:
    return record["Name"], record["Type"]


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in sorted(lines))


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    records = module.params["records"]
    if module.params["state"] == "present":
        for record in records:
            if not (record["values"] or record["alias"]):
                module.fail_json(msg=f"{record['name']}: give values or alias")
    else:
        records = [{**record, "values": [], "alias": None} for record in records]
    wanted = [wanted_set(record) for record in records]
    if len({_key(record) for record in wanted}) < len(wanted):
        module.fail_json(msg="a name and type stands twice in `records`")
    clock = Clock()
    try:
        with module.explained():
            zone = find_zone(module.client("route53", config=CLIENT_SETTINGS), module.params["zone"], clock)
            apply(module, zone, wanted)
    except RecordsError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
