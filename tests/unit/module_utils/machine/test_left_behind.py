"""What an intruder may have left is named, and what a Jupyter has anyhow is not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.machine import left_behind

from tests.support.content_world import account_with
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


def named(home: Path, environment: str = "/none") -> list[str]:
    return left_behind.find(account_with(home), environment, lambda _: False)


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_usual_home_has_nothing_to_name(home: Path) -> None:
    assert named(home) == []


@pytest.mark.parametrize("name", LEFT)
def test_each_such_file_is_named_and_stays(home: Path, name: str) -> None:
    touch(home / name)
    assert named(home) == [f"{home}/{name}"]
    assert (home / name).exists()


def test_settings_beside_the_hash_are_named(home: Path) -> None:
    path = home / ".jupyter/jupyter_server_config.json"
    path.write_text(json.dumps({**HASH, "ServerApp": {"jpserver_extensions": {"x": True}}}))
    assert named(home) == [str(path)]


def test_a_home_full_of_files_is_bounded_says_so_and_hides_no_keys(home: Path) -> None:
    for number in range(left_behind.MOST + 50):
        (home / f".jupyter/{number}.py").touch()
        touch(home / f".config/systemd/user/{number}.timer")
    os.mkfifo(home / ".jupyter/pipe.json")
    touch(home / ".ssh/authorized_keys")
    found = named(home)
    assert found[:3] == [
        f"more than {left_behind.MOST} keys and timers in {home}: only some are listed",
        f"more than {left_behind.MOST} settings and programs in {home}: only some are listed",
        f"{home}/.ssh/authorized_keys",
    ]
    assert len(found) == 2 * left_behind.MOST + 2


def test_a_folder_full_of_other_files_hides_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "_MOST_IN_A_FOLDER", 20)
    for number in range(50):
        touch(home / f".ssh/{number}")
        touch(home / f".jupyter/{number}.txt")
    for name in (".ssh/authorized_keys", ".ipython/extensions/x.py"):
        touch(home / name)
    # A folder that was not read to its end is named itself.
    assert named(home) == [
        f"{home}/{name}" for name in (".ssh/authorized_keys", ".jupyter", ".ipython/extensions/x.py")
    ]


def test_a_comparison_that_hangs_hides_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "HOME_SECONDS", 1)
    touch(home / ".ssh/authorized_keys")
    touch(home / ".jupyter/evil.py")

    def hang(_: str) -> bool:
        time.sleep(60)
        return True

    found = left_behind.find(account_with(home), "/none", hang)
    assert found[-2:] == [f"{home}/.ssh/authorized_keys", f"{home}/.jupyter/evil.py"]
    assert any("took longer than 1 s" in line for line in found)


def test_a_search_that_takes_too_long_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "_SEARCH_SECONDS", 0)
    touch(home / ".jupyter/evil.py")
    assert any("not all of it was looked at" in line for line in named(home))


def test_a_hash_file_that_is_a_circle_of_links_hides_no_others(home: Path) -> None:
    path = home / ".jupyter/jupyter_server_config.json"
    path.unlink()
    path.symlink_to(path.name)
    touch(home / ".jupyter/evil.py")
    assert named(home) == [f"{home}/.jupyter/evil.py", str(path)]


@pytest.mark.slow
def test_an_environment_of_the_roles_packages_has_nothing_to_name_and_others_extensions_are(tmp_path: Path) -> None:
    made = environment()
    assert named(tmp_path / "none", str(made)) == []
    others = ("etc/jupyter/jupyter_server_config.d/x.json", "share/jupyter/labextensions/@x/y")
    for name in others:
        touch(tmp_path / name)
    assert named(tmp_path / "none", str(tmp_path)) == [
        f"{tmp_path}/{others[0]}",
        f"{tmp_path}/share/jupyter/labextensions/@x",
        f"{tmp_path}/{others[1]}",
    ]
