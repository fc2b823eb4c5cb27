"""The inventory plugin through Ansible's own commands and moto's server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2 import ec2_backends
from moto.server import ThreadedMotoServer

pytestmark = pytest.mark.slow

from tests.support import ROOT

PROGRAMS = Path(sys.executable).parent
REGION = "eu-west-1"


@dataclass
class Lab:
    """A copy of the repository's plugins with two commands, and a fake EC2.

    The EC2 has three machines.
    """

    root: Path
    url: str
    client: Any

    def run(self, program: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
        settings = {
            **kept,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            **environment,
        }
        command = [str(PROGRAMS / program), *options]
        return subprocess.run(
            command, cwd=self.root, env=settings, capture_output=True, text=True, timeout=60, check=False
        )


def run_machine(client: Any, image: str, user: str, **tags: str) -> str:
    """Run an instance that the stack of the user's machine made, and return its id."""
    identity = run_instance(client, image, tags.pop("Name", f"{user}/instance"), **tags)
    # Past the API, which lets nobody write CloudFormation's tags.
    made = {"aws:cloudformation:stack-name": f"probcomp-stack-{user}"}
    ec2_backends[DEFAULT_ACCOUNT_ID][REGION].create_tags([identity], made)
    return identity


def run_instance(client: Any, image: str, name: str, **tags: str) -> str:
    listed = [{"Key": key, "Value": value} for key, value in {"Name": name, **tags}.items()]
    answer = client.run_instances(
        ImageId=image,
        MinCount=1,
        MaxCount=1,
        InstanceType="t3.micro",
        TagSpecifications=[{"ResourceType": "instance", "Tags": listed}],
    )
    return str(answer["Instances"][0]["InstanceId"])


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "plugins", root / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "ansible.cfg", root)
    (root / "inventory").mkdir()
    (root / "playbooks").mkdir()
    shutil.copytree(ROOT / "collections", root / "collections", symlinks=True)
    (root / "playbooks/collections").symlink_to("../collections")
    shutil.copy(ROOT / "inventory/probcomp_ec2.yml", root / "inventory")
    (root / "create.yml").write_text("- hosts: localhost\n  gather_facts: false\n  tasks: []\n", encoding="utf-8")
    work = (
        "- hosts: users\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.debug:\n        msg: 'at {{ inventory_hostname }} in {{ probcomp_region }}'\n"
    )
    for name in ("work.yml", "stack_stop.yml"):
        (root / name).write_text(work, encoding="utf-8")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "ec2", region_name=REGION, endpoint_url=url, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    image = client.register_image(Name="plain", RootDeviceName="/dev/xvda")["ImageId"]
    run_machine(client, image, "ws-1", fleet="ws")
    run_machine(client, image, "alice")
    run_instance(client, image, "a database of somebody else")
    gone = run_machine(client, image, "gone")
    client.terminate_instances(InstanceIds=[gone])
    yield Lab(root, url, client)
    server.stop()


def test_graph_and_list(lab: Lab) -> None:
    graph = lab.run("ansible-inventory", "--graph", "--vars")
    assert graph.returncode == 0, graph.stderr
    assert graph.stderr == ""
    assert "|--@ws:\n  |  |--ws-1" in graph.stdout
    assert "|--@users:\n  |  |--alice" in graph.stdout
    assert "{probcomp_state = running}" in graph.stdout
    assert f"{{probcomp_region = {REGION}}}" in graph.stdout
    assert "gone" not in graph.stdout
    assert "somebody" not in graph.stdout


def test_a_rehearsal_that_is_down_is_said_at_once(lab: Lab) -> None:
    result = lab.run("ansible-playbook", "work.yml", "-l", "ws", PROBCOMP_REHEARSAL=str(lab.root / "gone.json"))
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "rehearsal that is down" in line


def test_a_command_that_needs_no_account_does_not_wait_for_one(lab: Lab) -> None:
    (lab.root / "url_cards.yml").write_text(
        "- hosts: localhost\n  gather_facts: false\n  tasks: []\n", encoding="utf-8"
    )
    result = lab.run("ansible-playbook", "url_cards.yml", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_a_limit_names_what_exists(lab: Lab) -> None:
    result = lab.run("ansible-playbook", "work.yml", "-l", "ws")
    assert result.returncode == 0, result.stderr
    assert "ws-1: at ws-1 in eu-west-1" in result.stdout
    assert "alice" not in result.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["work.yml", "-l", "alcie,ws-1"], "no such machine: alcie; nearest: alice"),
        (["work.yml"], "work.yml: say which machines with -l: -l alice, -l ws, -l users for all; nothing was touched"),
        (["create.yml", "-l", "alice"], "create.yml takes its names by -e"),
        (
            ["work.yml", "-l", "users", "-e", "user=alice"],
            "work.yml takes its machines by -l alone, and -e user= names",
        ),
    ],
)
def test_refusals_are_one_line(lab: Lab, options: list[str], says: str) -> None:
    result = lab.run("ansible-playbook", *options)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"[ERROR]: {says}")
    assert result.stdout == ""


