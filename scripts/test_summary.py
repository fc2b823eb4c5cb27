"""Prints one line `N passed, N failed (N unit, ...)` over several JUnit reports, the closing line of `make test`."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def main(paths: list[str]) -> int:
    """Sum the reports, each of the kind that its file's name begins with; 1 if anything failed or nothing ran."""
    ran: dict[str, int] = {}
    failed = skipped = 0
    for path in map(Path, paths):
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):  # noqa: S314 (our own runner wrote it)
            kind = path.stem.partition("-")[0]
            ran[kind] = ran.get(kind, 0) + int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
    tests = sum(ran.values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in ran.items())
    counts = [f"{tests - failed - skipped} passed", f"{failed} failed", *([f"{skipped} skipped"] if skipped else [])]
    print(f"{', '.join(counts)} ({kinds})")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
