"""All roles together, as a student sees them behind her URL."""

from __future__ import annotations

import json
from pathlib import Path

import urllib3

from tests.support.scenario import STATE, Machine, facts


def test_the_check_is_green_for_it(machine: Machine) -> None:
    report = json.loads((STATE / "reports/check.json").read_text())
    assert report[machine.user]["ok"], report[machine.user]


def test_a_lab_package_and_the_installers_import_in_its_kernel(machine: Machine) -> None:
    words = "import bayeslite, probcomp_tour; print(bayeslite.__name__, probcomp_tour.__name__)"
    assert machine.as_jupyter(f"/opt/jupyter/bin/python -c '{words}'") == "bayeslite probcomp_tour"


def test_its_url_lets_nobody_in_without_a_password(machine: Machine) -> None:
    name = f"{machine.user}.stack.localhost"
    # The request names the address, since not every C library resolves names below .localhost, as browsers do.
    url = urllib3.HTTPSConnectionPool(
        "127.0.0.1",
        int(facts()["https_port"]),
        ca_certs=facts()["ca_bundle"],
        server_hostname=name,
        assert_hostname=name,
        timeout=20,
    )
    assert url.request("GET", "/api/contents", headers={"Host": name}, retries=False).status == 403


def test_what_was_installed_says_so(machine: Machine) -> None:
    assert Path(STATE / "known_hosts" / machine.user).is_file()
    assert machine.root.service("jupyter").is_enabled
