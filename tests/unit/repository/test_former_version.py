"""An upgrade from the version before: its files, settings and machines go on.

tests/support/version_0_1_0 has what the code of version 0.1.0 wrote into a state folder, the templates of its stacks,
and the names of its settings. Whoever releases a version puts that version's there.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws import prices
from ansible_collections.probcomp.stack.plugins.module_utils.cards import layout, pdf
from ansible_collections.probcomp.stack.plugins.module_utils.commands import extra_vars
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import bake_run, known_hosts
from ansible_collections.probcomp.stack.plugins.module_utils.fleet import org_table
from ansible_collections.probcomp.stack.plugins.module_utils.logs import folder as log_folder
from completion import settings_in

from tests.support import ROOT
from tests.support.cloudformation_lab import POLICY, Lab, run
from tests.support.cloudformation_server import NETWORK_TEMPLATE, STACK_TEMPLATE, running_cloud
from tests.support.content_world import load_module

FORMER = ROOT / "tests/support/version_0_1_0"
ACCOUNT = "account 123456789012 region us-east-1"
PACE: dict[str, Any] = {"submissions_per_second": 10}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Copy the former version's state folder."""
    return Path(shutil.copytree(FORMER / "state", tmp_path / "state"))


def test_a_pinned_key_is_believed(state: Path) -> None:
    # The zone was written with a capital then; names are lower case today.
    pin = known_hosts.read_pin(state / "known_hosts/alice", "ssh.alice.stack.example.org")
    assert pin and pin.instance_id == "i-0123456789abcdef0"
    assert [key.kind for key in pin.keys] == ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]


def test_the_register_keeps_notes_and_own_columns(state: Path) -> None:
    old = (state / "running-stacks.org").read_text()
    heads = load_module("stack_list").HEADS
    cells = {"state": "running", "since": "2026-11-24 09:00", "type": "t3.medium", "owner": "Alice B."}
    row = [{"user": "alice", **cells}.get(head, "") for head in heads]
    found = org_table.written(old, ACCOUNT, heads, [row], "2026-11-28")
    assert found.text.count("# BEGIN stack_list") == 1
    (line,) = [line for line in found.text.splitlines() if line.startswith("| alice")]
    assert line.split("|")[-2].strip() == "46-3" and "Note of the lab: ask before Monday.\n" in found.text
    # The room of ws-1, which is gone, is kept below; nothing counts as edited by hand.
    assert found.text.count("* Kept on") == 1 and "| lab " in found.text.partition("* Kept on")[2]


def test_cached_prices_are_used(state: Path) -> None:
    def client() -> NoReturn:
        raise AssertionError("no price is asked")

    listed = prices.PriceList(client, "us-east-1", state / "prices.json", now=datetime(2026, 11, 28, tzinfo=UTC))
    assert listed.per_hour(prices.instance("t3.medium")) == Decimal("0.0416")
    assert listed.per_hour(prices.LOAD_BALANCER) == Decimal("0.0225")


def test_an_interrupted_bake_goes_on(state: Path) -> None:
    found = bake_run.begin(state / "ami-bake.json", "1 2 3")
    assert (found.name, found.stage, found.versions) == ("probcomp-20261126-101500", "cleaned", {"jupyter": "5.7"})


def test_a_template_of_ones_own_still_prints(state: Path) -> None:
    """Print with a copy of the former template, as the README has people make one."""
    look = pdf.Look("Statistics", "Open the address.", "a4", 3, "stack", state / "cards/template.typ")
    card = layout.Card("alice", "https://alice.stack.example.org", "outfield-handshake")
    made, warnings = pdf.set_cards([card], look)
    assert made.startswith(b"%PDF") and warnings == []


def test_fetched_logs_grow_where_they_are(state: Path, tmp_path: Path) -> None:
    sessions = state / "logs/alice/sessions"
    before = {path.name: path.read_text() for path in sessions.iterdir()}
    arrived = tmp_path / "arrived"
    arrived.mkdir()
    (arrived / "2026-11-25.jsonl").write_text(before["2026-11-25.jsonl"] + '{"cell": 2}\n')
    bounds = log_folder.Bounds(1000, 1000, 100)
    taken = log_folder.take(arrived, sessions, log_folder.measure(sessions), bounds, "20261128T000000Z", 2e9)
    assert (taken.files, taken.aside) == (1, [])
    after = {path.name: path.read_text() for path in sessions.iterdir()}
    assert after == {**before, "2026-11-25.jsonl": '{"cell": 1}\n{"cell": 2}\n'}


