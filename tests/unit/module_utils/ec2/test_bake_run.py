"""The state file of ami_bake.yml.

An interrupted run is continued, and a second one at the same time is refused.
"""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.ec2 import bake_run
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.bake_run import (
    BakeMachine,
    Run,
    RunError,
    begin,
    identity,
    plan,
    read,
    save,
)

OURS = Run("probcomp-20261123-093000", "desk", "1 long ago")
NONE = BakeMachine()


def machine(state: str = "running", note: str = OURS.note) -> BakeMachine:
    return BakeMachine("i-0123456789abcdef0", state, note, "2026-11-23T09:31:00+00:00")


def at(stage: str) -> Run:
    return Run(OURS.name, OURS.controller, OURS.process, stage)


@pytest.mark.parametrize(
    ("stage", "there", "remove", "configure"),
    [
        ("configuring", NONE, False, True),
        ("configuring", machine(), False, True),
        ("configuring", machine("pending"), False, True),
        ("configuring", machine("stopped"), True, True),
        ("cleaning", NONE, False, True),
        ("cleaning", machine(), True, True),
        ("cleaning", machine("stopped"), True, True),
        ("cleaned", machine(), False, False),
        ("cleaned", machine("stopping"), False, False),
        ("cleaned", NONE, False, False),
    ],
)
def test_an_interrupted_run_goes_on_where_it_can(stage: str, there: BakeMachine, remove: bool, configure: bool) -> None:
    found = plan(at(stage), there, cancel=False)
    assert (found.remove, found.configure, found.cancel) == (remove, configure, False)
    assert bool(found.left) == (there != NONE or stage == "cleaned")


def test_the_machine_of_another_run_is_not_touched_but_when_it_is_cancelled() -> None:
    other = machine(note="becomes image probcomp-20261123-090000 made on laptop")
    for stage in bake_run.STAGES:
        with pytest.raises(RunError, match=r"i-0123456789abcdef0.*laptop.*cancel=yes"):
            plan(at(stage), other, cancel=False)
        found = plan(at(stage), other, cancel=True)
        assert found.remove and found.cancel and not found.configure


def test_what_somebody_wrote_on_the_machine_is_not_printed_raw() -> None:
    with pytest.raises(RunError) as refused:
        plan(OURS, machine(note="\x1b[31m{{ 7*7 }}"), cancel=False)
    assert str(refused.value).isprintable() and "7*7" not in str(refused.value)


def test_a_run_is_found_again_after_its_process_ended(tmp_path: Path) -> None:
    path = tmp_path / "state/ami-bake.json"
    first = begin(path, ended_process())
    first.stage = "cleaning"
    first.versions = {"jupyterlab": "4.4.1"}
    save(path, first)
    again = begin(path, identity(os.getpid()))
    assert (again.name, again.note, again.stage, again.versions) == (
        first.name,
        first.note,
        "cleaning",
        {"jupyterlab": "4.4.1"},
    )


def test_a_second_run_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    path = tmp_path / "ami-bake.json"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as first:
        begin(path, identity(first.pid))
        with pytest.raises(RunError, match=f"by process {first.pid}: wait for it"):
            begin(path, identity(os.getpid()))
        first.communicate(b"\n")
    assert begin(path, identity(os.getpid())).process == identity(os.getpid())


def test_a_killed_run_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "ami-bake.json"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as first:
        begun = begin(path, identity(first.pid))
        first.kill()
        # Until its parent reads its status, an ended process leaves an entry that is no running process any more.
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
        assert begin(path, identity(os.getpid())).name == begun.name


def test_a_stopped_process_does_not_block_the_file_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bake_run, "_SECONDS", 0.3)
    hold = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], 0), fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", hold, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        holder.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(RunError, match=r"locked for 0\.3 s"):
            begin(tmp_path / "ami-bake.json", identity(os.getpid()))
        assert time.monotonic() - began < 20
        holder.kill()
        holder.wait()
        assert begin(tmp_path / "ami-bake.json", identity(os.getpid())).stage == "configuring"


@pytest.mark.parametrize(("launched", "stage"), [("2026-11-20", "cleaned"), ("", "cleaned"), ("", "configuring")])
def test_an_image_of_an_earlier_day_is_told_to_be(tmp_path: Path, launched: str, stage: str) -> None:
    path = tmp_path / "ami-bake.json"
    earlier = Run("probcomp-20261120-093000", "desk", "1 long ago", stage, {}, "2026-11-20", launched)
    assert (earlier.date, earlier.age) == ("2026-11-20", "")
    save(path, earlier)
    again = begin(path, identity(os.getpid()))
    assert again.taken_up == f"{datetime.now(UTC):%Y-%m-%d}" and again.date == "2026-11-20"
    again.taken_up = "2026-11-23"
    assert "begun on 2026-11-20 by a run that was interrupted" in again.age and "ami_bake.yml" in again.age


def test_a_machine_made_anew_is_of_the_day_it_is_made_on() -> None:
    run = Run("probcomp-20261120-093000", "desk", "1 long ago", "cleaned", {}, "2026-11-23", "2026-11-23")
    assert (run.date, run.age) == ("2026-11-23", "")


def test_a_bake_over_midnight_is_no_interrupted_one() -> None:
    run = Run("probcomp-20261122-235959", "desk", "1 long ago", "cleaned", {}, "2026-11-22", "2026-11-23")
    assert (run.date, run.age) == ("2026-11-23", "")


def test_check_mode_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "state/ami-bake.json"
    run = begin(path, identity(os.getpid()), write=False)
    assert run.name.startswith("probcomp-") and not path.parent.exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", json.dumps({"name": "../x", "controller": "a", "process": "1", "stage": "cleaned"}), "\x00"],
)
def test_a_damaged_file_is_no_run(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ami-bake.json"
    path.write_text(content)
    assert read(path) is None
    assert begin(path, identity(os.getpid())).stage == "configuring"


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    own = identity(os.getpid())
    assert own.startswith(f"{os.getpid()} ") and bake_run.is_alive(own)
    number, ticks, boot = own.split()
    assert not bake_run.is_alive(f"{number} {int(ticks) - 1} {boot}")
    assert not bake_run.is_alive(f"{number} {ticks} 00000000-0000-0000-0000-000000000000")
    assert not bake_run.is_alive("")
    assert not bake_run.is_alive(ended_process())


def test_without_proc_ps_tells_processes_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bake_run, "_PROC", tmp_path)
    assert bake_run.is_alive(identity(os.getpid())) and not bake_run.is_alive(ended_process())
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert identity(process.pid) == ""


def ended_process() -> str:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        found = identity(process.pid)
        process.communicate(b"\n")
    return found
