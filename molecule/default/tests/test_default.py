"""All roles together: what a student finds behind her URL."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path

from tests.scenario import STATE, Machine, facts


def test_the_check_is_green_for_it(machine: Machine) -> None:
    report = json.loads((STATE / "reports/check.json").read_text())
    assert report[machine.user]["ok"], report[machine.user]


def test_a_lab_package_and_the_installers_import_in_its_kernel(machine: Machine) -> None:
    words = "import bayeslite, probcomp_tour; print(bayeslite.__name__, probcomp_tour.__name__)"
    assert machine.as_jupyter(f"/opt/jupyter/bin/python -c '{words}'") == "bayeslite probcomp_tour"


def test_its_url_lets_nobody_in_without_a_password(machine: Machine) -> None:
    trusted = ssl.create_default_context(cafile=facts()["ca_bundle"])
    # Not every C library takes names below .localhost for this computer, as browsers do.
    url = f"https://127.0.0.1:{facts()['https_port']}/api/contents"
    request = urllib.request.Request(url, headers={"Host": f"{machine.user}.stack.localhost"})
    trusted.check_hostname = False
    try:
        status = urllib.request.urlopen(request, context=trusted, timeout=20).status
    except urllib.error.HTTPError as error:
        status = error.code
    assert status == 403


def test_what_was_installed_says_so(machine: Machine) -> None:
    assert Path(STATE / "known_hosts" / machine.user).is_file()
    assert machine.root.service("jupyter").is_enabled
