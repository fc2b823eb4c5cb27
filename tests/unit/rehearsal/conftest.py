"""CloudFormation of the rehearsal, one for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.cloudformation_machine import make_place
from tests.support.cloudformation_server import Cloud, running_cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


@pytest.fixture(scope="module")
def place(cloud: Cloud) -> dict[str, str]:
    return make_place(cloud)
