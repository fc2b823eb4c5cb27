"""The content's installer: it runs once per version, in its folder, bounded.

Its failure is one line.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.content_world import account_with, load_module, repeating

content_installer = load_module("content_installer")
from ansible_collections.probcomp.stack.plugins.module_utils.content import script_run
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError, run_as, write_note


class Machine:
    """A home with an installer, and root's notes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        (self.home / "gen").mkdir(parents=True)
        self.account = account_with(self.home)

    def put(self, script: str, version: str = "1", mode: int = 0o755) -> None:
        path = self.home / "gen/install.sh"
        path.write_bytes(script.encode())
        path.chmod(mode)
        write_note(self.folder / "content.json", {"version": version, "files": {"gen/install.sh": ["0"]}})

    def run(self, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        settings = {
            "script": "gen/install.sh",
            "become_root": False,
            "path": ["/opt/first"],
            "environment": {"EXTRA": 7},
            "log": str(self.folder / "log/marco.log"),
            "timeout": 20,
            "force": False,
        }
        result: dict[str, Any] = content_installer.install({**settings, **options}, self.account, check_mode)
        return result

    @property
    def log(self) -> str:
        return (self.folder / "log/marco.log").read_text()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(content_installer, "NOTES", tmp_path)
    monkeypatch.setenv("ROOTS_SECRET", "x")
    return Machine(tmp_path)


@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_where_and_with_what_it_runs(mode: int, machine: Machine) -> None:
    machine.put('#!/bin/sh\npwd; echo "$HOME $EXTRA ${PATH%%:*} [$ROOTS_SECRET]"; cat; echo error >&2\n', mode=mode)
    assert machine.run()["changed"]
    home = machine.home
    assert machine.log.splitlines() == [f"{home}/gen", f"{home} 7 /opt/first []", "error"]


def test_once_per_version(machine: Machine) -> None:
    machine.put("#!/bin/sh\necho x >> ~/count\n")
    changes = [machine.run()["changed"], machine.run()["changed"], machine.run(force=True)["changed"]]
    assert changes == [True, False, True]
    machine.put("#!/bin/sh\necho x >> ~/count\n", version="2")
    assert machine.run(check_mode=True)["changed"]
    assert machine.run()["changed"]
    assert (machine.home / "count").read_text() == "x\nx\nx\n"


def test_failure_is_one_clean_line_and_is_tried_again(machine: Machine) -> None:
    machine.put("#!/bin/sh\nseq 100; printf 'no \\033[31mspace\\033[0m\\r left\\a\\n' >&2; exit 3\n")
    for _ in range(2):
        with pytest.raises(MachineError, match="failed with status 3") as raised:
            machine.run()
    assert str(raised.value).endswith(f": 98 / 99 / 100 / no space / left? (all of it: {machine.folder}/log/marco.log)")
    machine.put("#!/bin/sh\n")
    assert machine.run()["changed"]


def test_time_limit_ends_the_script_and_its_children(machine: Machine) -> None:
    machine.put("#!/bin/sh\nsleep 300 & echo $! > ~/child; echo waiting; wait\n")
    start = time.monotonic()
    with pytest.raises(MachineError, match="took longer than 1 s: waiting"):
        machine.run(timeout=1)
    assert time.monotonic() - start < 60
    child = (machine.home / "child").read_text().strip()
    state = subprocess.run(["ps", "-o", "state=", "-p", child], capture_output=True, text=True, check=False).stdout
    assert state.strip() in ("", "Z")


def test_what_it_leaves_in_the_background_does_not_hold_us(machine: Machine) -> None:
    machine.put("#!/bin/sh\nsleep 30 &\n")
    start = time.monotonic()
    assert machine.run()["changed"]
    assert time.monotonic() - start < 25


def test_the_log_is_bounded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_run, "_LARGEST_LOG", 1000)
    machine.put("#!/bin/sh\nseq 100000; echo the end; exit 1\n")
    with pytest.raises(MachineError, match="the end"):
        machine.run()
    assert len(machine.log) == 1000


def test_nothing_to_run(machine: Machine) -> None:
    assert machine.run() == {"changed": False, "msg": "no content is installed: grab_content.yml brings it"}
    machine.put("")
    (machine.home / "gen/install.sh").unlink()
    assert not machine.run()["changed"] and "no gen/install.sh" in machine.run()["msg"]


def test_root_runs_only_what_the_content_brought(machine: Machine) -> None:
    machine.put("#!/bin/sh\ntouch ~/ran\n")
    with pytest.raises(MachineError, match="not as the content brought it"):
        machine.run(become_root=True)
    assert not (machine.home / "ran").exists()


REAL = "#!/bin/sh\nhelper >> $OUT; echo true >> $OUT\n"
TRAP = "#!/bin/sh\necho trap of $(id -un) >> $OUT\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")


