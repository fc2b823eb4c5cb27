"""The zone in the commands themselves.

Each command takes any form of a zone, and refuses an invalid one before it acts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.account import inventories
from tests.support.rehearsal_process import Server, running

pytestmark = pytest.mark.slow

from tests.support import ROOT

PROGRAM = str(Path(sys.executable).parent / "ansible-playbook")
NAMES, CHOSEN = ("-e", "user=alice"), ("-l", "users")
PREFLIGHT = {"fleet_plan": NAMES, "fleet_create": NAMES, "stack_create": NAMES, "ami_bake": ()}
"""Commands whose preflight reports a wrong zone, with their arguments.

It reports the zone among the other problems; the arguments name the machines.
"""
REFUSES = {
    **{"stack_list": (), "burn_rate": (), "network_delete": ("-e", "network=shared")},
    **dict.fromkeys(("url_cards", "fleet_delete", "stack_delete"), NAMES),
    **dict.fromkeys(("fleet_check", "deb_upgrade", "fetch_logs", "grab_content", "marco_install"), CHOSEN),
    **dict.fromkeys(("restart_jupyter", "set_password", "stack_start", "stack_stop"), CHOSEN),
    "stack_update": (*CHOSEN, "-e", "note=x"),
}
"""Commands that use the zone."""
ALIKE = ("deb_upgrade", "fetch_logs", "grab_content", "marco_install", "restart_jupyter", "set_password", "stack_start")
"""Commands that begin with the same play as fleet_check and stack_stop."""
NEEDS_NONE = {"create_passwords": NAMES, "publish_content": ("-e", "archive=none.tgz"), "share_logs": ()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make an inventory with two machines, the real group_vars, and no AWS."""
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    inventories.link_ours(inventory, ROOT)
    machine = {"probcomp_state": "running", "probcomp_address": "127.9.9.9", "probcomp_stack_id": ""}
    users = {"hosts": {user: machine for user in ("alice", "bob")}}
    hosts = {"vars": {"probcomp_region": "us-east-1"}, "children": {"users": users}}
    (inventory / "hosts.yml").write_text(json.dumps({"all": hosts}))
    (inventory / "host_vars").mkdir()
    (tmp_path / "state").mkdir()
    return tmp_path


