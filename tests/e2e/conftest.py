"""One rehearsal for all tests of a run: made by the demo's own path, removed at the end.

KEEP_REHEARSAL=1 goes on with the one that a former run left, and leaves it: for work on single tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.workshop import OUTPUT, Workshop


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    """The demo's workshop of three, ws-1 to ws-3, in a home of its own."""
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / "commands.log").unlink(missing_ok=True)
    workshop = Workshop(OUTPUT / "rehearsal")
    workshop.git_before = workshop.git_status()
    keep = bool(os.environ.get("KEEP_REHEARSAL"))
    if not keep:
        workshop.shell("scripts/rehearsal down", rehearsed=False)
    try:
        demo = workshop.shell("scripts/demo", timeout=2400, rehearsed=False)
        (OUTPUT / "demo.txt").write_text(demo.text)
        assert demo.status == 0, demo.text
        yield workshop
    finally:
        if not keep:
            workshop.shell("scripts/rehearsal down", rehearsed=False)
