"""What a login to a machine tells of its Jupyter.

A program in ssh's place answers as a machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.client import Result
from ansible_collections.probcomp.stack.plugins.module_utils.ssh import login_check
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.client import Machine
from ansible_collections.probcomp.stack.plugins.modules import fleet_check

NEW = "LoadState=loaded\nActiveState=inactive\nConditionResult=no\nConditionTimestampMonotonic=2716423\n"
"""Output of systemctl about a Jupyter that has no password, or never had one."""
DOWN = Result(
    "ws-1", "https://x", False, 1.0, "unavailable", "answers 503", "ansible-playbook -l ws-1 restart_jupyter.yml"
)


def log_in(answer: str, folder: Path, monkeypatch: pytest.MonkeyPatch, status: int = 0) -> login_check.Login:
    """Log in to a machine that prints `answer`."""
    (folder / "answer").write_text(answer)
    program = folder / "ssh"
    asked = '*"systemctl show"*jupyter.service'
    program.write_text(f'#!/bin/sh\ncase "$*" in {asked}) cat {folder}/answer; exit {status};; esac\nexit 9\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    pin = folder / "pin"
    pin.write_text("a key")
    return login_check.log_in([Machine("ws-1", "192.0.2.1", 22, "ubuntu", "ssh.ws-1", str(pin))], "", 2)["ws-1"]


@pytest.mark.parametrize(
    ("answer", "has_no_password"),
    [
        (NEW, True),
        ("\n".join(reversed(NEW.splitlines())), True),
        # Jupyter was not tried yet: the machine is booting.
        (NEW.replace("=2716423", "=0"), False),
        (NEW.partition("ConditionTimestamp")[0], False),
        (NEW.replace("=no", "=yes"), False),
        (NEW.replace("inactive", "failed"), False),
        (NEW.replace("loaded", "not-found"), False),
        (f"{NEW}more", False),
        ("", False),
    ],
)
def test_a_jupyter_without_a_password_wants_one_and_no_restart(
    answer: str, has_no_password: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = log_in(answer, tmp_path, monkeypatch)
    assert login == login_check.Login("", has_no_password)
    found = fleet_check.with_login(DOWN, login)
    command = "set_password.yml" if has_no_password else "restart_jupyter.yml"
    assert found.repair == f"ansible-playbook -l ws-1 {command}" and not found.ok
    assert ("no pass phrase was set" in found.reason) == has_no_password
    # No password was refused: none was tried.
    assert found.kind == ("unset" if has_no_password else "unavailable")
    assert fleet_check.repair_commands([found], {}) == [found.repair]


def test_a_refused_login_is_told_where_jupyter_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = log_in(NEW, tmp_path, monkeypatch, status=255)
    assert login.refusal.startswith("no ssh connection to ubuntu@192.0.2.1:22") and not login.has_no_password
    well = Result("ws-1", "https://x", True, 1.0)
    assert fleet_check.with_login(well, login).kind == "ssh"
    assert fleet_check.with_login(DOWN, login) == DOWN
    assert fleet_check.with_login(well, login_check.Login(has_no_password=True)) == well


def test_forty_that_fail_alike_are_repaired_by_one_short_command() -> None:
    names = [f"ws-{number}" for number in range(1, 41)]
    failed = [Result(name, "", False, 1.0, "unavailable", "503", "x") for name in names]
    groups = {"ws": names, "users": [*names, "alice"]}
    assert fleet_check.repair_commands(failed, groups) == ["ansible-playbook -l ws restart_jupyter.yml"]
    (command,) = fleet_check.repair_commands(failed[1:], groups)
    assert command == "ansible-playbook -l 'ws,!ws-1' restart_jupyter.yml"
    cut_off = [Result(name, "", False, 1.0, "connection", "no", "x") for name in names]
    (command,) = fleet_check.repair_commands(cut_off, groups)
    assert command == 'ansible-playbook stack_create.yml -e "base=ws low=1 high=40"'
