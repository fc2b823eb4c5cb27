"""The account that the tests of the preflight look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.preflight_world import World, world


@pytest.fixture
def account(tmp_path: Path) -> Iterator[World]:
    """Provide an account in which nothing is wrong."""
    with world(tmp_path) as made:
        yield made
