"""The laptop's images: their data from the roles, and their entry point.

The tests check how the entry point judges its input.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest
import yaml
from ansible_collections.probcomp.stack.plugins.module_utils.common.unicode_forms import composed

from tests.support import ROOT

PHRASE = "correct-horse-battery"


def load(path: str) -> ModuleType:
    """Load a program of the images as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "docker" / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lab_repository = load("ubuntu2404/lab_repository.py")
password_hash = load("ubuntu2404-jupyter/password_hash.py")
service = load("ubuntu2404-jupyter/service.py")
start = load("ubuntu2404-jupyter/start.py")


def defaults(role: str) -> dict[str, Any]:
    """Return the defaults of a role."""
    values: dict[str, Any] = yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text())
    return values


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder in place of /etc/apt, and clear the environment's settings."""
    monkeypatch.setattr(lab_repository, "SOURCE", tmp_path / "probcomp.sources")
    monkeypatch.setattr(lab_repository, "KEY", tmp_path / "keyrings/probcomp.asc")
    for name in os.environ:
        if name.startswith("APT_PROBCOMP_"):
            monkeypatch.delenv(name)
    return tmp_path


def test_a_package_added_to_the_roles_list_is_installed(
    apt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = defaults("apt_probcomp")
    changed = apt / "main.yml"
    changed.write_text(yaml.safe_dump({**values, "apt_probcomp_packages": [*values["apt_probcomp_packages"], "new"]}))
    monkeypatch.setenv("APT_PROBCOMP_REPOSITORY_URL", "https://packages.example.org/ubuntu")
    monkeypatch.setenv("APT_PROBCOMP_KEY", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n")
    assert lab_repository.main(str(changed)) == 0
    assert capsys.readouterr().out.split() == [*values["apt_probcomp_packages"], "new"]
    source = (apt / "probcomp.sources").read_text()
    assert f"Suites: {values['apt_probcomp_suite']}\nComponents: main\n" in source
    assert f"Signed-By: {apt}/keyrings/probcomp.asc\n" in source, "an unsigned repository is not to be trusted"
    assert (apt / "keyrings/probcomp.asc").read_text().startswith("-----BEGIN")


def test_without_a_repository_nothing_is_installed_and_it_says_so(
    apt: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lab_repository.main(str(ROOT / "roles/apt_probcomp/defaults/main.yml")) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "none of the lab's packages" in said.err
    assert list(apt.iterdir()) == []


def test_a_repository_without_its_key_is_refused(
    apt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APT_PROBCOMP_REPOSITORY_URL", "https://packages.example.org/ubuntu")
    assert lab_repository.main(str(ROOT / "roles/apt_probcomp/defaults/main.yml")) == 1
    assert "APT_PROBCOMP_KEY" in capsys.readouterr().err
    monkeypatch.setenv("APT_PROBCOMP_KEY", " HTTP://keys.invalid/a.asc")
    assert lab_repository.main(str(ROOT / "roles/apt_probcomp/defaults/main.yml")) == 1
    assert "plain http" in capsys.readouterr().err
    assert list(apt.iterdir()) == []


def test_a_suite_that_is_a_path_has_no_components(tmp_path: Path) -> None:
    given = {"APT_PROBCOMP_REPOSITORY_URL": "https://p", "APT_PROBCOMP_SUITE": "./", "APT_PROBCOMP_COMPONENTS": "a b"}
    values = lab_repository.settings(defaults("apt_probcomp"), given)
    assert values["apt_probcomp_components"] == ["a", "b"]
    assert "Components" not in lab_repository.description(values, tmp_path)


def test_the_command_is_that_of_the_roles_unit() -> None:
    template = (ROOT / "roles/jupyter/templates/jupyter.service.j2").read_text()
    values = {**defaults("jupyter"), "jupyter_iopub_data_rate_limit": 4711, "jupyter_arguments": ["--A.b={'c':1}"]}
    described = service.service(service.unit(template, values))
    assert described["command"][0] == "/opt/jupyter/bin/jupyter-lab"
    for argument in (
        "--ServerApp.port=8080",
        "--ServerApp.root_dir=/home/jupyter/notebook",
        "--ZMQChannelsWebsocketConnection.iopub_data_rate_limit=4711",
        "--PasswordIdentityProvider.password_required=True",
        "--A.b={'c':1}",
    ):
        assert argument in described["command"]
    assert described["environment"]["VIRTUAL_ENV"] == "/opt/jupyter"
    assert described["environment"]["PATH"].startswith("/opt/jupyter/bin:")


def test_a_variable_that_the_role_does_not_default_breaks_the_build() -> None:
    with pytest.raises(jinja2.UndefinedError):
        service.unit("ExecStart=/bin/true {{ jupyter_unheard_of }}", defaults("jupyter"))


def test_extensions_that_the_role_switches_off_are_off() -> None:
    assert service.page_config({"jupyter_disabled_extensions": ["@a:b"]}) == {"disabledExtensions": {"@a:b": True}}


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({"JUPYTER_PASSWORD": ""}, "is empty"),
        ({"JUPYTER_PASSWORD": "   "}, "is empty"),
        ({"JUPYTER_PASSWORD": "short"}, "has 5 characters, fewer than 12"),
        ({"JUPYTER_PASSWORD": f"{PHRASE}\a"}, "cannot be seen"),
        ({"JUPYTER_PASSWORD": f"{PHRASE} "}, "cannot be seen"),
        ({"JUPYTER_PASSWORD_FILE": "/nonexistent"}, "cannot be read"),
        ({"JUPYTER_PASSWORD_FILE": "/etc"}, "cannot be read"),
        ({"JUPYTER_PASSWORD_FILE": os.devnull}, "is empty"),
        ({"JUPYTER_PASSWORD_FILE": "/etc/passwd", "JUPYTER_PASSWORD": PHRASE}, "give one of them"),
    ],
)
def test_a_useless_password_is_refused_in_one_line(environment: dict[str, str], fault: str) -> None:
    with pytest.raises(start.StartError, match=fault) as refused:
        start.given_password(environment, 12)
    assert "\n" not in str(refused.value)
    assert PHRASE not in str(refused.value)


def test_a_password_comes_from_the_environment_or_the_first_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.passwd"
    file.write_text(f"{PHRASE}\nnote\n")
    assert start.given_password({"JUPYTER_PASSWORD_FILE": str(file)}, 12) == PHRASE
    assert start.given_password({"JUPYTER_PASSWORD": PHRASE}, 12) == PHRASE
    assert start.given_password({}, 12) is None


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"$ANSIBLE_VAULT;1.1;AES256\n6162\n", "encrypted with ansible-vault.*ansible-vault view"),
        (b"jupyter_password: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    6162\n", "encrypted with ansible-vault"),
        (b"# a comment\n$ANSIBLE_VAULT;1.1;AES256\n6162\n", "encrypted with ansible-vault"),
        (b"\xef\xbb\xbf" + PHRASE.encode(), "byte-order mark"),
        (PHRASE.encode("utf-16"), "no UTF-8 text"),
        (PHRASE.encode() + b"\x0bmore", "cannot be seen"),
        ("abc\u2028def-ghi-jkl".encode(), "cannot be seen"),
    ],
)
def test_a_file_that_holds_no_phrase_is_refused_in_one_line(tmp_path: Path, data: bytes, fault: str) -> None:
    file = tmp_path / "a.passwd"
    file.write_bytes(data)
    with pytest.raises(start.StartError, match=fault) as refused:
        start.given_password({"JUPYTER_PASSWORD_FILE": str(file)}, 12)
    assert "\n" not in str(refused.value) and PHRASE not in str(refused.value)


