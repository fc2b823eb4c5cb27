"""Report the progress of modules that wait for many machines.

Standard library only. The callback `fleet` puts the path of a private file in the environment of the command. Modules
that run on the controller append one JSON line to the file for each change. Without that file nothing is written. A
report holds names and counts and no secret.
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
    """Progress of one module task: how many of `total` items are ready, which late.

    `what` names the items in the plural ("stacks"), `done` is the word for those that are ready. No method raises an
    error: a command never fails for a line that could not be shown.
    """

    def __init__(self, what: str, total: int = 0, done: str = "ready") -> None:
        self._what, self._total, self._done = what, total, done
        self._last: dict[str, Any] = {}

    def report(self, late: Iterable[str], failed: int = 0) -> None:
        """Report all items as ready except the `late` ones and `failed` others.

        `failed` is a number of items.
        """
        if ENVIRONMENT not in os.environ:
            return
        names = sorted(late, key=by_number)
        ready = self._total - len(names) - failed
        self._write({"ready": ready, "failed": failed, "late": names[:NAMES_IN_A_LINE]})

    def report_state(self, state: str) -> None:
        """Report the state of a single item in a word or two: "40 %"."""
        self._write({"state": state})

    def _write(self, report: dict[str, Any]) -> None:
        if report == self._last:
            return
        self._last = report
        line = json.dumps({"what": self._what, "total": self._total, "done": self._done, **report}) + "\n"
        with contextlib.suppress(OSError, KeyError):
            # The file is never created here: a missing file belongs to a command that has ended.
            handle = os.open(os.environ[ENVIRONMENT], os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                # One write keeps the lines of several threads apart.
                os.write(handle, line.encode("ascii"))
            finally:
                os.close(handle)


@dataclass
class Tally:
    """Progress of machines that threads or asynchronous tasks process in parallel."""

    progress: Progress
    late: dict[str, None]
    failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, what: str, users: Iterable[str], done: str = "ready") -> Tally:
        """Return a tally of `users` of whom none has ended yet."""
        late = dict.fromkeys(users)
        tally = cls(Progress(what, len(late), done), late)
        tally.progress.report(late)
        return tally

    def end(self, user: str, is_ok: bool) -> None:
        """Count a machine that has ended, with success or failure."""
        with self._lock:
            if user in self.late:
                del self.late[user]
                self.failed += not is_ok
                self.progress.report(self.late, self.failed)
