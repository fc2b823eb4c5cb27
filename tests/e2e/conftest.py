"""One rehearsal for all tests of a run: made by the demo's own path, removed at the end.

KEEP_REHEARSAL=1 goes on with the one that a former run left, and leaves it: for work on single tests. REHEARSAL_HOME
names another folder for it, so that two such runs can go on side by side.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.workshop import OUTPUT, Workshop

# What makes more machines than the demo's three, then the end of all.
LAST = ["test_rehearsal_machines", "test_workshop", "test_workshop_end"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; those that are not listed come first, and leave ws-1 to ws-3 as they found them."""
    items.sort(key=lambda item: LAST.index(item.path.stem) if item.path.stem in LAST else -1)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """The demo's workshop of three, ws-1 to ws-3, in a home of its own."""
    OUTPUT.mkdir(exist_ok=True)
    workshop = Workshop(Path(os.environ.get("REHEARSAL_HOME", OUTPUT / "rehearsal")))
    workshop.transcript("commands").unlink(missing_ok=True)
    workshop.git_before = workshop.git_status()
    keep = bool(os.environ.get("KEEP_REHEARSAL"))
    if not keep:
        workshop.shell("scripts/rehearsal down", rehearsed=False)
    try:
        demo = workshop.shell("scripts/demo", timeout=2400, rehearsed=False)
        workshop.transcript("demo").write_text(demo.text)
        assert demo.status == 0, demo.text
        yield workshop
    finally:
        if not keep:
            workshop.shell("scripts/rehearsal down", rehearsed=False)
