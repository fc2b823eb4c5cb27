"""What an intruder may have left is named, and what a Jupyter has anyhow is not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.machine import left_behind

from tests.support.jupyter_server import environment

HASH = {"IdentityProvider": {"hashed_password": "argon2:x"}}
USUAL = (
    *(".jupyter/lab/user-settings/a.jupyterlab-settings", ".jupyter/migrated", ".local/share/jupyter/notebook_secret"),
    *(".local/share/jupyter/runtime/k.json", ".ipython/profile_default/startup/README", ".ssh/known_hosts"),
    *(".ipython/profile_default/history.sqlite", ".local/lib/python3.12/site-packages/numpy/__init__.py"),
)
LEFT = (
    *(".jupyter/jupyter_server_config.py", ".jupyter/jupyter_lab_config.json", ".ssh/authorized_keys"),
    *(".jupyter/jupyter_server_config.d/x.json", ".ipython/profile_default/startup/00-x.py"),
    *(".ipython/profile_default/ipython_config.py", ".local/share/jupyter/kernels/python3"),
    *(".local/lib/python3.12/site-packages/x.pth", ".config/systemd/user/x.service"),
    *(".local/share/jupyter/labextensions/x", ".local/lib/python3.12/site-packages/usercustomize.py"),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in USUAL:
        touch(tmp_path / name)
    (tmp_path / ".jupyter/jupyter_server_config.json").write_text(json.dumps(HASH))
    return tmp_path


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_usual_home_has_nothing_to_name(home: Path) -> None:
    assert left_behind.in_home(home) == []


@pytest.mark.parametrize("name", LEFT)
def test_each_such_file_is_named_and_stays(home: Path, name: str) -> None:
    touch(home / name)
    assert left_behind.in_home(home) == [f"{home}/{name}"]
    assert (home / name).exists()


def test_settings_beside_the_hash_are_named(home: Path) -> None:
    path = home / ".jupyter/jupyter_server_config.json"
    path.write_text(json.dumps({**HASH, "ServerApp": {"jpserver_extensions": {"x": True}}}))
    assert left_behind.in_home(home) == [str(path)]


def test_a_home_full_of_files_is_bounded(home: Path) -> None:
    for number in range(left_behind.MOST + 50):
        (home / f".jupyter/{number}.py").touch()
    os.mkfifo(home / ".jupyter/pipe.json")
    assert len(left_behind.in_home(home)) == left_behind.MOST


@pytest.mark.slow
def test_an_environment_of_the_roles_packages_has_nothing_to_name_and_others_extensions_are(tmp_path: Path) -> None:
    made = environment()
    assert left_behind.in_environment(made) == []
    others = ("etc/jupyter/jupyter_server_config.d/x.json", "share/jupyter/labextensions/@x/y")
    for name in others:
        touch(tmp_path / name)
    assert left_behind.in_environment(tmp_path) == [
        f"{tmp_path}/{others[0]}",
        f"{tmp_path}/share/jupyter/labextensions/@x",
        f"{tmp_path}/{others[1]}",
    ]
