"""The role apt_probcomp: its refusals, and its message when apt-get failed.

It refuses before a machine does anything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.support import ROOT

pytestmark = pytest.mark.slow
PLAY = (
    "[{hosts: localhost, gather_facts: false, tasks: [{import_role: {name: apt_probcomp, tasks_from: arguments}}]}]\n"
)
REPOSITORY = {"apt_probcomp_repository_url": "http://packages.invalid/ubuntu"}


@pytest.mark.parametrize(
    ("settings", "is_refused"),
    [
        ({"apt_probcomp_key": "http://keys.invalid/a.asc"}, True),
        ({"apt_probcomp_key": " HTTP://keys.invalid/a.asc", "allow_plain_http": False}, True),
        ({"apt_probcomp_key": "http://keys.invalid/a.asc", "allow_plain_http": True}, False),
        ({"apt_probcomp_key": "http://keys.invalid/a.asc", "apt_probcomp_key_file": "/keys/a.asc"}, False),
        ({"apt_probcomp_key": "http://keys.invalid/a.asc", "apt_probcomp_repository_url": ""}, False),
        ({"apt_probcomp_key": "https://keys.invalid/a.asc"}, False),
        ({"apt_probcomp_key": "-----BEGIN PGP PUBLIC KEY BLOCK-----\nhttp://x\n"}, False),
    ],
)
def test_a_key_that_could_be_replaced_on_the_way_is_refused(
    tmp_path: Path, settings: dict[str, object], is_refused: bool
) -> None:
    (tmp_path / "play.yml").write_text(PLAY)
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [
        str(program),
        "-i",
        "localhost,",
        str(tmp_path / "play.yml"),
        "-e",
        json.dumps({**REPOSITORY, **settings}),
    ]
    (tmp_path / "ansible.cfg").touch()
    environment = {**os.environ, "ANSIBLE_CONFIG": "ansible.cfg", "ANSIBLE_ROLES_PATH": str(ROOT / "roles")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == is_refused, done.stdout + done.stderr
    assert ("is an address of plain http" in " ".join((done.stdout + done.stderr).split())) == is_refused


def read_repository(tmp_path: Path, apt_get: str, mode: int) -> subprocess.CompletedProcess[str]:
    """Run the script of the task "Read the repository" with our own apt-get.

    `apt_get` is the shell script of that program, "" for none.
    """
    tasks = yaml.safe_load((ROOT / "roles/apt_probcomp/tasks/install.yml").read_text())
    (script,) = (
        task["apt_unlocked"]["arguments"]["_raw_params"] for task in tasks if task["name"] == "Read the repository"
    )
    variables = {"__apt_probcomp_note": tmp_path / "note", "__apt_probcomp_source": tmp_path / "source"}
    script = jinja2.Template(script).render({**variables, "__apt_probcomp_newer": "true"})
    for program in ("sed", "tail", "mkdir", "dirname", "find", "sha256sum", "mv"):
        (tmp_path / program).symlink_to(f"/usr/bin/{program}")
    if apt_get:
        (tmp_path / "apt-get").write_text(f"#!/bin/sh\n{apt_get}\n")
        (tmp_path / "apt-get").chmod(mode)
    return subprocess.run(
        ["/bin/sh", "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("apt_get", "mode", "says"),
    [
        ("", 0o755, "apt-get ended with status 127 and no reason but: "),
        ("exit 0", 0o644, "apt-get ended with status 12"),
        ("kill -9 $$", 0o755, "apt-get ended with status 137 and no reason; "),
        ("echo x86: cannot execute >&2; exit 8", 0o755, "no reason but: x86: cannot execute; "),
        ("printf 'Reading\\nE: no disk\\nE: more\\n' >&2; exit 100", 0o755, "no disk"),
    ],
    ids=["missing", "not executable", "killed", "other words", "its own words"],
)
def test_why_apt_get_failed_is_one_line(tmp_path: Path, apt_get: str, mode: int, says: str) -> None:
    done = read_repository(tmp_path, apt_get, mode)
    # The shell itself may say that a program was killed. What is shown of a failed script is its last line.
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and says in line and not (tmp_path / "note").exists(), line
    assert ("sudo apt-get update" in line) == (says != "no disk")


def test_apt_get_that_succeeds_is_noted(tmp_path: Path) -> None:
    done = read_repository(tmp_path, "exit 0", 0o755)
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "note").exists()


BESIDE_UNSIGNED = {
    "stdout": "Ign:1 http://127.0.0.1:9/vendor stable InRelease\nErr:1 http://127.0.0.1:9/vendor stable InRelease\n"
    "  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)\n"
    "Err:5 http://no-such-host.invalid/v stable InRelease\n  Could not resolve 'no-such-host.invalid'\n",
    "stderr": "E: The repository 'file:/srv/unsigned x Release' is not signed.",
}
ALONE = {
    "stdout": "Err:1 http://127.0.0.1:9/vendor stable InRelease\n  Unable to connect to 127.0.0.1:9:\n",
    "stderr": "W: Failed to fetch http://127.0.0.1:9/vendor/dists/stable/InRelease  Unable to connect to 127.0.0.1:9:\n"
    "W: Some index files failed to download. They have been ignored, or old ones used instead.",
}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (BESIDE_UNSIGNED, ["127.0.0.1:9/vendor", "no-such-host.invalid/v", "file:/srv/unsigned x Release"]),
        (ALONE, ["127.0.0.1:9/vendor"]),
        ({"stdout": "Hit:1 http://deb.invalid stable InRelease\nReading package lists...", "stderr": ""}, []),
        ({}, []),
    ],
)
def test_every_source_that_apt_cannot_read_is_named_once(words: dict[str, str], named: list[str]) -> None:
    """The words are those of apt 2.6 for such sources."""
    given = yaml.safe_load((ROOT / "roles/apt_probcomp/vars/main.yml").read_text())["__apt_probcomp_unread"]
    templar = Templar(loader=DataLoader(), variables={"apt_probcomp_sources": words})
    found = templar.template(trust_as_template(given))
    assert len(found) == len(named)
    assert all(name in line for name, line in zip(named, found, strict=True))
