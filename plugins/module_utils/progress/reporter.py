"""Reports of modules that wait for many machines, on their way to the line that people see. Standard library only.

The callback `fleet` names a private file in the environment of the command; modules that run on the controller append
one JSON line to it for each change. Without that file nothing is written. A report holds names and counts, no secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..common.names import by_number
from .status_line import ENVIRONMENT, NAMES_IN_A_LINE


class Progress:
    """Progress of one task of a module: how many of `total` things are ready, and which are late.

    `what` names the things in the plural ("stacks"), `done` is the word for those that are ready. Nothing here raises:
    a command never fails for a line that could not be shown.
    """

    def __init__(self, what: str, total: int = 0, done: str = "ready") -> None:
        self._what, self._total, self._done = what, total, done
        self._last: dict[str, Any] = {}

    def report(self, late: Iterable[str], failed: int = 0) -> None:
        """Report that all are ready but the `late` ones, and those of which `failed` is the number."""
        if ENVIRONMENT not in os.environ:
            return
        names = sorted(late, key=by_number)
        ready = self._total - len(names) - failed
        self._write({"ready": ready, "failed": failed, "late": names[:NAMES_IN_A_LINE]})

    def report_state(self, state: str) -> None:
        """Report one thing that has no parts, in a word or two: "40 %"."""
        self._write({"state": state})

    def _write(self, report: dict[str, Any]) -> None:
        if report == self._last:
            return
        self._last = report
        line = json.dumps({"what": self._what, "total": self._total, "done": self._done, **report}) + "\n"
        with contextlib.suppress(OSError, KeyError):
            # Never made here: a file that is gone belongs to a command that has ended.
            handle = os.open(os.environ[ENVIRONMENT], os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                # In one write, so that lines of several threads do not mix.
                os.write(handle, line.encode("ascii"))
            finally:
                os.close(handle)


@dataclass
class Tally:
    """Progress of machines that are worked on side by side, by threads or tasks that end one by one."""

    progress: Progress
    late: dict[str, None]
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, what: str, users: Iterable[str], done: str = "ready") -> Tally:
        """Return a tally of `users` of whom none has ended."""
        late = dict.fromkeys(users)
        tally = cls(Progress(what, len(late), done), late)
        tally.progress.report(late)
        return tally

    def end(self, user: str, is_ok: bool) -> None:
        """Count a machine that has ended, well or not."""
        with self._lock:
            if user in self.late:
                del self.late[user]
                self.failed += not is_ok
                self.progress.report(self.late, self.failed)
