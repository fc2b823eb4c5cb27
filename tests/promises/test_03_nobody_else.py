"""Test promise 3: a command on one user touches nobody else.

Others keep their stack, records, files, key, password and machine, and strangers in the account all that is theirs.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.support.strangers import untouched
from tests.support.workshop import Workshop

USER = "ws-2"
OTHERS = ("ws-1", "ws-3")
COMMANDS = [
    f"create_passwords.yml -e user={USER}",
    f"fleet_create.yml -e user={USER}",
    f"-l {USER} set_password.yml",
    f"-l {USER} restart_jupyter.yml",
    f"-l {USER} deb_upgrade.yml",
    f"-l {USER} grab_content.yml",
    f"-l {USER} marco_install.yml -e force=yes",
    f"-l {USER} fetch_logs.yml",
    f"-l {USER} stack_update.yml -e note=changed",
    f"-l {USER} stack_stop.yml",
    f"-l {USER} stack_start.yml",
    f"-l {USER} fleet_check.yml",
    f"url_cards.yml -e user={USER}",
    f"stack_delete.yml -e user={USER}",
]
# The script lists all that a command could change on the machine: files with their times, packages, units with the time
# since which they run, accounts.
MACHINE = r"""
cd / && find etc home opt usr/local root var/lib/probcomp -xdev -not -path '*/.ipython/*' -not -path '*/.cache/*' \
  -not -name '*.pyc' -not -name __pycache__ -not -type d -printf '%p %m %u %T@ %s\n' | sort | sha256sum
dpkg-query -W | sha256sum
systemctl show -p ExecMainStartTimestampMonotonic,ActiveState jupyter ssh
cut -d ' ' -f 22 /proc/1/stat
"""


def all_of(workshop: Workshop, user: str) -> dict[str, Any]:
    """Return a user's data in AWS, on her machine and on this computer."""
    stacks = workshop.client("cloudformation")
    route53 = workshop.client("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    records = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    files = [path for path in workshop.state.rglob("*") if path.is_file() and user in str(path)]
    return {
        "stack": stacks.describe_stacks(StackName=f"probcomp-stack-{user}")["Stacks"][0],
        "events": stacks.describe_stack_events(StackName=f"probcomp-stack-{user}")["StackEvents"],
        "records": [record for record in records if user in record["Name"].split(".")],
        "instance": workshop.machines()[user],
        "machine": workshop.on_machine(user, MACHINE),
        "files": {
            str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files
        },
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_others_are_as_they_were(workshop: Workshop, command: str) -> None:
    before = {user: all_of(workshop, user) for user in OTHERS}
    with untouched(workshop.strangers):
        workshop.succeed(f"ansible-playbook {command}")
    for user in OTHERS:
        after = all_of(workshop, user)
        assert {key for key in after if after[key] != before[user][key]} == set(), user


def test_the_test_would_see_it(workshop: Workshop) -> None:
    before = all_of(workshop, "ws-3")
    workshop.succeed("ansible-playbook -l ws-3 restart_jupyter.yml")
    after = all_of(workshop, "ws-3")
    assert {key for key in after if after[key] != before[key]} == {"machine"}
