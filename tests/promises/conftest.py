"""The tests of PROMISES. Their workshop of three is made by the README's words, with settings given as it tells."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.services import moto_settings as moto_settings  # before all of moto, which reads it when first imported
from tests.support.workshop import Workshop, used_workshop

# The unit tests' stand-ins and servers, for promises that need no machines.


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """ws-1 to ws-3, made in a clone whose group_vars/all/local.yml fits the rehearsal's account."""
    with used_workshop() as workshop:
        workshop.begin()
        workshop.succeed('ansible-playbook create_passwords.yml -e "base=ws low=1 high=3"')
        workshop.succeed('ansible-playbook fleet_create.yml -e "base=ws low=1 high=3"', timeout=2400)
        yield workshop
