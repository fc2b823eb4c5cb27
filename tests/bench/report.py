"""Write a bench's report.

It is a table of at most 80 columns on standard output, and reports/bench.json.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.measure import Row
from tests.bench.targets import FULL, Target, free_wall, ratio
from tests.support.door import ROOT

FILE = ROOT / "reports/bench.json"
_PACKAGES = ("ansible-core", "boto3", "moto")
_NOTES = """\
runs: medians of so many. cpu s: processor time of the command and its children,
with the ssh connections that it leaves. +1: of one machine more. MB: the most
memory of its processes together (PSS). calls, /s: API calls, most in a second.
Machines and API share the {cores} cores of this computer: processor times
compare within one run, wall times hardly."""
_HEAD = f"{'':<29}{'machines':>8}{'runs':>5}{'cpu s':>8}{'+1':>7}{'wall s':>8}{'MB':>5}{'calls':>6}{'/s':>4}"


class Table:
    """A table on standard output, printed row by row."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], Row] = {}

    def begin(self, count: int) -> None:
        """Print the head of the table and what it measures."""
        print(
            f"make bench: {count} machines, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n{_HEAD}",
            flush=True,
        )

    def show(self, row: Row) -> None:
        """Print a row."""
        self._rows[row.name, row.machines] = row
        start = f"{row.name:<29}{row.machines:>8}"
        if not row.runs:
            print(f"{start}  {row.problem}", flush=True)
            return
        one = self._rows.get((row.name, 1))
        cells = [
            (5, str(len(row.runs))),
            (8, _number(row.median("processor_s"), 2)),
            (7, _number(each_further(one, row), 3) if one and one is not row else ""),
            (8, _number(row.median("wall_s"), 1)),
            (5, _number((row.median("memory_bytes") or 0) / 1e6, 0)),
            (6, _number(row.median("api_calls"), 0)),
            (4, _number(row.median("api_peak_per_second"), 0)),
        ]
        line = start + "".join(f"{text:>{width}}" for width, text in cells)
        print(f"{line.rstrip()}{f' {row.problem}' if row.problem else ''}", flush=True)

    def end(self, targets: list[Target], further: Mapping[str, float], count: int) -> None:
        """Print the bounds that the figures are compared with."""
        print(f"\n{'processor time of one task more, each host':<44}{'s':>10}")
        for name, seconds in further.items():
            print(f"{name:<44}{_number(seconds, 4):>10}")
        head = f"{'':<44}{'measured':>10}{'at most':>10}    {'met' if count == FULL else ''}"
        print(f"\n{head.rstrip()}")
        for target in targets:
            met = {None: "not measured", True: "yes", False: "NO"}[target.met] if count == FULL else ""
            name = f"{target.name}{f' ({target.unit})' if target.unit else ''}"
            print(f"{name:<44}{_number(target.measured, 3):>10}{target.at_most:>10g}    {met}".rstrip())
        if count != FULL:
            print(f"The bounds are those of {FULL} machines: MACHINES={FULL} make bench")
        print(f"\n{_NOTES.format(cores=os.cpu_count())}")


def each_further(one: Row | None, many: Row) -> float | None:
    """Return the processor time of each further machine, in seconds."""
    seconds = [row.median("processor_s") if row else None for row in (one, many)]
    if many.machines == 1 or seconds[0] is None or seconds[1] is None:
        return None
    return (seconds[1] - seconds[0]) / (many.machines - 1)


def write(
    rows: Mapping[tuple[str, int], Row],
    targets: list[Target],
    further: Mapping[str, float],
    count: int,
    seconds: float,
    load: float,
) -> Path:
    """Write everything to reports/bench.json and return the file; raises OSError."""
    report = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _commit(),
        "machines": count,
        "cores": os.cpu_count(),
        "load_before": round(load, 1),
        "took_s": round(seconds),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "memory": "peak of the processes of a command together, proportional set size, in bytes",
        "rows": [_row(rows, row) for row in rows.values()],
        "seconds_of_a_further_task_on_a_machine": {name: _finite(value) for name, value in further.items()},
        "free_wall_s_with_aws_times": {str(n): free_wall(rows, n) for n in (1, count)},
        "targets": {
            "of_machines": FULL,
            "judged": count == FULL,
            "all": [target.as_dict() | ({} if count == FULL else {"met": None}) for target in targets],
        },
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(report, indent=1) + "\n")
    return FILE


def _row(rows: Mapping[tuple[str, int], Row], row: Row) -> dict[str, Any]:
    one = rows.get((row.name, 1))
    names = dict.fromkeys(name for run in row.runs for name in run)
    shown: dict[str, Any] = {"name": row.name, "machines": row.machines, "problem": row.problem}
    shown["median"] = {name: row.median(name) for name in names}
    if row.machines > 1 and one and one.runs and row.runs:
        shown["ratio_to_one_machine"] = ratio(row.median("processor_s"), one.median("processor_s"))
        shown["processor_s_of_one_machine_more"] = each_further(one, row)
    shown["runs"] = row.runs
    return shown


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=30).stdout.strip()


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"
