"""Settings as the manual has a user give them, with an account.

They are in her clone's group_vars/all/local.yml and host_vars. The rehearsal that answers adds only its endpoint and
the authority to trust. It has no machines.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.account import inventories
from tests.support import door, manual, rehearsal_process

pytestmark = pytest.mark.slow

PROGRAMS = Path(sys.executable).parent
PLAN = ("fleet_plan.yml", "-e", "users=alice,bob")


class Clone:
    """A fresh clone and a rehearsal beside it."""

    def __init__(self, root: Path, home: Path, server: rehearsal_process.Server) -> None:
        self.root = root
        self.home = home
        self.server = server

    @property
    def account(self) -> dict[str, Any]:
        """Return the settings that fit the rehearsal's account."""
        file = inventories.inventory(self.home) / inventories.SETTINGS_FILE
        found: dict[str, Any] = yaml.safe_load(file.read_text())
        return found

    @cache  # noqa: B019 - it lives as long as the tests
    def environment(self, options: str) -> dict[str, str]:
        """Return a shell's environment after `eval "$(scripts/rehearsal env ...)"`."""
        script = f'environment=$(scripts/rehearsal env {options}) && eval "$environment" && exec env --null'
        given = {**os.environ, "REHEARSAL_HOME": str(self.home), "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(["bash", "-c", script], cwd=self.root, env=given, check=True, capture_output=True)
        return dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)

    def run(self, *words: str, options: str = "--own-settings") -> str:
        """Return the command's output on both streams, whatever its exit status."""
        done = subprocess.run(
            ["ansible-playbook", *words],
            cwd=self.root,
            env=self.environment(options),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    folder = tmp_path_factory.mktemp("door")
    door.clone(folder / "clone")
    with rehearsal_process.running(folder / "home") as server:
        yield Clone(folder / "clone", folder / "home", server)


@pytest.fixture(autouse=True)
def no_settings_yet(clone: Clone) -> None:
    (clone.root / inventories.SETTINGS_FILE).unlink(missing_ok=True)


def value_of(text: str, setting: str) -> str:
    """Return the value that the plan shows for a setting."""
    return next(line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith(f"{setting} "))


def failures(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("FAILED", "[ERROR]"))]


def test_each_value_of_the_manual_is_in_the_plans_answer(clone: Clone) -> None:
    wanted = door.manual_settings()
    file = door.write_settings(clone.root, wanted)
    text = clone.run(*PLAN)
    for setting, value in wanted.items():
        assert value_of(text, setting) == value, text
    broken = "\n".join(failures(text))
    for setting in ("zone", "certificate_arn", "key_name", "private_key_file", "content_url"):
        assert wanted[setting].removeprefix("~") in broken, text
    assert yaml.safe_load(file.read_text()) == wanted


def test_every_setting_of_the_manual_has_a_value_in_the_rehearsals_account(clone: Clone) -> None:
    machines = {"apt_repository_url": "http://192.0.2.1/apt", "apt_suite": "s", "apt_key_file": os.devnull}
    whole = inventories.account_settings({**clone.server.described, **machines})
    assert set(door.manual_settings()) <= set(whole)
    # The rehearsal adds only settings that no user has.
    added = inventories.endpoint_settings(clone.home, clone.server.described)
    assert set(added) & set(whole) == set()


def test_what_the_readme_asks_of_aws(clone: Clone, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / ".ssh/lab")]
    subprocess.run(key, check=True, timeout=30)
    asked = [command for block in manual.section("README.md", manual.FIRST_MACHINE) for command in block.commands()]
    # IAM is not carried.
    script = "\n".join(command for command in asked if command.startswith("aws ") and " iam " not in command)
    environment = {**clone.environment("--own-settings"), "HOME": str(tmp_path)}
    subprocess.run(["bash", "-euc", script], cwd=clone.root, env=environment, check=True, timeout=120)
    pairs = clone.server.client("ec2").describe_key_pairs(KeyNames=["lab"])["KeyPairs"]
    wanted = clone.server.client("acm").list_certificates()["CertificateSummaryList"]
    assert len(pairs) == 1 and "*.stack.example.org" in [item["DomainName"] for item in wanted]


def test_settings_that_fit_leave_nothing_to_object_to(clone: Clone) -> None:
    clone.run("create_passwords.yml", "-e", "users=alice,bob")
    door.write_settings(clone.root, clone.account)
    text = clone.run(*PLAN)
    assert [line for line in failures(text) if "content" not in line] == [], text
    assert value_of(text, "zone") == clone.account["zone"]


def test_a_zone_that_the_rehearsals_name_servers_know_elsewhere(clone: Clone) -> None:
    door.write_settings(clone.root, {**clone.account, "zone": "elsewhere.test"})
    route53 = clone.server.client("route53")
    hosted = route53.create_hosted_zone(Name="elsewhere.test", CallerReference="1")["HostedZone"]
    values = [{"Value": "ns.registrar.test."}]
    record = {"Name": "elsewhere.test", "Type": "NS", "TTL": 60, "ResourceRecords": values}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=hosted["Id"], ChangeBatch=batch)
    text = clone.run(*PLAN)
    assert "asks other name servers about elsewhere.test than those of the hosted zone: ns.registrar.test" in text, text


def test_settings_of_one_machine(clone: Clone) -> None:
    door.write_settings(clone.root, {**clone.account, "instance": "t3.large"})
    (clone.root / "host_vars/alice.yml").write_text("instance: t3.small\n")
    text = clone.run(*PLAN)
    rows = {line.split()[0]: line.split()[1] for line in text.splitlines() if line.startswith(("alice ", "bob "))}
    assert rows == {"alice": "t3.small", "bob": "t3.large"}, text


def test_the_demo_goes_by_its_own(clone: Clone) -> None:
    file = door.write_settings(clone.root, {**door.manual_settings(), "instance": "m5.24xlarge"})
    (clone.root / "host_vars/alice.yml").write_text("instance: m5.12xlarge\n")
    before = file.read_bytes()
    text = clone.run(*PLAN, options="")
    values = [value for name, value in door.manual_settings().items() if name != "key_name"]
    assert [value for value in (*values, "m5.") if value in text] == []
    assert value_of(text, "zone") == "localhost" and "t3.medium" in text
    assert file.read_bytes() == before


def test_a_file_that_ours_would_override_is_named(clone: Clone) -> None:
    file = clone.root / "group_vars/all/aws.yml"
    file.write_text("zone: example.net\n")
    try:
        text = clone.run("create_passwords.yml", "-e", "user=carol")
    finally:
        file.unlink()
    assert "group_vars/all/aws.yml has no effect on what defaults.yml sets too: name it local.yml" in text
    assert text.count("has no effect") == 1, text
