"""Profiles of hypothesis for `make test` and `make fuzz`.

`make test` gives 200 examples of each kind, always the same ones; `make fuzz` gives 10,000.
"""

from __future__ import annotations

import pytest
from hypothesis import configuration, settings

from tests.support import ROOT

_EXAMPLES = 10_000

configuration.set_hypothesis_home_dir(ROOT / "test-output/hypothesis")
settings.register_profile("test", max_examples=200, deadline=None, database=None, derandomize=True)
settings.register_profile("fuzz", max_examples=_EXAMPLES, deadline=None, database=None, print_blob=True)
settings.load_profile("test")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print a table of `make fuzz`: parser, examples, result and seconds."""
    if settings.get_current_profile_name() != "fuzz":
        return
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and "tests/fuzz/" in report.nodeid
    ]
    for report in sorted(reports, key=lambda report: report.nodeid):
        name = report.nodeid.rpartition("test_fuzz_")[2].replace(".py::test_", ": ").replace("_", " ")
        found = "no fault" if report.passed else "FAULT"
        terminalreporter.write_line(f"{name:<60} {_EXAMPLES:>6} examples  {found:<8} {report.duration:>6.0f} s")
