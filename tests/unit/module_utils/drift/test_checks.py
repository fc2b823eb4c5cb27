"""The differences of a machine from a role's expectations.

Each kind of expectation is tested met and not met.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT
from tests.support.content_world import load_module

role_drift = load_module("role_drift")
from ansible_collections.probcomp.stack.plugins.module_utils.drift import checks as drift  # isort: skip

ROLES = sorted(path.parents[1].name for path in (ROOT / "roles").glob("*/vars/main.yml"))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings"
    path.write_text("first\nsecond\n")
    path.chmod(0o644)
    return path


@pytest.mark.parametrize(
    ("wanted", "difference"),
    [
        ({"sha256": sha256("first\nsecond\n")}, ""),
        ({"sha256": sha256("first\nsecond")}, "other content"),
        ({"line": "second"}, ""),
        ({"line": "sec"}, "the line is missing"),
        ({"mode": "0644"}, ""),
        ({"mode": "0640"}, "other mode or owner"),
        ({"sha256": sha256("first\nsecond\n"), "line": "first", "mode": "644"}, ""),
    ],
)
def test_a_file(wanted: dict[str, str], difference: str, file: Path) -> None:
    found = drift.files([{"path": str(file), **wanted}])
    assert found == ([f"{file}: {difference}"] if difference else [])


def test_a_file_that_belongs_to_somebody_else(file: Path) -> None:
    os.chown(file, 1, 1)
    assert drift.files([{"path": str(file), "mode": "0644"}]) == [f"{file}: other mode or owner"]


def test_what_is_no_file(tmp_path: Path) -> None:
    pipe, folder, gone = tmp_path / "pipe", tmp_path / "folder", tmp_path / "gone"
    os.mkfifo(pipe)
    folder.mkdir()
    found = drift.files([{"path": str(path), "sha256": "0"} for path in (pipe, folder, gone)])
    assert found == [f"{pipe}: no regular file", f"{folder}: no regular file", f"{gone}: missing"]


def test_a_link_to_the_right_file_is_as_good(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert drift.files([{"path": str(link), "line": "first", "mode": "0644"}]) == []


def test_packages() -> None:
    assert drift.packages(["bash"]) == []
    assert drift.packages(["bash", "no-such-package", "bash-doc2"]) == [
        "package no-such-package: not installed",
        "package bash-doc2: not installed",
    ]


def test_an_account() -> None:
    root = pwd.getpwnam("root")
    have = {"name": "root", "home": root.pw_dir, "shell": root.pw_shell, "comment": root.pw_gecos}
    assert drift.account(have) == []
    assert drift.account({**have, "shell": "/bin/other", "home": "/"}) == [
        "account root: other home",
        "account root: other shell",
    ]
    assert drift.account({**have, "name": "nobody-has-this"}) == ["account nobody-has-this: missing"]


def test_a_host_name() -> None:
    kept = Path("/etc/hostname").read_text().strip()
    assert drift.hostname(socket.gethostname()) == ([] if kept == socket.gethostname() else ["other host name"])
    assert drift.hostname("some-other") == ["other host name"]


def test_a_record_of_files(file: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    wanted = {"path": str(record), "settings": "abc"}
    assert drift.record(wanted) == [f"{record}: missing"]
    sums = subprocess.run(["sha256sum", str(file)], capture_output=True, text=True, check=True).stdout
    record.write_text(f"# abc\n{sums}")
    assert drift.record(wanted) == []
    assert drift.record({**wanted, "settings": "abd"}) == ["other settings"]
    file.write_text("changed\n")
    assert drift.record(wanted) == [f"{file}: FAILED"]
    file.unlink()
    assert len(drift.record(wanted)) == 1
    record.write_text("# abc\n")
    assert drift.record(wanted) == [f"{record}: damaged"]


def test_what_cannot_be_looked_at_counts_as_different() -> None:
    wanted = {"owner": "nobody-has-this", "checksum": "", "url": "https://x/", "timeout": 1}
    assert drift.differences({"content": wanted}) == ["account nobody-has-this: missing"]
    assert drift.differences({"files": [{"path": "/proc/self/mem/x", "sha256": ""}]}) != []


def test_a_role_follows_another() -> None:
    roles: dict[str, Any] = {
        "first": {"packages": ["no-such-package"]},
        "second": {"after": ["first"], "packages": ["bash"]},
        "third": {"after": ["second", "other"]},
        "other": {"packages": ["bash"]},
        "none": {},
    }
    assert role_drift.drift(roles) == {
        "first": ["package no-such-package: not installed"],
        "second": ["first comes before it"],
        "third": ["second comes before it"],
    }


@pytest.mark.parametrize("role", [role for role in ROLES if (ROOT / f"roles/{role}/tasks/arguments.yml").exists()])
def test_every_configured_role_says_what_it_leaves(role: str) -> None:
    expected = yaml.safe_load((ROOT / f"roles/{role}/vars/main.yml").read_text())[f"__{role}_expected"]
    assert expected.keys() <= drift.CHECKS.keys() | {"after", "password"}
    assert f"__{role}_expected" in (ROOT / "playbooks/shared/configure.yml").read_text()
