"""What the role apt_probcomp refuses before a machine does anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