def play(folder: Path, command: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the repository with the inventory of `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_", "PROBCOMP"))}
    aws = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    done = subprocess.run(
        [PROGRAM, f"{command}.yml", "-e", f"state_dir={folder / 'state'}", *options],
        cwd=ROOT,
        env={**kept, **aws, "AWS_MAX_ATTEMPTS": "1", "ANSIBLE_INVENTORY": str(folder / "inventory"), **environment},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
    return done


def failures(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 2, done.stdout + done.stderr
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("FAILED")]


def zone(value: object) -> tuple[str, str]:
    return "-e", json.dumps({"zone": value})


def test_the_tables_name_every_command() -> None:
    commands = {path.stem for path in ROOT.glob("*.yml") if (ROOT / "playbooks" / path.name).exists()}
    assert commands == {*PREFLIGHT, *REFUSES, *NEEDS_NONE}


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.long) if name in ALIKE else name for name in REFUSES]
)
def test_a_wrong_zone_is_one_line_and_nothing_is_touched(folder: Path, command: str) -> None:
    [line] = failures(play(folder, command, *REFUSES[command], *zone("https://Example.org/")))
    assert line == (
        "FAILED: zone 'https://Example.org/' is no domain name: "
        "write it like example.org in group_vars/all/local.yml; did you mean example.org?"
    )
    assert list((folder / "state").iterdir()) == []


@pytest.mark.parametrize("command", ["fleet_plan", "network_delete", "url_cards", "stack_stop"])
@pytest.mark.parametrize("in_a_list", [False, pytest.param(True, marks=pytest.mark.long)])
def test_nothing_in_a_zone_is_run(folder: Path, command: str, in_a_list: bool) -> None:
    hostile = f"{{{{ lookup('pipe', 'touch {folder / 'ran'}') }}}}"
    options = {**PREFLIGHT, **REFUSES, **NEEDS_NONE}[command]
    [line] = failures(play(folder, command, *options, *zone([hostile] if in_a_list else hostile)))
    assert ("must be text" if in_a_list else "templates are not allowed") in line
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("command", ["stack_list", "url_cards", "fleet_check"])
def test_an_empty_zone_is_one_line(folder: Path, command: str) -> None:
    [line] = failures(play(folder, command, *REFUSES[command], *zone("")))
    assert line == "FAILED: zone is empty, so nobody's address is known: set it in group_vars/all/local.yml"


def test_commands_that_use_no_zone_need_none(folder: Path) -> None:
    assert play(folder, "create_passwords", *NEEDS_NONE["create_passwords"], *zone("")).returncode == 0


def test_a_zone_of_one_machine_is_checked_too(folder: Path) -> None:
    for user, value in (("alice", "Example.org."), ("bob", "*.example.org")):
        (folder / f"inventory/host_vars/{user}.yml").write_text(json.dumps({"zone": value}))
    [line] = failures(play(folder, "stack_stop", *CHOSEN))
    assert line.startswith("FAILED: bob: zone '*.example.org' is no domain name: ") and "alice" not in line
    [line] = failures(play(folder, "url_cards", "-e", "users=alice,bob"))
    assert line.startswith("FAILED: bob: zone '*.example.org'")


@pytest.mark.parametrize("value", ["Example.org.", "EXAMPLE.ORG", "example.org."])
def test_cards_show_the_address_in_lower_case_without_the_dot(folder: Path, value: str) -> None:
    passwords = folder / "state/jupyter-passwords"
    passwords.mkdir(mode=0o700)
    (passwords / "alice.passwd").write_text("correct-horse-battery\n")
    (passwords / "alice.passwd").chmod(0o600)
    assert play(folder, "url_cards", *NAMES, *zone(value)).returncode == 0
    assert "https://alice.stack.example.org" in (folder / "state/cards/alice.csv").read_text()


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Provide the API of a rehearsal whose zone is localhost.

    It has the network `shared` and no machine.
    """
    with running(tmp_path_factory.mktemp("rehearsal")) as server:
        template = (ROOT / "roles/network/files/network.cfn.yml").read_text()
        certificate = server.described["certificate_arn"]
        parameters = {"Network": "shared", "CertificateArn": certificate, "AdminCidr": "192.0.2.1/32"}
        parameters |= {"ZoneA": "us-east-1a", "ZoneB": "us-east-1b"}
        outputs = create_stack(server, "probcomp-network-shared", template, parameters)
        leave_behind(server, outputs)
        yield server


def create_stack(server: Server, name: str, template: str, parameters: dict[str, str]) -> dict[str, str]:
    """Make a stack and return its outputs."""
    formation = server.client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    formation.create_stack(StackName=name, TemplateBody=template, Parameters=given)
    end = time.monotonic() + 60
    while True:
        [stack] = formation.describe_stacks(StackName=name)["Stacks"]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        assert stack["StackStatus"] == "CREATE_IN_PROGRESS" and time.monotonic() < end, stack
        time.sleep(0.2)


def leave_behind(server: Server, network: dict[str, str]) -> None:
    """Make leftovers for alice: a rule of the load balancer, and records.

    Failed deletions leave them so. Records of another type are somebody else's.
    """
    rule = {
        "ListenerArn": network["ListenerArn"],
        "Priority": 7,
        # The rule was made when the zone had this spelling.
        "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": ["alice.stack.LocalHost"]}}],
        "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    }
    resources = {"Rule": {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": rule}}
    create_stack(server, "left-behind", json.dumps({"Resources": resources}), {})
    route53 = server.client("route53")
    hosted = route53.list_hosted_zones()["HostedZones"][0]["Id"]
    target = {"DNSName": network["LoadBalancerName"], "HostedZoneId": network["LoadBalancerZoneId"]}
    alias = {"Name": "alice.stack.localhost", "Type": "A", "AliasTarget": {**target, "EvaluateTargetHealth": False}}
    addresses = [
        {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        for name, kind, value in (
            ("ssh.alice.stack.localhost", "A", "192.0.2.1"),
            ("alice.stack.localhost", "AAAA", "2001:db8::1"),
            ("ssh.alice.stack.localhost", "AAAA", "2001:db8::1"),
            ("payroll.stack.localhost", "TXT", '"of others"'),
        )
    ]
    records: list[dict[str, Any]] = [alias, *addresses]
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record} for record in records]
    route53.change_resource_record_sets(HostedZoneId=hosted, ChangeBatch={"Changes": changes})


def at(account: Server, folder: Path, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the rehearsal with another spelling of its zone."""
    described = {**account.described, "zone": "LocalHost."}
    home = folder / "rehearsal"
    home.mkdir(exist_ok=True)
    (home / "rehearsal.json").write_text(json.dumps(described))
    inventories.write(home, ROOT, described)
    environment = {
        "AWS_ENDPOINT_URL": account.api,
        "AWS_ACCESS_KEY_ID": account.key[0],
        "AWS_SECRET_ACCESS_KEY": account.key[1],
        "AWS_REGION": account.described["region"],
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "PROBCOMP_REHEARSAL": str(home / "rehearsal.json"),
        "ANSIBLE_INVENTORY": f"{inventories.inventory(home)},{inventories.endpoint(home)}",
    }
    return play(folder, command, *options, **environment)


def test_the_certificate_and_the_zone_fit(account: Server, folder: Path) -> None:
    done = at(account, folder, "fleet_plan", *NAMES)
    # A plan needs no pass phrase, and notes that there is none yet.
    assert done.returncode == 0 and "FAILED" not in done.stdout, done.stdout + done.stderr
    assert "alice: no password file in " in done.stdout, done.stdout


def test_what_a_deletion_leaves_is_seen(account: Server, folder: Path) -> None:
    plan = at(account, folder, "fleet_delete", *NAMES)
    assert plan.returncode == 0 and "alice: nothing" not in plan.stdout, plan.stdout + plan.stderr
    assert "alice: 3 more that cost nothing" in plan.stdout, plan.stdout
    done = at(account, folder, "fleet_delete", *NAMES, "-e", "confirm=yes backup=false")
    left = [line for line in done.stdout.splitlines() if line.startswith("LEFT alice: ")]
    # Her two records of type A, which a machine has, are gone.
    assert [line.split()[2] for line in left] == ["listener"], done.stdout + done.stderr
    _, _, apart = done.stdout.partition("not known whose, left alone")
    assert "record alice.stack.localhost. AAAA" in apart and "record ssh.alice.stack.localhost. AAAA" in apart


def test_a_deletion_of_what_others_have_deletes_nothing_and_says_so(account: Server, folder: Path) -> None:
    done = at(account, folder, "fleet_delete", "-e", "user=payroll confirm=yes backup=false")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "there is nothing of payroll" in done.stdout and done.stdout.splitlines()[-1] == "nothing was changed"
    assert "record payroll.stack.localhost. TXT" in done.stdout.partition("not known whose, left alone")[2]


@pytest.mark.parametrize("command", ["fleet_plan", "ami_bake"])
def test_preflight_names_a_wrong_zone_among_the_others(account: Server, folder: Path, command: str) -> None:
    others = ("-e", json.dumps({"key_name": "", "admin_cidr": ""}))
    lines = failures(at(account, folder, command, *PREFLIGHT[command], *zone(".example.org"), *others))
    assert sum("zone '.example.org' is no domain name" in line for line in lines) == 1
    assert any("key_name is not set" in line for line in lines) and any("admin_cidr" in line for line in lines)
