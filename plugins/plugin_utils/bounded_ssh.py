"""Bound the time and the bytes of a machine's answer to core's ssh connection.

Core's plugin waits for ever for a machine that has let it in, and keeps in memory whatever the machine sends. It starts
its processes by the name `subprocess` of its own module; in this process that name leads here. Connections of other
plugins than ours are not bounded.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ssh as core_ssh

CHUNK = 1 << 16
_MARKS = (b"[", b"{", b",")
SHELL = "/bin/sh -c "
GRACE = 5.0
"""Seconds after the machine's own time limit before the controller gives up."""


@dataclass(frozen=True)
class Limits:
    """Limits of one command: seconds, and bytes of its output and of its error stream."""

    seconds: float
    output: int = 8 << 20
    errors: int = 1 << 20
    parts: int = 400_000
    """Maximum number of lists, mappings and commas in the output.

    Ansible takes 20 microseconds and 500 bytes for each value in JSON.
    """

    def no_answer(self) -> AnsibleConnectionFailure:
        """Return the error for a machine that did not answer in time."""
        return AnsibleConnectionFailure(
            f"no answer within {self.seconds:g} s (probcomp_answer_timeout), so it was given up"
        )


class _Stream:
    """A pipe from ssh as core uses it, limited in bytes and in JSON values."""

    def __init__(self, process: _Process, pipe: IO[bytes], limit: int, parts: int) -> None:
        self._process, self._pipe, self._left, self._limit = process, pipe, limit, limit
        self._parts_left = self._parts = parts

    def fileno(self) -> int:
        return self._pipe.fileno()

    def close(self) -> None:
        self._pipe.close()

    def read(self) -> bytes:
        data = os.read(self._pipe.fileno(), CHUNK)
        self._left -= len(data)
        self._parts_left -= sum(data.count(mark) for mark in _MARKS)
        if self._left < 0 or self._parts_left < 0:
            self._process.end()
            what = f"{self._limit >> 20} MiB" if self._left < 0 else f"{self._parts:,} values"
            raise AnsibleConnectionFailure(f"it sent more than {what}: the rest was not read")
        return data


class _Process(subprocess.Popen[bytes]):
    """An ssh process that is killed when its time is over, whatever core waits for."""

    def __init__(self, limits: Limits, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.is_late = False
        for name, limit in (("stdout", limits.output), ("stderr", limits.errors)):
            setattr(self, name, _Stream(self, getattr(self, name), limit, limits.parts))
        self.timer = threading.Timer(limits.seconds + GRACE, self._end_late)
        self.timer.daemon = True
        self.timer.start()

    def end(self) -> None:
        """Kill the process, which closes its connection."""
        self.kill()
        self.wait()

    def _end_late(self) -> None:
        self.is_late = self.poll() is None
        self.kill()


class _Subprocess:
    """The module `subprocess` for core's plugin, which bounds processes on demand.

    It does so within the block of `bounded`.
    """

    limits: Limits | None = None

    def __init__(self) -> None:
        self.started: list[_Process] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, *arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        if self.limits is None:
            return subprocess.Popen(*arguments, **options)
        process = _Process(self.limits, *arguments, **options)
        self.started.append(process)
        return process


_bounded = _Subprocess()
core_ssh.subprocess = _bounded


@contextlib.contextmanager
def bounded(limits: Limits) -> Iterator[None]:
    """Bound the processes that core's plugin starts in the block, and end them.

    Raises AnsibleConnectionFailure when one of them was killed.
    """
    _bounded.limits, _bounded.started = limits, []
    try:
        yield
    except Exception:
        if any(process.is_late for process in _bounded.started):
            raise limits.no_answer() from None
        raise
    finally:
        _bounded.limits = None
        for process in _bounded.started:
            process.timer.cancel()
            # Core leaves the process that it gave up on, which would be a zombie or go on without anybody.
            if process.poll() is None:
                process.end()
    if any(process.is_late for process in _bounded.started):
        raise limits.no_answer()


def with_limit(command: str, seconds: float) -> str:
    """Return the remote command so that the machine itself ends it after `seconds`.

    The limit is put at the innermost shell, within sudo, where it may end what root runs.
    """
    before, shell, after = command.rpartition(SHELL)
    return f"{before}timeout -k 5 {seconds:g} {shell}{after}" if shell else command


TIMED_OUT = (124, 137)
"""Exit statuses of timeout when it ended the command by SIGTERM or by SIGKILL."""
