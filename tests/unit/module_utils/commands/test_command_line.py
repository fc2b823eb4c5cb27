"""The inventory plugin against literal answers of EC2.

The tests check hosts, groups, variables, and refusals.
"""

from __future__ import annotations

import datetime
import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.aws.ownership import STACK_NAME_TAG
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import LIVE_STATES
from ansible_collections.probcomp.stack.plugins.module_utils.commands.command_line import unknown_names

from tests.support import ROOT


def load_plugin() -> ModuleType:
    path = ROOT / "plugins/inventory/probcomp_ec2.py"
    spec = importlib.util.spec_from_file_location("probcomp_ec2", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plugin_module = load_plugin()


class FakePaginator:
    def __init__(self, client: FakeEc2) -> None:
        self.client = client

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.client.requests.append(request)
        for instance in self.client.instances:
            yield {"Reservations": [{"Instances": [instance]}]}


class FakeEc2:
    """A fake of EC2 that returns one instance a page."""

    def __init__(self, *instances: dict[str, Any]) -> None:
        self.instances = instances
        self.requests: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> FakePaginator:
        assert operation == "describe_instances"
        return FakePaginator(self)

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        """Answer as CloudFormation for a stack whose machine is the second instance."""
        return {"Stacks": [{"Outputs": [{"OutputKey": "InstanceId", "OutputValue": f"i-{2:017x}"}]}]}


def instance(name: str, number: int = 1, state: str = "running", **tags: str) -> dict[str, Any]:
    """Return an instance that the stack of its user's machine made."""
    tags = {"Name": name, STACK_NAME_TAG: f"probcomp-stack-{name.removesuffix('/instance')}", **tags}
    return {
        "InstanceId": f"i-{number:017x}",
        "ImageId": "ami-1",
        "InstanceType": "t3.medium",
        "KeyName": "lab",
        "LaunchTime": datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        "Placement": {"AvailabilityZone": "eu-west-1a"},
        "PrivateIpAddress": "10.20.0.5",
        "State": {"Code": 16, "Name": state},
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        **({"PublicIpAddress": "192.0.2.7"} if state == "running" else {}),
    }


class Inventory:
    """The inventory plugin, filled from `instances`."""

    def __init__(self, *instances: dict[str, Any], **options: Any) -> None:
        self.client = FakeEc2(*instances)
        self.warnings: list[str] = []
        plugin = plugin_module.InventoryModule()
        plugin.inventory = self.data = InventoryData()
        plugin.loader = DataLoader()
        plugin.templar = Templar(loader=plugin.loader)
        plugin._options = {"strict": False, "compose": {}, "groups": {}, "keyed_groups": [], "filters": {}, **options}
        plugin.warn = self.warnings.append
        plugin.populate(plugin.query(AwsClients(lambda service, _: self.client, "eu-west-1")))
        self.data.reconcile_inventory()

    def group(self, name: str) -> list[str]:
        return sorted(host.name for host in self.data.groups[name].get_hosts()) if name in self.data.groups else []


def test_the_machine_of_an_image_is_a_host_for_no_command_but_its_own() -> None:
    inventory = Inventory(instance("alice/instance", 1), instance("ami-bake/instance", 2, note="becomes image x"))
    assert not inventory.warnings
    assert inventory.data.hosts["ami-bake"].vars["probcomp_note"] == "becomes image x"
    assert [group.name for group in inventory.data.hosts["ami-bake"].get_groups()] == ["all", "ungrouped"]
    assert inventory.group("users") == inventory.group("state_running") == ["alice"]


def test_hosts_groups_and_variables() -> None:
    inventory = Inventory(
        instance("ws-1/instance", 1, fleet="ws", owner="Anna", network="shared", admin_user="ubuntu"),
        instance("alice/instance", 2, state="stopped"),
    )
    assert inventory.group("users") == ["alice", "ws-1"]
    assert inventory.group("ws") == ["ws-1"]
    assert inventory.group("state_running") == ["ws-1"]
    assert inventory.group("state_stopped") == ["alice"]
    assert inventory.warnings == []
    variables = inventory.data.hosts["ws-1"].vars
    assert variables["probcomp_address"] == variables["ansible_host"] == "192.0.2.7"
    assert variables["probcomp_launch_time"] == "2030-01-02T03:04:05+00:00"
    assert (variables["probcomp_owner"], variables["probcomp_note"]) == ("Anna", "")
    assert inventory.data.hosts["alice"].vars["probcomp_address"] == ""
    assert {name for name in variables if not name.startswith("probcomp_")} <= {
        "ansible_host",
        "inventory_file",
        "inventory_dir",
    }


def test_filters_on_the_servers_side() -> None:
    (request,) = Inventory().client.requests
    filters = {item["Name"]: item["Values"] for item in request["Filters"]}
    assert filters["tag:aws:cloudformation:stack-name"] == ["probcomp-stack-*"]
    assert not {"terminated", "shutting-down"} & set(filters["instance-state-name"])


def test_groups_exist_also_when_nobody_is_in_them() -> None:
    inventory = Inventory()
    assert {"users", "state_running", "state_stopped"} <= set(inventory.data.groups)


def test_a_fleet_with_a_dash_has_a_group_with_an_underscore() -> None:
    inventory = Inventory(instance("my-class-1/instance", fleet="my-class"))
    assert inventory.group("my_class") == ["my-class-1"]
    assert "my-class" not in inventory.data.groups


def test_the_look_of_a_name_makes_no_fleet() -> None:
    inventory = Inventory(instance("anna-2/instance"))
    assert "anna" not in inventory.data.groups


def test_a_machine_and_a_fleet_of_one_name() -> None:
    inventory = Inventory(instance("ws/instance", 1), instance("ws-1/instance", 2, fleet="ws"))
    assert "ws" in inventory.data.hosts
    assert "ws" not in inventory.data.groups
    assert any("ws is a machine and also a fleet" in warning for warning in inventory.warnings)


@pytest.mark.parametrize("fleet", ["{{ 7*7 }}", "users", "all", "state-running", "renamed-machines", "a\x1b[31m"])
def test_a_fleet_tag_that_is_no_name_makes_no_group(fleet: str) -> None:
    inventory = Inventory(instance("alice/instance", fleet=fleet))
    states = {f"state_{state}" for state in LIVE_STATES}
    assert set(inventory.data.groups) == {"all", "ungrouped", "users", "renamed_machines", *states}
    assert inventory.group("state_stopped") == []
    (warning,) = inventory.warnings
    assert warning.isprintable()


def test_a_stack_that_is_no_users_is_left_out() -> None:
    assert list(Inventory(instance("../evil\n/instance", 1), instance("alice/instance", 2)).data.hosts) == ["alice"]


def test_the_name_tag_decides_nothing() -> None:
    renamed = instance("bob/instance", 1, **{STACK_NAME_TAG: "probcomp-stack-alice"})
    foreign = instance("bob/instance", 2, **{STACK_NAME_TAG: "payroll"})
    inventory = Inventory(renamed, foreign)
    assert list(inventory.data.hosts) == ["alice"] and inventory.group("renamed_machines") == ["alice"]


def test_of_two_instances_of_one_stack_the_stack_tells_the_machine() -> None:
    inventory = Inventory(instance("alice/instance", 1), instance("alice/instance", 2, state="stopped"))
    assert inventory.data.hosts["alice"].vars["probcomp_instance_id"] == f"i-{2:017x}"
    (warning,) = inventory.warnings
    assert "i-00000000000000001" in warning and "it is not the machine" in warning


def test_tags_of_machines_are_not_run() -> None:
    inventory = Inventory(instance("alice/instance", owner="{{ 7*7 }}"))
    variables = {"owner": inventory.data.hosts["alice"].vars["probcomp_owner"]}
    shown = Templar(loader=DataLoader(), variables=variables).template(trust_as_template("{{ owner }}"))
    assert shown == "{{ 7*7 }}"


def test_constructed_groups() -> None:
    inventory = Inventory(
        instance("alice/instance", organization="lab"),
        keyed_groups=[{"key": trust_as_template("probcomp_organization"), "prefix": "of"}],
        compose={"short": trust_as_template("probcomp_user[:2]")},
        groups={"big": trust_as_template("probcomp_instance_type is match('.*[.]medium')")},
    )
    assert inventory.group("of_lab") == ["alice"]
    assert inventory.group("big") == ["alice"]
    assert inventory.data.hosts["alice"].vars["short"] == "al"


def limit_error(limit: str) -> str:
    message = unknown_names(limit, ["alice", "bob", "ws-1", "ws-10"], ["all", "users", "ws", "my_class"])
    assert message
    return message


def test_unknown_names_in_the_limit() -> None:
    assert limit_error("alcie") == "no such machine: alcie; nearest: alice"
    assert limit_error("alcie,ws-1") == "no such machine: alcie; nearest: alice"
    assert limit_error("users:!alcie") == "no such machine: alcie; nearest: alice"
    assert limit_error("users:&alcie") == "no such machine: alcie; nearest: alice"
    assert "my_class" in limit_error("my-class")
    assert limit_error("qqq") == "no such machine: qqq; ansible-inventory --graph shows those that exist"
    assert limit_error("alice, {{x}}").isprintable()
    assert limit_error("a\x1b[31mb").isprintable()


@pytest.mark.parametrize(
    "limit",
    [
        None,
        "",
        "alice",
        "alice,ws",
        "all:!bob",
        "users:&ws",
        "w*",
        "~qq.*",
        "ws[0]",
        "qq[1:3]",
        "@retry.txt",
        "localhost",
    ],
)
def test_limits_that_are_none_of_ours(limit: str | None) -> None:
    assert unknown_names(limit, ["alice", "bob", "ws-1"], ["all", "users", "ws"]) is None


def test_filters_of_the_source_reach_the_server() -> None:
    filters = {"tag:fleet": [trust_as_template("{{ 'w' ~ 's' }}")]}
    found = Inventory(instance("ws-1/instance"), filters=filters)
    (request,) = found.client.requests
    assert {"Name": "tag:fleet", "Values": ["ws"]} in request["Filters"]
