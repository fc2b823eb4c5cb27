"""Show the status line of a running command.

The line gives the progress of a long task and the machines that are late. On a terminal the same line is overwritten in
place, and erased before anything else is displayed. On a pipe and with -v it is an ordinary line at intervals.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..common.names import by_number
from ..output.text import one_line
from .status_line import ENVIRONMENT, NAMES_IN_A_LINE, Report, parse_report, status_line

_TICK_SECONDS = 0.5
_MOST_READ = 64 << 10
"""Bytes to read at a time, from the end, because only the last report counts."""
_WIDTH_UNKNOWN = 80
_WIDTH_OF_PLAIN_LINES = 160
_INDENT = "  "
_ERASE = "\r\x1b[K"


class ProgressFile:
    """File in which modules report their progress.

    It is private and is removed with its folder, which Ansible makes for this command.
    """

    def __init__(self, folder: Path) -> None:
        """Create the file and put its path in the environment.

        Raises OSError.
        """
        path = folder / "probcomp-progress"
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        os.environ[ENVIRONMENT] = str(path)

    def size(self) -> int:
        """Return the size of the file in bytes."""
        return os.fstat(self._handle).st_size

    def read(self, offset: int) -> tuple[int, Report | None]:
        """Return the last report after `offset`, and the offset for the next call."""
        size = self.size()
        if size <= offset:
            return size, None
        start = max(offset, size - _MOST_READ)
        text = os.pread(self._handle, size - start, start)
        whole, end, _ = text.rpartition(b"\n")
        reports = (parse_report(line) for line in reversed(whole.splitlines()))
        return start + len(whole) + len(end), next((report for report in reports if report), None)


@dataclass
class _Running:
    """Task that is running."""

    name: str
    offset: int
    """Offset in the progress file at which the task's reports begin."""
    since: float = field(default_factory=time.monotonic)
    pending: dict[str, None] = field(default_factory=dict)
    """Hosts that have started the task and have no result yet."""
    started: int = 0
    failed: int = 0
    told_at: float = 0.0
    """Time of the last plain line, in seconds after `since`."""
    reported: Report | None = None

    def report(self) -> Report:
        """Return the module's last report, or else the progress by the hosts' results."""
        if self.reported:
            return self.reported
        late = list(self.pending)  # The main thread changes the set, so it is copied in one step.
        if self.started <= 1:
            return Report(self.name)
        ready = max(0, self.started - len(late) - self.failed)
        names = tuple(one_line(host, 63) for host in sorted(late, key=by_number)[:NAMES_IN_A_LINE])
        return Report(self.name, "done", self.started, ready, self.failed, names)


class Status:
    """Display of the running task's progress.

    Its methods are called in the main process; a thread of its own writes. All writing is under the lock under which
    Ansible's Display writes and forks its workers: no line is written into another, and no worker inherits the thread's
    half-done output.
    """

    def __init__(self, display: Any, folder: Path, delay: float, interval: float) -> None:
        """Start the display.

        A line appears on a terminal after `delay` seconds, elsewhere every `interval` seconds; 0 shows no line.
        """
        self._display = display
        self._lock = display._lock
        self._delay, self._interval = delay, interval
        # With -v lines come quickly, and people save the output.
        self._is_in_place = _is_terminal() and display.verbosity == 0
        self._shown = ""
        self._task: _Running | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._file: ProgressFile | None = None
        if (delay if self._is_in_place else interval) > 0:
            self._start(folder)

    def begin(self, name: str) -> None:
        """Record the start of a task."""
        if self._thread:
            self._task = _Running(one_line(name, 80), self._file.size() if self._file else 0)
            self.erase()

    def start_host(self, host: str) -> None:
        """Record the start of the task on `host`."""
        if self._task:
            self._task.pending[host] = None
            self._task.started += 1

    def end_host(self, host: str, is_failed: bool = False) -> None:
        """Record the end of the task on `host`."""
        task = self._task
        if task and host in task.pending:
            task.failed += is_failed
            del task.pending[host]

    def erase(self) -> None:
        """Erase the line, if there is one."""
        with self._lock:
            if self._shown:
                self._shown = ""
                sys.stdout.write(_ERASE)
                sys.stdout.flush()

    def stop(self) -> None:
        """End the thread and erase the line."""
        thread, self._thread, self._task = self._thread, None, None
        if thread:
            self._stopping.set()
            thread.join(5)
            os.environ.pop(ENVIRONMENT, None)
            _quietly(self.erase)

    def _start(self, folder: Path) -> None:
        try:
            self._file = ProgressFile(folder)
        except OSError:
            self._file = None  # Without the file, modules report nothing, and hosts are counted instead.
        if self._is_in_place:
            self._erase_before_output()
        self._thread = threading.Thread(target=self._run, name="status", daemon=True)
        self._thread.start()
        # Stop the thread at exit, also after an interrupt: a thread that writes while Python exits can abort Python.
        atexit.register(self.stop)

    def _erase_before_output(self) -> None:
        """Make Display erase the status line before it writes anything.

        This covers results, warnings of core and of workers, and prompts: everything that Ansible shows passes through
        this one method of the only Display.
        """
        show, process = self._display.display, os.getpid()

        @functools.wraps(show)
        def display(*args: Any, **options: Any) -> None:
            if os.getpid() != process:
                show(*args, **options)  # A worker sends its text to the main process, which calls this function too.
                return
            with self._lock:
                _quietly(self.erase)
                show(*args, **options)

        self._display.display = display

    def _run(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            try:
                self._tick()
            except (OSError, ValueError):
                return  # Nobody reads the output any more; the main thread ends the command and reports that.

    def _tick(self) -> None:
        task = self._task
        if task is None or not task.pending:
            self.erase()
            return
        if self._file:
            task.offset, reported = self._file.read(task.offset)
            task.reported = reported or task.reported
        seconds = time.monotonic() - task.since
        if self._is_in_place and seconds >= self._delay:
            # The line leaves the last column free, because some terminals wrap after it.
            self._draw(task, _INDENT + status_line(task.report(), seconds, _width() - len(_INDENT) - 1))
        elif not self._is_in_place and seconds >= task.told_at + self._interval:
            task.told_at = seconds
            self._print(task, _INDENT + status_line(task.report(), seconds, _WIDTH_OF_PLAIN_LINES))

    def _draw(self, task: _Running, line: str) -> None:
        # Other characters may be wider than one column, and the line would then not be erased completely.
        line = line.encode("ascii", "replace").decode()
        with self._lock:
            if self._is_current(task) and line != self._shown:
                self._shown = line
                sys.stdout.write(_ERASE + line)
                sys.stdout.flush()

    def _print(self, task: _Running, line: str) -> None:
        with self._lock:
            if self._is_current(task):
                self._display.display(line)
                sys.stdout.flush()

    def _is_current(self, task: _Running) -> bool:
        """Return whether the task still runs.

        It may have ended while its line was made.
        """
        return self._task is task and bool(task.pending)


def _is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH_UNKNOWN
    except (OSError, ValueError):
        return _WIDTH_UNKNOWN


def _quietly(call: Any) -> None:
    """Call a function that writes and ignore a closed output.

    Other code reports that nobody reads the output.
    """
    try:
        call()
    except (OSError, ValueError):
        return