@pytest.fixture
def hers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine whose home belongs to an account that is not root.

    The content's script is in it.
    """
    # Other accounts cannot enter pytest's own folders.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(content_installer, "NOTES", Path(folder))
        machine = Machine(Path(folder))
        machine.account = account_with(machine.home, "nobody")
        machine.put(REAL)
        (machine.home / "bin").mkdir()
        (machine.home / "bin/helper").write_text(TRAP)
        (machine.home / "bin/helper").chmod(0o755)
        for path in (machine.home, *machine.home.rglob("*")):
            os.chown(path, machine.account.pw_uid, -1)
        note = {"version": "1", "files": {"gen/install.sh": [hashlib.sha256(REAL.encode()).hexdigest()]}}
        write_note(machine.folder / "content.json", note)
        yield machine


def as_root_runs(machine: Machine, folder: Path, **options: Any) -> str:
    """Run the installer as root; return what ran."""
    out = machine.folder / "out"
    out.unlink(missing_ok=True)
    with contextlib.suppress(MachineError):
        machine.run(become_root=True, force=True, environment={"OUT": str(out)}, path=[str(folder)], **options)
    return out.read_text() if out.exists() else ""


@as_root
def test_root_runs_no_program_that_the_user_can_replace(hers: Machine, tmp_path: Path) -> None:
    assert as_root_runs(hers, hers.home / "bin") == "true\n"
    link = tmp_path / "link"
    link.symlink_to("/usr/bin")
    assert content_installer.of_root_alone(["/usr/bin", str(link), "/none", str(hers.home / "bin")]) == ["/usr/bin"] * 2
    # The account itself may use what is its own.
    hers.run(path=[str(hers.home / "bin")], environment={"OUT": str(hers.home / "out")}, force=True)
    assert (hers.home / "out").read_text() == "trap of nobody\ntrue\n"


@as_root
def test_root_runs_what_was_checked(hers: Machine) -> None:
    script = hers.home / "gen/install.sh"

    def swap() -> None:
        for text in (REAL, TRAP):
            other = script.with_suffix(".new")
            other.write_text(text)
            other.chmod(0o755)
            other.replace(script)

    with repeating(hers.account, swap):
        runs = [as_root_runs(hers, Path("/usr/bin")) for _ in range(40)]
    assert set(runs) <= {"", "true\n"} and "true\n" in runs, "some runs found the true script"
    assert not list(hers.folder.glob("installer-*")), "the copies are gone"


@as_root
@pytest.mark.parametrize("kind", ["link", "pipe", "pipe that stays open", "large"])
def test_root_reads_no_link_pipe_or_huge_file(
    kind: str, hers: Machine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    script = hers.home / "gen/install.sh"
    script.rename(hers.home / "true")
    if kind == "link":
        script.symlink_to(hers.home / "true")
    elif kind.startswith("pipe"):
        os.mkfifo(script)
        if kind == "pipe that stays open":
            request.addfinalizer(partial(os.close, os.open(script, os.O_RDWR)))
    else:
        script.write_text(REAL)
        monkeypatch.setattr(content_installer, "_LARGEST_SCRIPT", len(REAL) - 1)
    assert run_as(hers.account, lambda: content_installer.read_script(script), 5, "reading") == ""
    assert as_root_runs(hers, Path("/usr/bin")) == ""


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/bash\r\necho hello\r\n", r"has Windows line endings \(CRLF\): tr -d '\\r' < "),
        ("#!/bin/sh\necho hello\r\necho again\r\n", "has Windows line endings"),
        ("echo hello\r\n", "has Windows line endings"),
        ("#!/bin/sh\recho hello\r", "has old Mac line endings"),
        ("\ufeff#!/bin/sh\necho hello\n", r"begins with a byte-order mark \(BOM\): tail -c \+4 < "),
        ("\ufeff#!/bin/sh\r\necho hello\r\n", r"\(BOM\) and has Windows .*tail -c \+4 < .* \| tr -d"),
        ("", "is empty"),
        ("\ufeff \r\n", "is empty"),
        ("#!/opt/none/zsh\necho hello\n", "begins with #!/opt/none/zsh, and the machine has no such program"),
    ],
)
@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_what_keeps_it_from_running_is_said(script: str, words: str, mode: int, machine: Machine) -> None:
    machine.put(script, mode=mode)
    for check_mode in (True, False):
        with pytest.raises(MachineError, match=words) as raised:
            machine.run(check_mode=check_mode)
        assert str(raised.value).isprintable() and "No such file" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o755, 0o644])
@pytest.mark.parametrize(
    ("script", "output"),
    [
        ("echo $BASH\n", "/bin/bash"),
        ("# only a remark\necho ran", "ran"),
        ("#!\necho ran\n", "ran"),
        ("#! /usr/bin/env python3\nprint('python')\n", "python"),
        ("#!/usr/bin/python3\nprint('python')\r\n", "python"),
        ("#!/bin/bash -e\necho $-\n", "ehB"),
        ("#!/bin/sh\nprintf 'a\\r\\n'\necho one stray # \r\n:\n:\n", "one stray"),
    ],
)
def test_what_runs_is_told_by_its_first_line(script: str, output: str, mode: int, machine: Machine) -> None:
    machine.put(script, mode=mode)
    assert machine.run()["changed"]
    assert output in machine.log


def test_a_program_and_what_is_no_file(machine: Machine) -> None:
    machine.put("x")
    script = machine.home / "gen/install.sh"
    script.write_bytes(Path("/bin/true").read_bytes())
    assert machine.run()["changed"]
    for make in (script.mkdir, lambda: script.symlink_to("gone")):
        script.unlink() if script.is_file() else script.rmdir()
        make()
        with pytest.raises(MachineError, match="is a folder, or a link that leads to no file"):
            machine.run(force=True)
