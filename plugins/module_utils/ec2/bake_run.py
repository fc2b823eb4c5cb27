"""The saved state of ami_bake.yml, which resumes runs and allows one at a time.

A file on the controller records the image, the process and the stage; the tag `note` of the machine records the run to
which it belongs.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..common.files import locked_within, write_whole

STAGES = ("configuring", "cleaning", "cleaned")
"""Stages of the machine; from `cleaning` on it can only become an image."""

_NAME = re.compile(r"probcomp-([0-9]{4})([0-9]{2})([0-9]{2})-[0-9]{6}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SECONDS = 10.0
"""Maximum time to wait for another process that locks the file."""
_PROC = Path("/proc")


class RunError(Exception):
    """The reason why no image can be created; str() is one line for the administrator."""


@dataclass
class Run:
    """A run that creates one image."""

    name: str
    controller: str
    """Host name of the controller."""
    process: str
    """Process id and start time of the latest process."""
    stage: str = STAGES[0]
    versions: dict[str, str] = field(default_factory=dict)
    """Installed versions, once known."""
    taken_up: str = ""
    """Day (UTC, as 2026-11-23) on which the current process took it up."""
    launched: str = ""
    """Day (UTC) on which its machine was launched, set after the cleanup."""

    @property
    def date(self) -> str:
        """The date of the image: the launch of its machine, else that in its name."""
        return self.launched or _NAME.sub(r"\1-\2-\3", self.name)

    @property
    def age(self) -> str:
        """A message when the image is older than the current run, else ""."""
        if not self.date < self.taken_up:
            return ""
        return (
            f"its machine was begun on {self.date} by a run that was interrupted, and what was installed then stayed "
            "as it was: for an image of today, ansible-playbook ami_bake.yml once more"
        )

    @property
    def note(self) -> str:
        """The value of the machine's tag `note`, which identifies the run."""
        # No comma: load balancers refuse it, and they get the stack's tags.
        return f"becomes image {self.name} made on {self.controller}"


@dataclass(frozen=True)
class BakeMachine:
    """The machine of an image run, from the inventory; all empty when there is none."""

    instance_id: str = ""
    state: str = ""
    note: str = ""
    launched: str = ""


@dataclass(frozen=True)
class Plan:
    """What to do with the machine that exists."""

    remove: bool
    """Delete it first, if there is one."""
    configure: bool
    """Create and configure a machine; otherwise only the image is missing."""
    cancel: bool = False
    """Do nothing else."""
    left: str = ""
    """A message about the machine of an earlier run."""


def plan(run: Run, machine: BakeMachine, cancel: bool) -> Plan:
    """Return what to do with `machine`; raise RunError when another run owns it.

    `cancel` removes the machine of any run.
    """
    there = f"an earlier run left the machine {machine.instance_id}" if machine.instance_id else ""
    if cancel:
        return Plan(remove=True, configure=False, cancel=True, left=there)
    if machine.instance_id and machine.note != run.note:
        what = machine.note if re.fullmatch(r"[\w .,:-]{1,120}", machine.note) else "made by something else"
        raise RunError(
            f"another image is being made since {machine.launched[:16]} ({machine.instance_id}: {what}): wait for it; "
            "if nobody works on it any more, ansible-playbook ami_bake.yml -e cancel=yes removes its machine"
        )
    if run.stage == "cleaned":
        left = f"{there}, clean" if there else "an earlier run had deleted its machine"
        return Plan(remove=False, configure=False, left=f"{left}: it goes on with its image {run.name}")
    if not there:
        return Plan(remove=False, configure=True)
    is_usable = run.stage == "configuring" and machine.state in ("pending", "running")
    left = f"{there}, {machine.state}, {'which is gone on with' if is_usable else 'of no use any more: it goes first'}"
    return Plan(remove=not is_usable, configure=True, left=left)


def begin(path: Path, process: str, write: bool = True) -> Run:
    """Take over the run in the file `path`, or begin a new one.

    Raises RunError while another process works on it.
    """
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path):
        run = read(path)
        if run and run.process != process and is_alive(run.process):
            raise RunError(
                f"image {run.name} is being made on this computer by process {run.process.partition(' ')[0]}: "
                "wait for it"
            )
        now = datetime.datetime.now(datetime.UTC)
        if run:
            run.process = process
        else:
            run = Run(f"probcomp-{now:%Y%m%d-%H%M%S}", _tag_text(socket.gethostname()), process)
        run.taken_up = f"{now:%Y-%m-%d}"
        if write:
            save(path, run)
        return run


def read(path: Path) -> Run | None:
    """Return the run in the file `path`, None when it is missing or invalid."""
    try:
        run = Run(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    texts = (run.name, run.controller, run.process, run.taken_up, run.launched)
    is_sound = all(isinstance(text, str) for text in texts) and isinstance(run.versions, dict)
    if not is_sound or not _NAME.fullmatch(run.name) or run.stage not in STAGES:
        return None
    return run if all(_DAY.fullmatch(day) for day in (run.taken_up, run.launched) if day) else None


def save(path: Path, run: Run) -> None:
    """Write the run to the file `path` atomically."""
    write_whole(path, f"{json.dumps(asdict(run), indent=1)}\n".encode())


def identity(pid: int) -> str:
    """Return process id and start time, which identify a process, "" if it has ended."""
    if not (_PROC / "self/stat").exists():
        return _identity_by_ps(pid)
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The second field is the command in parentheses, which may contain any characters.
        fields = (_PROC / f"{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # Field 22 of proc(5), in ticks since boot: the time in ps changes when the clock is set.
    return "" if fields[0] in ("Z", "X") else f"{pid} {fields[19]} {boot}"


def _identity_by_ps(pid: int) -> str:
    # macOS has no /proc; ps shows the start time.
    command = ["ps", "-o", "state=", "-o", "lstart=", "-p", str(pid)]
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False, env=environment)
    state, _, started = " ".join(done.stdout.split()).partition(" ")
    return "" if not started or state.startswith("Z") else f"{pid} {started}"


def is_alive(process: str) -> bool:
    """Return whether the process with this identity is running."""
    pid = process.partition(" ")[0]
    return pid.isdigit() and identity(int(pid)) == process


def as_data(run: Run, found: Plan | None = None) -> dict[str, Any]:
    """Return the run, and what to do, as plain data."""
    data: dict[str, Any] = {"name": run.name, "note": run.note, "stage": run.stage, "versions": run.versions}
    data |= {"date": run.date, "age": run.age}
    return data | (asdict(found) if found else {})


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lock the folder of the file `path` against other processes.

    Raises RunError when another process holds the lock for longer than _SECONDS.
    """
    if not path.parent.exists():  # Then nothing is written either.
        yield
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        if not locked_within(folder, _SECONDS):
            raise RunError(f"another process has {path.parent} locked for {_SECONDS:g} s: end it")
        yield
    finally:
        os.close(folder)


def _tag_text(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", text)[:63] or "unknown"
