"""Prints one line `N passed, N failed (N unit, ...)`, the closing line of `make test`.

Called with the folder of the tests' reports and the parts that were to run. A part may leave NAME.xml, a JUnit report,
and leaves NAME.passed when all of it went well. Without that it has failed, even if no test of it could say so.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """What a JUnit report counts."""

    tests: int = 0
    failed: int = 0
    skipped: int = 0


def read(path: Path) -> Report:
    """Sum the suites of a report. Raises OSError without one, and ElementTree.ParseError where it ends too early."""
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))  # noqa: S314 (our own runner wrote it)
    tests, failures, errors, skipped = (
        sum(int(suite.get(count, 0)) for suite in suites) for count in ("tests", "failures", "errors", "skipped")
    )
    return Report(tests, failures + errors, skipped)


def report_of(folder: Path, part: str) -> Report:
    """Return the part's report, an empty one for a part that left none that can be read."""
    try:
        return read(folder / f"{part}.xml")
    except (OSError, ElementTree.ParseError):
        return Report()


def main(folder: Path, parts: list[str]) -> int:
    """Sum the parts, each of the kind that its name begins with; 1 if anything failed or no test ran."""
    reports = {part: report_of(folder, part) for part in parts}
    # Killed, stopped before its first test, or failed at what is no test.
    lost = [part for part in parts if not reports[part].failed and not folder.joinpath(f"{part}.passed").is_file()]
    kinds: dict[str, int] = {}
    for part, report in reports.items():
        if report.tests:
            kind = part.partition("-")[0]
            kinds[kind] = kinds.get(kind, 0) + report.tests
    tests = sum(kinds.values())
    failed = sum(report.failed for report in reports.values())
    skipped = sum(report.skipped for report in reports.values())
    counts = [
        f"{tests - failed - skipped} passed",
        f"{failed + len(lost)} failed",
        *([f"{skipped} skipped"] if skipped else []),
    ]
    told = [*(f"{count} {kind}" for kind, count in kinds.items()), *(f"{part} as a whole" for part in lost)]
    print(f"{', '.join(counts)} ({', '.join(told)})")
    return 1 if failed or lost or not tests else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