def test_each_former_setting_is_one_or_the_manual_names_it() -> None:
    former = set((FORMER / "settings.txt").read_text().split())
    account = {name for file in ROOT.glob("group_vars/all/*.yml") for name in settings_in(file)}
    gone = former - account - extra_vars.variables(ROOT)
    manual = (ROOT / "docs/upgrading.md").read_text()
    assert len(former) > 60 and gone == {name for name in gone if f"`{name}`" in manual}
    assert re.findall(r"^\| `(\w+)` \|", manual, re.MULTILINE) == sorted(gone)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running_cloud() as cloud:
        cloud.ec2.create_key_pair(KeyName="lab")
        cloud.certificates.request_certificate(DomainName="*.stack.example.org")
        yield Lab(cloud)


@pytest.fixture(scope="module")
def former(lab: Lab) -> dict[str, str]:
    """Make a network and a machine by the former version's templates.

    Return their parts by logical name.
    """
    made = lab.cloud.create("probcomp-network-shared", (FORMER / "network.cfn.template").read_text(), network(lab))
    assert made["StackStatus"] == "CREATE_COMPLETE"
    lab.network = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
    machine = {**lab._parameters("alice", "t2.medium"), "RulePriority": "1"}
    made = lab.cloud.create("probcomp-stack-alice", (FORMER / "stack.cfn.template").read_text(), machine)
    assert made["StackStatus"] == "CREATE_COMPLETE"
    return parts(lab)


def network(lab: Lab) -> dict[str, str]:
    """Return the parameters of a network that the former version knew."""
    certificate = lab.cloud.certificates.list_certificates()["CertificateSummaryList"][0]["CertificateArn"]
    return {"Network": "shared", "CertificateArn": certificate, "AdminCidr": "192.0.2.1/32"}


def parts(lab: Lab) -> dict[str, str]:
    """Return the physical names of what the network and the machine are made of."""
    found: dict[str, str] = {}
    for stack in ("probcomp-network-shared", "probcomp-stack-alice"):
        listed = lab.cloud.stacks.list_stack_resources(StackName=stack)["StackResourceSummaries"]
        found |= {f"{stack} {part['LogicalResourceId']}": part["PhysicalResourceId"] for part in listed}
    return found


@pytest.mark.long
def test_a_network_is_updated_in_place(lab: Lab, former: dict[str, str]) -> None:
    # Another zone would replace the subnets; as the role does, the present ones are kept.
    parameters = {**network(lab), "AdminCidr2": "198.51.100.0/24", "ZoneA": "us-east-1c", "ZoneB": "us-east-1d"}
    wanted = {"name": "probcomp-network-shared", "user": "shared", "parameters": parameters, "tags": {}}
    more: dict[str, Any] = {**PACE, "update": True, "kept": {"ZoneA": "SubnetAZone", "ZoneB": "SubnetBZone"}}
    done = run(lab, stacks=[wanted], template_body=NETWORK_TEMPLATE, **more)
    assert (done["stacks"]["shared"]["status"], done["changed"]) == ("ready", True), done
    assert parts(lab) == former
    again = run(lab, stacks=[wanted], template_body=NETWORK_TEMPLATE, **more)
    assert (again["stacks"]["shared"]["status"], again["changed"]) == ("ready", False), again


@pytest.mark.long
def test_a_machine_is_made_no_second_time_and_can_be_changed(lab: Lab, former: dict[str, str], tmp_path: Path) -> None:
    wanted = {"name": "probcomp-stack-alice", "user": "alice", "parameters": lab._parameters("alice", "t2.medium")}
    found = run(lab, stacks=[{**wanted, "tags": {}}], template_body=STACK_TEMPLATE, stack_policy=POLICY, **PACE)
    assert (found["stacks"]["alice"]["status"], found["changed"]) == ("ready", False), found
    changes: dict[str, Any] = {"parameters": {"InstanceType": "t2.large"}, "tags": {"owner": "Alice B."}}
    cache = str(tmp_path / "prices.json")
    done = run(lab, "cloudformation_stack_updates", stacks=[{**wanted, **changes}], price_cache=cache, **PACE)
    assert (done["stacks"]["alice"]["status"], done["changed_users"]) == ("ready", ["alice"]), done
    assert parts(lab) == former
    instance = lab.cloud.instance(former["probcomp-stack-alice Instance"])
    assert instance["InstanceType"] == "t2.large"
    # Its template has no place for a setting of later, and another template could replace the machine.
    credits = {"parameters": {"CpuCredits": "standard"}, "tags": {}}
    refused = run(lab, "cloudformation_stack_updates", stacks=[{**wanted, **credits}], price_cache=cache, **PACE)
    assert "was made before there was cpu_credits" in refused["stacks"]["alice"]["reason"], refused
    assert parts(lab) == former
