"""Run commands and record the cost of each: rows of figures, printed at once.

Processor time is that of the command and all its children (user and system, from getrusage). An ssh that is kept for
the next connection is ended after each run and counts: no run finds a connection of the one before.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.bench import processes

RUNS = 3
SHORT_SECONDS = 60.0
"""Seconds above which a run is not repeated."""
_LAST_LINES = 15

Figures = dict[str, float]


class CommandFailed(Exception):
    """A command that ended with an error; str() has its last lines."""


class Beside(Protocol):
    """An observer of what a run costs outside the command itself."""

    def begin(self) -> None:
        """Note the state before the run."""

    def end(self) -> Figures:
        """Note the state after the run and return the run's cost there."""


@dataclass
class Shell:
    """A shell for commands, whose output goes to the file `log`."""

    folder: Path
    environment: Mapping[str, str]
    log: Path

    def run(self, command: str, timeout: float, more: Mapping[str, str] | None = None) -> Figures:
        """Run bash's `command` and return its figures.

        Raises CommandFailed. No process of it remains afterwards.
        """
        known = processes.children(os.getpid())
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.monotonic()
        with self.log.open("a+", encoding="utf-8", errors="replace") as log:
            log.write(f"\n$ {command}\n")
            log.flush()
            begin = log.tell()
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env={**self.environment, **(more or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            memory = processes.MemoryPeak(process.pid)
            try:
                status: int | str = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = f"none within {timeout:.0f} s"
            finally:
                wall = time.monotonic() - start
                memory.stop()
                _end_session(process)
                processes.end(processes.children(os.getpid()) - known)
            log.write(f"[exit status {status} after {wall:.1f} s]\n")
            if status:
                log.seek(begin)
                last = "".join(log.readlines()[-_LAST_LINES:])
                raise CommandFailed(f"$ {command}\n{last}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        return {"processor_s": seconds, "wall_s": wall, "memory_bytes": memory.bytes}


def _end_session(process: subprocess.Popen[bytes]) -> None:
    """End the remaining processes of a command.

    After a Ctrl-C or at the time limit these are all of it, else what it left in its session.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass
class Row:
    """Recorder of measured rows, which hands each complete row to `show`."""

    name: str
    machines: int
    runs: list[Figures] = field(default_factory=list)
    problem: str = ""

    def median(self, figure: str) -> float | None:
        """Return the median of a figure over the runs; None if no run has it."""
        values = [run[figure] for run in self.runs if figure in run]
        return statistics.median(values) if values else None


class Recorder:
    """A recorder of rows, which hands each complete row to `show`.

    It measures as long as there is time.
    """

    def __init__(self, show: Callable[[Row], None], once_after: float, nothing_after: float) -> None:
        """Set the limits, in seconds.

        No run is repeated after `once_after`, and no row begins after `nothing_after`.
        """
        self.rows: dict[tuple[str, int], Row] = {}
        self._show = show
        self._start = time.monotonic()
        self._once_after = once_after
        self._nothing_after = nothing_after

    @property
    def seconds(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self._start

    def measure(
        self,
        name: str,
        machines: int,
        run: Callable[[], Figures],
        prepare: Callable[[int], None] | None = None,
        beside: Beside | None = None,
    ) -> Row:
        """Measure one row.

        `prepare`, which is not measured, gets the number of the run (0, 1, 2).
        """
        row = self.row(name, machines)
        while self.wants_more(row):
            self.once(row, run, prepare, beside)
        self.show(row)
        return row

    def row(self, name: str, machines: int) -> Row:
        """Return the row of this name and number, a new one if there is none yet."""
        return self.rows.setdefault((name, machines), Row(name, machines))

    def wants_more(self, row: Row) -> bool:
        """Return whether the row is to be run (again)."""
        if row.problem:
            return False
        if not row.runs and self.seconds > self._nothing_after:
            row.problem = "left out: no time"
            return False
        if not row.runs:
            return True
        return len(row.runs) < RUNS and row.runs[-1]["wall_s"] < SHORT_SECONDS and self.seconds < self._once_after

    def once(
        self,
        row: Row,
        run: Callable[[], Figures],
        prepare: Callable[[int], None] | None = None,
        beside: Beside | None = None,
    ) -> None:
        """Add one run to the row.

        A run that fails is noted in the row and shown; the others go on.
        """
        say(f"[{self.seconds:5.0f} s] {row.name}, {row.machines}: run {len(row.runs) + 1}")
        try:
            if prepare:
                prepare(len(row.runs))
            if beside:
                beside.begin()
            figures = run()
            row.runs.append(figures | (beside.end() if beside else {}))
        except (CommandFailed, AssertionError, OSError, subprocess.SubprocessError) as error:
            row.problem = "failed"
            say(f"bench: {row.name}, {row.machines} failed: {error}")

    def show(self, row: Row) -> None:
        """Print a complete row."""
        self._show(row)


def say(line: str) -> None:
    """Print a progress line on standard error."""
    print(line, file=sys.stderr, flush=True)
