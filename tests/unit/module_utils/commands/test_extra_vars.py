"""Tests of names given by -e, as Ansible's own parser reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.probcomp.stack.plugins.module_utils.commands import extra_vars
from ansible_collections.probcomp.stack.plugins.plugin_utils import typed_names

from tests.support import ROOT

SPECS = sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))


def message(*texts: str, lab: Path = ROOT, loader: DataLoader | None = None) -> str:
    given = {name: value for text in texts for name, value in _read(text).items()}
    return (
        extra_vars.unknown_variable(given, ROOT, lambda: typed_names.names_in_files([lab], loader or DataLoader()))
        or ""
    )


def _read(text: str) -> dict[str, object]:
    return yaml.safe_load(text) if text.startswith("{") else parse_kv(text)


@pytest.mark.parametrize(
    "text",
    [
        *("users=ws-1 ws-2", "owner=Alice B.", "cards_title=Statistics Monday", "instance = t3.large"),
        *("user=alice note=back on Monday", "user= alice", "user=alice, ben", "purpose=x -l alice", "=alice"),
        *("users=ws-1,ws-2 ws-3", "low = 1", "base=ws low =1 high=3", "owner='Alice B.' purpose=Statistics I"),
        *("aim=ami-1 owner=Alice B.", "confirm = yes"),
    ],
)
def test_what_is_cut_at_a_blank(text: str) -> None:
    assert "cuts name=value at blanks" in message(text)
    assert "cuts name=value at blanks" in message("user=alice", text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("aim=ami-0123456789abcdef0", "'aim': did you mean ami=?"),
        ("instance_type=t3.large", "'instance_type': did you mean instance=?"),
        ("type=t3.large", "'type': "),
        ("base=ws low=1 high=2 hihg=5", "'hihg': did you mean high=?"),
        ("Owner=Alice", "'Owner': did you mean owner=?"),
        ("instnace=t3.large", "'instnace': did you mean instance=?"),
        ("volumesize=50", "'volumesize': did you mean volume_size=?"),
        ("marco_time_out=5", "'marco_time_out': did you mean marco_timeout=?"),
        ("chek_wait=5", "'chek_wait': did you mean check_wait=?"),
        ("colour=red", "'colour': docs/workshop.md names the settings"),
        ('{"user": "alice", "instanceType": "t3.large"}', "'instanceType': did you mean instance=?"),
        ('{"vars": {"user": "alice"}}', "'vars': "),
        ("{user: alice, 7: x}", "'7': "),
    ],
)
def test_names_that_nothing_knows(text: str, says: str) -> None:
    assert says in message(text)
    assert says in message(text, "user=alice")


@pytest.mark.parametrize(
    "text",
    [
        *("user=alice owner='Alice B.'", 'cards_title="Statistics Monday"', "marco_timeout=5", "zone=example.org"),
        *("ansible_user=admin", "awx_job_id=3", "tower_user_name=x", "probcomp_region=eu-west-1", "content_url=x"),
        *("check_wait=5", "ssh_port=2200", "private_key_file=/k", "admin_user=admin", "state_dir=/s", "key_name=''"),
        *("admin_cidr=''", "ca_bundle=x", "logs_share_ssh_config=x", "molecule_file=x", '{"owner": "Alice B."}'),
        *("note='a = b'", "{}"),
    ],
)
def test_names_that_are_known(text: str) -> None:
    assert not message(text)


@pytest.mark.parametrize("file", SPECS, ids=[file.parts[-3] for file in SPECS])
def test_all_variables_of_a_role_are_known(file: Path) -> None:
    specs = yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"]
    options = {name: "x" for spec in specs.values() for name in spec.get("options", {})}
    assert not message(json.dumps(options))


def test_a_lab_s_own_variables_are_known(tmp_path: Path) -> None:
    vault = VaultLib([("default", VaultSecret(b"open"))])
    loader = DataLoader()
    loader.set_vault_secrets(vault.secrets)
    files = {
        "group_vars/all/local.yml": "lab_room: 5\nlab_key: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n",
        "host_vars/alice.yml": "lab_seat: 3\n",
        "host_vars/ben/seat": "lab_row: 3\n",
        "group_vars/all/.local.yml.swp": "\0",
        "group_vars/empty.yml": "",
        "group_vars/all/vault.yml": vault.encrypt("lab_token: x\n").decode(),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert not message("lab_room=6 lab_key=x lab_seat=4 lab_row=1 lab_token=y", lab=tmp_path, loader=loader)
    assert "did you mean lab_room=?" in message("lab_rom=6", lab=tmp_path, loader=loader)