class _Security(ModuleType):
    """Jupyter's password functions, which this Python need not have.

    The hash is the text itself.
    """

    passwd = staticmethod(str)
    passwd_check = staticmethod(str.__eq__)


@pytest.mark.parametrize(
    "typed", ["cafe\u0301-correct-horse", "\u0958\u0932\u092e-correct-e\u0301", "Ko\u0308ln am Rhein"]
)
def test_a_password_is_composed_as_on_a_machine(
    typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "jupyter_server.auth.security", _Security("security"))
    for known, printed in (("", f"{composed(typed)}\n"), (composed(typed), ""), (typed, f"{composed(typed)}\n")):
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps([typed, known])))
        password_hash.main()
        assert capsys.readouterr().out == printed


def test_the_account_gets_the_numbers_of_the_folders_owner_and_is_the_first_with_them() -> None:
    text = "root:x:0:0:root:/root:/bin/sh\nother:x:501:20::/:/bin/sh\njupyter:x:1000:1000:J:/home/jupyter:/bin/bash\n"
    lines = start.with_account(text, "jupyter", ["501", "20"]).splitlines()
    assert lines[0] == "jupyter:x:501:20:J:/home/jupyter:/bin/bash"
    assert lines[1:] == text.splitlines()[:2]
    assert start.with_account("root:x:0:\njupyter:x:1000:\n", "jupyter", ["20"]) == "jupyter:x:20:\nroot:x:0:\n"