def test_only_checking_the_syntax_asks_nobody(lab: Lab) -> None:
    result = lab.run(
        "ansible-playbook", "--syntax-check", "work.yml", "create.yml", AWS_ENDPOINT_URL="http://127.0.0.1:9"
    )
    assert result.returncode == 0, result.stderr


def test_without_credentials(lab: Lab) -> None:
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    listed = lab.run("ansible-inventory", "--graph", **none)
    assert listed.returncode == 1
    (line,) = listed.stderr.splitlines()
    assert line.startswith("[ERROR]: the machines cannot be listed: no AWS credentials found")
    # A command that starts on the controller may need no account; otherwise its preflight reports that.
    created = lab.run("ansible-playbook", "create.yml", **none)
    assert created.returncode == 0
    assert "[WARNING]: the machines that exist cannot be listed: no AWS credentials found" in created.stderr


def test_without_a_region(lab: Lab) -> None:
    result = lab.run("ansible-inventory", "--graph", AWS_REGION="")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "no AWS region" in line


def test_the_cache_is_of_one_endpoint(lab: Lab, tmp_path: Path) -> None:
    cached = {
        "ANSIBLE_INVENTORY_CACHE": "true",
        "ANSIBLE_INVENTORY_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_INVENTORY_CACHE_CONNECTION": str(tmp_path),
    }
    image = lab.client.describe_images()["Images"][0]["ImageId"]
    assert "alice" in lab.run("ansible-inventory", "--graph", **cached).stdout
    late = run_machine(lab.client, image, "late")
    assert "late" not in lab.run("ansible-inventory", "--graph", **cached).stdout
    lab.client.terminate_instances(InstanceIds=[late])
    other_region = lab.run("ansible-inventory", "--graph", AWS_REGION="us-east-2", **cached).stdout
    assert "alice" not in other_region


def test_what_is_only_named_like_a_machine_is_named_once_and_left_out(lab: Lab) -> None:
    """Leave out instances with names like ours, and name them once.

    One is a second machine with all of alice's tags, one has a name like ours alone.
    """
    image = lab.client.describe_images()["Images"][0]["ImageId"]
    copy, foreign = (
        run_instance(lab.client, image, "alice/instance"),
        run_instance(lab.client, image, "payroll/instance"),
    )
    try:
        listed = lab.run("ansible-inventory", "--list").stdout
        assert '"alice": {' in listed and copy not in listed and "payroll" not in listed
        for limit, named in (("users", "alice/instance, payroll/instance"), ("alice", "alice/instance"), ("ws", "")):
            result = lab.run("ansible-playbook", "stack_stop.yml", "-l", limit)
            assert result.returncode == 0, result.stderr
            said = " ".join(result.stderr.split())
            assert said.count("not ours, left alone:") == bool(named)
            assert not named or f"not ours, left alone: {named} (stack_list.yml)" in said
        # Commands that neither start nor stop anything say nothing of it.
        assert lab.run("ansible-playbook", "work.yml", "-l", "users").stderr == ""
        refused = lab.run("ansible-playbook", "work.yml", "-l", "payroll")
        assert refused.returncode == 1 and "no such machine: payroll" in refused.stderr
    finally:
        lab.client.terminate_instances(InstanceIds=[copy, foreign])


def test_a_machine_that_somebody_renamed_is_found_by_its_stack(lab: Lab) -> None:
    image = lab.client.describe_images()["Images"][0]["ImageId"]
    renamed = run_machine(lab.client, image, "bob", Name="alice/instance")
    try:
        result = lab.run("ansible-playbook", "work.yml", "-l", "bob")
        assert "bob: at bob" in result.stdout and result.stderr == ""
        graph = lab.run("ansible-inventory", "--graph").stdout
        assert "@renamed_machines:\n  |  |--bob\n" in graph
    finally:
        lab.client.terminate_instances(InstanceIds=[renamed])
