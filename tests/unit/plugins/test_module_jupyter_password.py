"""Passwords of machines: hashes in Jupyter's format, and the settings file.

The settings file survives whatever is found in its place.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import argon2
import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.passwords import jupyter_hash as hashes

from tests.support.content_world import load_module

jupyter_password = load_module("jupyter_password")
from ansible_collections.probcomp.stack.plugins.module_utils.machine import jupyter_service

PASSWORD = "correct horse battery"
OTHER = "argon2:$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$" + "A" * 43


# These tests check hashes.


def test_hash_is_what_jupyter_checks() -> None:
    """jupyter_server.auth.security.passwd_check computes the same."""
    made = hashes.make_hash(PASSWORD)
    assert made.startswith("argon2:$argon2id$v=19$m=10240,t=10,p=8$")
    assert argon2.PasswordHasher().verify(made.removeprefix("argon2:"), PASSWORD)
    assert hashes.make_hash(PASSWORD) != made


def test_hash_that_jupyter_made_is_recognized() -> None:
    """A hash that Jupyter made of the file's password is recognized.

    A user who changes her password on the machine to the one in the file leaves nothing to do.
    """
    made = "argon2:" + argon2.PasswordHasher(memory_cost=10240, time_cost=10, parallelism=8).hash(PASSWORD)
    assert hashes.is_hash_of(made, PASSWORD)
    assert not hashes.is_hash_of(made, PASSWORD + " ")


@pytest.mark.parametrize(
    "found",
    [
        "",
        " ",
        "garbage",
        "argon2:",
        "argon2:$argon2id$v=19$m=10240,t=10,p=8$",
        "sha1:0e112c3ddfce:a68df677475c2b47b6e86d",
        "argon2:$argon2id$v=19$m=0,t=0,p=0$c29tZXNhbHQ$" + "A" * 43,
        OTHER + "\n",
        OTHER + "é",
        OTHER * 1000,
    ],
)
def test_anything_else_is_no_hash_of_it(found: str) -> None:
    assert not hashes.is_hash_of(found, PASSWORD)


@pytest.mark.parametrize("figures", ["m=4194304,t=10,p=8", "m=10240,t=9999,p=8", "m=10240,t=10,p=255"])
def test_a_hash_that_costs_too_much_is_not_tried(figures: str) -> None:
    start = time.process_time()
    assert not hashes.is_hash_of(f"argon2:$argon2id$v=19${figures}$c29tZXNhbHQ$" + "A" * 43, PASSWORD)
    assert time.process_time() - start < 0.1, "of its own: others may keep the processor busy"


def test_no_warning_reaches_the_output() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hashes.is_hash_of(hashes.make_hash(PASSWORD), PASSWORD)


# These tests check the settings file.


def written(path: Path) -> dict[str, Any]:
    jupyter_password.write_hash(path, OTHER)
    config: dict[str, Any] = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    assert jupyter_service.hash_in(jupyter_service.read_config(path)) == OTHER
    assert config["IdentityProvider"]["hashed_password"] == OTHER
    return config


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".jupyter/jupyter_server_config.json"


def test_first_password(path: Path) -> None:
    assert jupyter_service.hash_in(jupyter_service.read_config(path)) == ""
    assert written(path) == {"IdentityProvider": {"hashed_password": OTHER}}
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_other_settings_are_kept_and_hashes_that_would_win_are_not(path: Path) -> None:
    path.parent.mkdir()
    found = {
        "ServerApp": {"password": OTHER, "quit_button": False},
        "PasswordIdentityProvider": {"hashed_password": OTHER},
        "IdentityProvider": {"hashed_password": OTHER, "cookie_options": {}},
        "LabApp": {"news_url": "x"},
    }
    path.write_text(json.dumps(found))
    assert jupyter_service.hash_in(jupyter_service.read_config(path)) == ""
    assert written(path) == {
        "ServerApp": {"quit_button": False},
        "PasswordIdentityProvider": {},
        "IdentityProvider": {"hashed_password": OTHER, "cookie_options": {}},
        "LabApp": {"news_url": "x"},
    }


DAMAGED = [b"", b"{", b'{"IdentityProvider": {"hashed_pa', b"[]", b"5", b"\x00\xff", b" " * 2**21]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_replaced_and_kept(text: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(text)
    assert jupyter_service.read_config(path) is None
    assert written(path) == {"IdentityProvider": {"hashed_password": OTHER}}
    assert path.with_name(path.name + ".damaged").read_bytes() == text


@pytest.mark.parametrize("section", [[], None, "x", {"hashed_password": None}, {"hashed_password": 5}, {}])
def test_sections_of_another_shape(section: object, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"IdentityProvider": section, "ServerApp": section}))
    assert jupyter_service.hash_in(jupyter_service.read_config(path)) == ""
    written(path)


def test_a_pipe_of_that_name_does_not_hold_us(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)
    written(path)


def test_a_link_is_replaced_and_its_target_left_alone(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    target = tmp_path / "target"
    target.write_text('{"kept": 1}')
    path.symlink_to(target)
    assert written(path)["kept"] == 1
    assert target.read_text() == '{"kept": 1}' and not path.is_symlink()


def test_a_file_that_others_can_read_is_seen(path: Path) -> None:
    written(path)
    assert jupyter_service.is_private(path)
    path.chmod(0o644)
    assert not jupyter_service.is_private(path)
