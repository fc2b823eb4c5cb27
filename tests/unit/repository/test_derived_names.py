"""Names derived from a zone and a user.

The expressions in group_vars and the functions in Python agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.probcomp.stack.plugins.module_utils.common import names

from tests.support import ROOT

ZONES = [
    *("example.org", "example.org.", "Example.org", "EXAMPLE.ORG.", "localhost", "LocalHost.", "a.b-c.example.co.uk"),
    *("xn--bcher-kva.example.", "1.example", "7.7.7.org.", "stack.example.org", f"{'x' * 63}.org", "ssh.org"),
    # These zones are refused before anybody is named by them; the results agree all the same.
    *(
        "",
        ".",
        "example.org..",
        ".example.org",
        " Example.org ",
        "ÄPFEL.example.",
        "İ.example",
        "https://Example.org/.",
    ),
]
Evaluate = Callable[..., Any]


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Evaluate:
    """Provide a function that evaluates an expression for a user's host.

    It does so as a playbook does, with the real group_vars and some variables.
    """
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.template import Templar, trust_as_template
    from ansible.vars.manager import VariableManager

    folder = tmp_path_factory.mktemp("inventory")
    (folder / "group_vars").symlink_to(ROOT / "group_vars")
    (folder / "hosts.yml").write_text("users: {hosts: {alice: {}, ws-12: {}}}\n")
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=[str(folder / "hosts.yml")])
    manager = VariableManager(loader=loader, inventory=inventory)
    known = {host.name: manager.get_vars(host=host) for host in inventory.get_hosts()}

    def evaluate(expression: str, user: str = "alice", **variables: Any) -> Any:
        templar = Templar(loader=loader, variables={**known[user], **variables})
        return templar.template(trust_as_template(expression))

    return evaluate


@pytest.mark.parametrize("zone", ZONES)
def test_every_name_is_the_same_in_group_vars_and_in_python(evaluate: Evaluate, zone: str) -> None:
    assert evaluate("{{ stack_domain }}", zone=zone) == names.stack_domain(zone)
    for user in ("alice", "ws-12"):
        assert evaluate("{{ stack_name }}", user, zone=zone) == names.stack_name(user)
        assert evaluate("{{ host_name }}", user, zone=zone) == names.host_name(user, zone)
        assert evaluate("{{ ssh_name }}", user, zone=zone) == names.ssh_name(user, zone)
        for port in (443, 8443):
            for given in (port, str(port)):
                assert evaluate("{{ url }}", user, zone=zone, https_port=given) == names.url(user, zone, port)


@pytest.mark.parametrize("zone", ["example.org", "example.org.", "Example.org", "EXAMPLE.ORG."])
def test_the_dot_and_upper_case_mean_the_same_zone(evaluate: Evaluate, zone: str) -> None:
    found = evaluate("{{ [stack_domain, host_name, ssh_name, url] }}", zone=zone)
    assert found == [
        "stack.example.org",
        "alice.stack.example.org",
        "ssh.alice.stack.example.org",
        "https://alice.stack.example.org",
    ]


@pytest.mark.parametrize("zone", [5, True, None, ["example.org"], {"a": "b"}])
def test_a_zone_that_is_no_text_breaks_no_expression(evaluate: Evaluate, zone: object) -> None:
    # Preflight reports the zone among other problems; until then machines have connection variables.
    assert evaluate("{{ host_name }}", zone=zone).startswith("alice.stack.")


def arguments(name: str) -> Iterator[tuple[str, str]]:
    """Return each value that tasks give to an argument `name`, with its file.

    The tasks are those of playbooks and roles.
    """

    def walk(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (value for key, value in node.items() if key == name and isinstance(value, str))
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from walk(child)

    files = [*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/defaults/*.yml")]
    for path in sorted(files):
        for value in walk(yaml.safe_load(path.read_text(encoding="utf-8"))):
            yield str(path.relative_to(ROOT)), value


def test_every_task_is_told_the_one_stack_domain(evaluate: Evaluate) -> None:
    found = list(arguments("stack_domain"))
    assert {file for file, _ in found} >= {"playbooks/stack_list.yml", "roles/stack/tasks/delete_stacks.yml"}
    for zone in ("example.org", "example.org.", "Example.org", "EXAMPLE.ORG."):
        wrong = {file for file, value in found if evaluate(value, zone=zone) != "stack.example.org"}
        assert not wrong, zone


@pytest.mark.parametrize(
    ("seen", "is_new"),
    [
        ({"preflight": {"machines": {"alice": {"exists": False}}}}, True),
        ({"preflight": {"machines": {"alice": {"exists": True}}}}, False),
        # Where no preflight looked, nothing says that the machine was just made.
        ({"preflight": {"machines": {}}}, False),
        ({}, False),
    ],
)
def test_only_a_machine_made_by_this_run_is_believed_as_new(
    evaluate: Evaluate, seen: dict[str, Any], is_new: bool
) -> None:
    found = evaluate("{{ pinned_machine.is_new }}", zone="example.org", state_dir="/state", **seen)
    assert found is is_new
