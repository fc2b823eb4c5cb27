"""Print `N passed, N failed (N unit, ...)`, the closing line of `make test`.

The arguments are the folder of the tests' reports and the parts that were to run. A part may leave NAME.xml, a JUnit
report, and leaves NAME.passed when all of it passed. Without that file the part has failed, even if no test of it
reported this.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Report:
    """Counts of a JUnit report."""

    tests: int = 0
    failed: int = 0
    skipped: int = 0


def read(path: Path) -> Report:
    """Return the sums over the suites of a report.

    Raises OSError without a report, and ElementTree.ParseError for a truncated one.
    """
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))  # noqa: S314 (our own runner wrote it)
    tests, failures, errors, skipped = (
        sum(int(suite.get(count, 0)) for suite in suites) for count in ("tests", "failures", "errors", "skipped")
    )
    return Report(tests, failures + errors, skipped)


def report_of(folder: Path, part: str) -> Report:
    """Return the part's report, empty if the part left no readable report."""
    try:
        return read(folder / f"{part}.xml")
    except (OSError, ElementTree.ParseError):
        return Report()


def main(folder: Path, parts: list[str]) -> int:
    """Sum the parts by kind and return 1 if anything failed or no test ran.

    The name of a part begins with its kind.
    """
    reports = {part: report_of(folder, part) for part in parts}
    # A part without a failed test may have been killed, stopped before its first test, or failed outside a test.
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
