"""Fixtures of the scenarios' tests, which Molecule's verifier runs while the rehearsal is up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import testinfra

from tests.scenario import ROOT, STATE, Machine, users


@pytest.fixture(scope="session")
def ssh_config() -> Path:
    """The file for plain ssh, written anew."""
    subprocess.run([ROOT / "scripts/ssh_config"], cwd=ROOT, check=True, capture_output=True)
    return STATE / "ssh_config"


@pytest.fixture(scope="session", params=users())
def machine(request: pytest.FixtureRequest, ssh_config: Path) -> Machine:
    """Each of the scenario's machines."""
    user = request.param
    connect = {"ssh_config": str(ssh_config)}
    return Machine(
        user, testinfra.get_host(f"ssh://{user}", sudo=True, **connect), testinfra.get_host(f"ssh://{user}", **connect)
    )
