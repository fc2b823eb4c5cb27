"""Fixtures of the unit tests, with moto's settings.

moto reads its settings at its first import: they are the same for every test, whichever runs first.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.progress.status_line import (
    ENVIRONMENT,
    parse_report,
    status_line,
)

from rehearsal.services import moto_settings as moto_settings


@pytest.fixture
def reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Return a function for the modules' progress lines.

    It returns what modules have reported, as people see it after 95 s.
    """
    path = tmp_path / "progress"
    path.touch(0o600)
    monkeypatch.setenv(ENVIRONMENT, str(path))

    def lines() -> list[str]:
        reports = [parse_report(line) for line in path.read_bytes().splitlines()]
        return [status_line(report, 95, 80) if report else "not understood" for report in reports]

    return lines
