"""The lab's packages from the lab's signed repository."""

from __future__ import annotations

import re

import pytest

from rehearsal.inputs import apt_repository
from tests.support.scenario import HOME, Machine

PACKAGES = (
    *("probcomp-ubuntu-keyring", "python-bayeslite", "python-cgpm", "python-crosscat"),
    *("python-iventure", "python-pytest", "python-venture"),
)


def test_all_packages_are_installed(machine: Machine) -> None:
    missing = [name for name in PACKAGES if not machine.root.package(name).is_installed]
    assert missing == []


def test_a_package_imports(machine: Machine) -> None:
    assert machine.admin.check_output("python3 -c 'import bayeslite; print(bayeslite.__name__)'") == "bayeslite"


def test_the_version_published_last_is_what_imports(machine: Machine) -> None:
    published = apt_repository.published(HOME / "files/apt")["python-cgpm"]
    assert machine.admin.check_output("python3 -c 'import cgpm; print(cgpm.__version__)'") == published


def test_nothing_is_taken_unsigned(machine: Machine) -> None:
    """Without the repository's key apt refuses to read the repository."""
    source = "/etc/apt/sources.list.d/probcomp.sources"
    kept = machine.root.check_output(f"cat {source}")
    assert "Signed-By" in kept
    run = machine.root.run(
        "awk '/^Signed-By/ { key = 1; next } /^[^ ]/ { key = 0 } !key' "
        f"{source} > /etc/apt/sources.list.d/unsigned.sources; "
        "apt-get update --error-on=any -o Dir::Etc::sourceparts=- "
        "-o Dir::Etc::sourcelist=/etc/apt/sources.list.d/unsigned.sources -o APT::Get::List-Cleanup=0; "
        "status=$?; rm /etc/apt/sources.list.d/unsigned.sources; exit $status"
    )
    assert run.rc != 0
    # Debian 12's gpgv, Debian 13's sqv and apt itself each word the error in their own way.
    assert re.search("NO_PUBKEY|Missing key|not signed", run.stderr + run.stdout), run.stderr


@pytest.mark.parametrize("path", ["/etc/apt/sources.list.d/probcomp.sources"])
def test_only_root_writes_it(machine: Machine, path: str) -> None:
    file = machine.root.file(path)
    assert file.user == "root" and not file.mode & 0o022
