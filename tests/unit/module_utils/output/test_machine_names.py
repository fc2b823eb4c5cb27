"""Machines' names in natural order, many of them folded to what people type."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from ansible.inventory.data import InventoryData
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.probcomp.stack.plugins.module_utils.output.host_summary import people, short_names
from ansible_collections.probcomp.stack.plugins.module_utils.output.machine_names import (
    limit_pattern,
    names_argument,
    range_for_shell,
)

FORTY = [f"big-{number}" for number in range(1, 41)]


def test_many_names_on_a_line() -> None:
    assert people(reversed(FORTY)) == "big-1 to big-40"
    assert people(["ws-10", "ws-2", "ws-1"]) == "ws-1, ws-2, ws-10"
    assert people(["e", "d", "c", "b", "a"]) == "a, b, c and 2 more"
    assert short_names([*FORTY[::2], "x-1", "x-2", "x-3"], 2) == "big-1, big-3 and 21 more", "names, not parts"


@pytest.mark.parametrize(
    ("users", "typed"),
    [
        (FORTY, '"base=big low=1 high=40"'),
        (["alice"], "user=alice"),
        (["ws-10", "ws-9"], "users=ws-9,ws-10"),
        (["ws-2", "ws-4", "ws-3"], '"base=ws low=2 high=4"'),
        (["ws-1", "ws-2", "ws-4"], "users=ws-1,ws-2,ws-4"),
        (["ws-0", "ws-1", "ws-2"], "users=ws-0,ws-1,ws-2"),
        (["a1", "a2", "a3"], "users=a1,a2,a3"),
        (["my-class-1", "my-class-2", "my-class-3"], '"base=my-class low=1 high=3"'),
        (["ssh-1", "ssh-2", "ssh-3"], "users=ssh-1,ssh-2,ssh-3"),
    ],
)
def test_what_follows_e(users: list[str], typed: str) -> None:
    assert names_argument(users) == typed


def test_machines_that_exist_are_folded_by_their_own_fleet_alone() -> None:
    every = f"users={','.join(FORTY)}"
    assert names_argument(FORTY, {}) == names_argument(FORTY, {"big": FORTY[:-1]}) == every
    assert names_argument(FORTY, {"big": [*FORTY, "big-41"]}) == '"base=big low=1 high=40"'
    classes = [f"my-class-{number}" for number in range(1, 5)]
    assert names_argument(classes, {"my_class": classes}) == '"base=my-class low=1 high=4"'


@pytest.mark.parametrize("names", [["alice"], FORTY[:3], FORTY[:4], FORTY, FORTY[8:11], FORTY[4:12]])
def test_a_shell_expands_a_range_to_its_names(names: list[str]) -> None:
    written = range_for_shell(names)
    assert len(written) < 40
    assert subprocess.check_output(["sh", "-c", f"printf %s {written}"], text=True) == ",".join(names)


@pytest.mark.parametrize(
    ("users", "typed"),
    [
        (FORTY, "big"),
        (FORTY[:6] + FORTY[7:], "'big,!big-7'"),
        ([*FORTY, "alice"], "big,alice"),
        (FORTY[:3], "big-1,big-2,big-3"),
        (FORTY[10:20], ",".join(FORTY[10:20])),
        ([f"my-class-{n}" for n in (4, 3, 2, 1)], "my_class"),
        (["my-class-1", "alice", "big-10", "big-9"], "alice,big-9,big-10,my-class-1"),
    ],
)
def test_what_follows_l_chooses_just_these_by_ansibles_own_patterns(users: list[str], typed: str) -> None:
    data = InventoryData()
    fleets = {"big": FORTY, "my_class": [f"my-class-{number}" for number in range(1, 5)], "users": ["alice"]}
    for group, hosts in fleets.items():
        data.add_group(group)
        for host in hosts:
            data.add_host(host, group)
    data.reconcile_inventory()
    inventory = InventoryManager(DataLoader(), sources=None)
    inventory._inventory = data
    groups = {name: [host.name for host in group.get_hosts()] for name, group in data.groups.items()}
    assert limit_pattern(users, groups) == typed
    inventory.subset(shlex.split(typed)[0])
    assert {host.name for host in inventory.get_hosts("all")} == set(users)
    inventory.subset("big-[1:40]")
    assert not inventory.get_hosts("all"), "why a range is not offered"


@pytest.mark.parametrize("fleet", ["fleet", "users", "all", "state-stopped", "unpinned", "drifted-logs"])
def test_a_group_that_is_no_fleet_stands_for_nobody(fleet: str) -> None:
    users = [f"{fleet}-{number}" for number in range(1, 6)]
    assert limit_pattern(users, {fleet.replace("-", "_"): [*users]}) == ",".join(users)
