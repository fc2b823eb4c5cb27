"""Jupyter as a service.

It is up after a reboot, opens to nobody without the password, and does not run as the administrator's account.
"""

from __future__ import annotations

from tests.support.scenario import Machine


def test_it_came_back_after_the_reboot(machine: Machine) -> None:
    service = machine.root.service("jupyter")
    assert service.is_running and service.is_enabled
    assert machine.answer("/api") == 200


def test_it_belongs_to_an_account_of_its_own(machine: Machine) -> None:
    accounts = machine.root.check_output("ps -C jupyter-lab,jupyter-server,python3,python -o user= ").split()
    assert "jupyter" in accounts
    groups = machine.root.check_output("id -nG jupyter").split()
    assert groups == ["jupyter"], "the account may become root"
    assert machine.root.run("runuser -u jupyter -- sudo -n true").rc != 0


def test_nobody_gets_in_without_the_password(machine: Machine) -> None:
    for path in ("/api/contents", "/api/kernels", "/lab", "/tree"):
        assert machine.answer(path) in (302, 403), path


def test_its_python_sees_the_systems_packages(machine: Machine) -> None:
    command = "/opt/jupyter/bin/python -c 'import apt, jupyterlab, notebook; print(apt.__name__)'"
    assert machine.as_jupyter(command) == "apt"


def test_its_user_adds_packages_and_cannot_change_the_service(machine: Machine) -> None:
    machine.as_jupyter("test -O /opt/jupyter/bin -a -w /opt/jupyter/bin")
    login = "/usr/local/lib/probcomp-stack/jupyter"
    for path in (
        "/etc/systemd/system",
        "/etc/systemd/system/jupyter.service",
        login,
        f"{login}/probcomp_jupyter_login.py",
    ):
        file = machine.root.file(path)
        assert file.exists and file.user == "root" and not file.mode & 0o022, path
        assert machine.root.run(f"runuser -u jupyter -- test -w {path}").rc == 1, path
