"""Fixtures for the tests of PROMISES.

Their workshop of three is made with the README's own commands and the manual's settings.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.services import moto_settings as moto_settings  # before moto, which reads it at its first import
from tests.support import manual
from tests.support.strangers import differences
from tests.support.workshop import Workshop, used_workshop

# These are the unit tests' fakes and servers, for promises that need no machines.


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """Provide ws-1 to ws-3, made in a clone.

    Its group_vars/all/local.yml fits the rehearsal's account. At the end all that is others' is as it was.
    """
    with used_workshop() as workshop:
        workshop.begin()
        workshop.succeed(manual.of_class("create_passwords.yml", 3))
        workshop.succeed(manual.of_class("fleet_create.yml", 3), timeout=2400)
        yield workshop
        assert differences(workshop.first_strangers, workshop.strangers()) == []