@pytest.fixture
def mounted() -> Iterator[Path]:
    """Provide a folder that every account can reach."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_whose_the_files_are(mounted: Path) -> None:
    account, everything, rootless = start.Owner(1000, 1000), "0 0 4294967295\n", "0 1000 1\n1 100000 65536\n"
    os.chown(mounted, 4321, 8765)
    assert start.choose_owner(mounted, account, everything) == (4321, 8765)
    os.chown(mounted, 0, 0)
    mounted.chmod(0o755)
    with pytest.raises(start.StartError, match="belongs to root"):
        start.choose_owner(mounted, account, everything)
    # An engine that maps root to some number does not map it to the caller.
    with pytest.raises(start.StartError, match="belongs to root"):
        start.choose_owner(mounted, account, "0 100000 65536\n")
    assert start.choose_owner(mounted, account, rootless) == (0, 0), "the caller herself"
    mounted.chmod(0o777)
    assert start.choose_owner(mounted, account, everything) == account, "as Docker Desktop has it"


def test_a_token_is_in_no_argument_and_in_a_file_of_the_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "TOKEN", tmp_path / ".jupyter/token_config.json")
    before = ["lab", "--IdentityProvider.token=", "--PasswordIdentityProvider.password_required=True", "--A.b=1"]
    command = start.with_token(before, "s3cret")
    assert command == ["lab", "--A.b=1", f"--config={start.TOKEN}"]
    assert start.TOKEN.stat().st_mode & 0o777 == 0o600
    assert json.loads(start.TOKEN.read_text())["IdentityProvider"]["token"] == "s3cret"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ""),
        ({"IdentityProvider": {"hashed_password": "h"}}, "h"),
        ({"PasswordIdentityProvider": {"hashed_password": "h"}}, "h"),
        ({"IdentityProvider": {"hashed_password": ""}}, ""),
        ({"IdentityProvider": []}, ""),
    ],
)
def test_whether_settings_have_a_password(config: dict[str, Any], expected: str) -> None:
    assert start.hash_in(config) == expected


def test_a_damaged_settings_file_is_no_password(tmp_path: Path) -> None:
    file = tmp_path / "jupyter_server_config.json"
    assert start.read_json(file) == {}
    file.write_text('{"IdentityProvider": ')
    assert start.read_json(file) == {}


def test_scripts_images_hands_on_what_the_settings_name(tmp_path: Path) -> None:
    """scripts/images passes on the values of the settings.

    A docker that only records its arguments shows what is built, in which order, with which address.
    """
    log = tmp_path / "log"
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{log}\necho "url=$APT_PROBCOMP_REPOSITORY_URL" >>{log}\n')
    docker.chmod(0o755)
    local = tmp_path / "local.yml"
    local.write_text("apt_probcomp_repository_url: https://from-settings/x y\napt_probcomp_key: 'abc'\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APT_PROBCOMP_", "BASE_IMAGE"))}
    environment = clean | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "LOCAL_SETTINGS": str(local),
        "IMAGE_NAMESPACE": "probcomp-test",
        "BASE_IMAGE": "debian:12",
    }
    subprocess.run(["scripts/images", "--no-cache"], cwd=ROOT, env=environment, check=True, capture_output=True)
    first, second = log.read_text().splitlines()
    assert "--build-arg|BASE_IMAGE|" in first
    assert "--build-arg|APT_PROBCOMP_REPOSITORY_URL|--build-arg|APT_PROBCOMP_KEY|--no-cache|.|" in first
    assert first.endswith("url=https://from-settings/x y")
    assert "--tag|probcomp-test/ubuntu2404-jupyter|--build-arg|BASE_IMAGE|--no-cache|.|" in second
    assert "abc" not in first + second
    log.unlink()
    environment["APT_PROBCOMP_REPOSITORY_URL"] = "https://from-environment"
    subprocess.run(["scripts/images"], cwd=ROOT, env=environment, check=True, capture_output=True)
    assert log.read_text().splitlines()[0].endswith("url=https://from-environment")
