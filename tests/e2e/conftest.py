"""Fixture for the one rehearsal of all tests of a run.

The demo makes it in a clone of its own, and it is removed at the end. KEEP_REHEARSAL=1 continues with the rehearsal of
a former run and keeps it, for work on single tests. REHEARSAL_HOME names another folder for it, so that two such runs
can go on side by side. The clone, with the working tree's files, is beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.door import write_settings
from tests.support.workshop import Workshop, used_workshop

# These files run last: they make more machines than the demo's three, and then delete everything.
LAST = ["test_rehearsal_machines", "test_workshop", "test_workshop_end"]
REAL_ACCOUNT = {
    "account_id": "999900001111",
    "zone": "lab.example.edu",
    "certificate_arn": "arn:aws:acm:us-east-1:999900001111:certificate/the-labs",
    "key_name": "the-labs-key",
    "private_key_file": "/nowhere/the-labs-key",
    "admin_cidr": "198.51.100.7/32",
    "instance": "m5.large",
    "network": "the-labs-network",
    "apt_probcomp_repository_url": "https://apt.lab.example.edu/ubuntu",
    "content_url": "https://the-labs-content.s3.amazonaws.com/content-package.tgz",
}
"""Settings in the clone of somebody who types `make demo`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files.

    Files that are not listed come first, and leave ws-1 to ws-3 as they found them.
    """
    items.sort(key=lambda item: LAST.index(item.path.stem) if item.path.stem in LAST else -1)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """Provide the demo's workshop of three, ws-1 to ws-3.

    Its clone has the settings of a real account.
    """
    with used_workshop() as workshop:
        own = write_settings(workshop.root, REAL_ACCOUNT)
        before = own.read_bytes()
        workshop.up()
        # Every request that names one of these values would fail.
        for value in REAL_ACCOUNT.values():
            workshop.fault(match=value, code="SettingsOfARealAccount", status=400)
        demo = workshop.shell("scripts/demo", timeout=2400, rehearsed=False)
        workshop.transcript("demo").write_text(demo.text)
        assert demo.status == 0, demo.text
        assert own.read_bytes() == before
        workshop.clear_faults()
        workshop.take_settings()
        yield workshop
