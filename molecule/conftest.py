"""Fixtures of the scenarios' tests.

Molecule's verifier runs the tests while the machines are up.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scenario import Machine, by_engine, by_ssh, has_rehearsal, users, write_ssh_config


@pytest.fixture(scope="session")
def ssh_config() -> Path:
    """Write the ssh configuration file anew and return it.

    Only for a scenario with a rehearsal.
    """
    return write_ssh_config()


@pytest.fixture(scope="session", params=users())
def machine(request: pytest.FixtureRequest) -> Machine:
    """Return each of the scenario's machines in turn."""
    if has_rehearsal():
        return by_ssh(request.param, request.getfixturevalue("ssh_config"))
    return by_engine(request.param)
