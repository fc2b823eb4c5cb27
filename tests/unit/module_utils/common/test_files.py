"""Files that are written whole, and modes that are set on the thing itself."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.cards.files import write_private
from ansible_collections.probcomp.stack.plugins.module_utils.common import files
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import set_mode, write_whole
from ansible_collections.probcomp.stack.plugins.module_utils.passwords.files import write_new_password

from tests.support import ROOT

STUCK = """
import os, pathlib, sys, time
from ansible_collections.probcomp.stack.plugins.module_utils.cards.files import write_private
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import write_whole
from ansible_collections.probcomp.stack.plugins.module_utils.passwords.files import write_new_password
def stop(*words, **options):
    print("there", flush=True)
    time.sleep(60)
path = pathlib.Path(sys.argv[1])
os.{call} = stop
{write}
"""
SECRET = "of the first run"
WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "whole": (f"write_whole(path, b'{SECRET}')", lambda path: write_whole(path, b"second", 0o600)),
    "phrase": (f"write_new_password(path, '{SECRET}')", lambda path: write_new_password(path, "second")),
    "cards": (f"write_private({{path: b'{SECRET}'}}, [])", lambda path: write_private({path: b"second"}, [])),
}


@contextlib.contextmanager
def stuck(write: str, path: Path, call: str = "fsync") -> Iterator[None]:
    """Run `write` in a process that stops at the system call; kill it as kill -9 does."""
    program = STUCK.replace("{call}", call).replace("{write}", write)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "there\n"
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("writer", WRITERS)
def test_the_next_run_leaves_nothing_of_a_killed_one(tmp_path: Path, writer: str) -> None:
    path = tmp_path / "target"
    first, again = WRITERS[writer]
    with stuck(first, path):
        pass
    [left] = tmp_path.iterdir()
    assert left.name == ".target.partial" and left.read_text().strip() == SECRET
    assert not stat.S_IMODE(left.stat().st_mode) & 0o077 or writer == "whole"
    again(path)
    assert list(tmp_path.iterdir()) == [path] and path.read_text().strip() == "second"


@pytest.mark.parametrize("writer", WRITERS)
def test_two_runs_at_once_do_not_take_each_others_file(
    tmp_path: Path, writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "target"
    first, again = WRITERS[writer]
    monkeypatch.setattr(files.partial_file.__wrapped__, "__defaults__", (0.5,))  # type: ignore[attr-defined]
    with stuck(first, path):
        before = time.monotonic()
        with pytest.raises((OSError, ValueError), match="another process is writing it"):
            again(path)
        assert 0.4 < time.monotonic() - before < 10
        [partial] = tmp_path.iterdir()
        assert partial.read_text().strip() == SECRET


def test_a_file_that_was_complete_when_the_run_was_killed_stays(tmp_path: Path) -> None:
    path = tmp_path / "alice.passwd"
    with stuck(f"write_new_password(path, '{SECRET}')", path, call="unlink"):
        pass
    assert sorted(item.name for item in tmp_path.iterdir()) == [".alice.passwd.partial", "alice.passwd"]
    assert not write_new_password(path, "second")
    assert list(tmp_path.iterdir()) == [path] and path.read_text() == f"{SECRET}\n"


def test_equal_cards_are_not_written_and_what_a_killed_run_left_goes_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "cards" / "ws.pdf"
    write_private({path: b"equal"}, [])
    with stuck(f"write_private({{path: b'{SECRET}'}}, [])", path):
        assert not write_private({path: b"equal"}, []), "the file of a run that goes on stays"
        assert len(list(path.parent.iterdir())) == 2
    assert not write_private({path: b"equal"}, [], check_mode=True) and len(list(path.parent.iterdir())) == 2
    assert not write_private({path: b"equal"}, [])
    assert list(path.parent.iterdir()) == [path]


def test_what_lies_under_the_partial_name_is_never_written_to(tmp_path: Path) -> None:
    path, victim, partial = tmp_path / "target", tmp_path / "victim", tmp_path / ".target.partial"
    for plant in (partial.symlink_to, partial.hardlink_to):
        victim.write_text("mine")
        victim.chmod(0o644)
        plant(victim)
        write_whole(path, b"data", 0o600)
        assert victim.read_text() == "mine" and stat.S_IMODE(victim.stat().st_mode) == 0o644
        assert path.read_bytes() == b"data" and not os.path.lexists(partial)
        path.unlink()
    os.mkfifo(partial)
    write_whole(path, b"data")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["target", "victim"]
    partial.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(path, b"other")
    assert path.read_bytes() == b"data"


def test_a_mode_is_never_set_through_a_link(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir(mode=0o755)
    file.touch(mode=0o644)
    for item, mode in ((folder, 0o700), (file, 0o600)):
        before = item.stat().st_mode
        link = tmp_path / f"link-{item.name}"
        link.symlink_to(item)
        with pytest.raises(OSError, match="symbolic"):
            set_mode(link, mode)
        assert item.stat().st_mode == before
        set_mode(item, mode)
        assert stat.S_IMODE(item.stat().st_mode) == mode
