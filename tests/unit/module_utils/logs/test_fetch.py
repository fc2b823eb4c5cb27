"""Fetching logs: all of them, and only what is new.

A hostile machine delivers nothing but plain files within bounds.
"""

import fcntl
import os
import random
import stat
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.common import disk
from ansible_collections.probcomp.stack.plugins.module_utils.logs.summary import table

from tests.support.log_world import SSH, World, with_two_logs
from tests.support.pinned import pinned_arguments


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return with_two_logs(tmp_path, monkeypatch)


def modes(folder: Path) -> set[tuple[bool, int]]:
    """Return the file types and modes of all that is below `folder`."""
    paths = [folder, *folder.rglob("*")]
    assert all(stat.S_ISDIR(path.lstat().st_mode) or stat.S_ISREG(path.lstat().st_mode) for path in paths)
    return {(path.is_dir(), stat.S_IMODE(path.lstat().st_mode)) for path in paths}


def test_all_comes_and_then_only_what_is_new(world: World) -> None:
    first = world.fetch()
    assert first.problems == [] and (first.new.files, first.new.bytes) == (2, 4004)
    assert world.names() == {"a b", "a b/one.json", "two.json"}
    assert modes(world.logs) == {(True, 0o700), (False, 0o600)}
    again = world.fetch()
    assert again.problems == [] and again.new.files == 0 and again.content.files == 2
    with (world.there / "two.json").open("a") as log:
        log.write("more\n")
    (world.there / "three.json").write_text("3")
    third = world.fetch()
    assert (third.new.files, third.new.bytes, third.new.aside) == (2, 6, [])
    assert (world.here / "two.json").read_text() == "two\nmore\n"
    assert not list((world.logs / ".incoming").glob("alice/*"))


def test_what_is_gone_there_stays_here(world: World) -> None:
    world.fetch()
    (world.there / "two.json").unlink()
    (world.there / "a b" / "one.json").unlink()
    (world.there / "a b").rmdir()
    fetched = world.fetch()
    assert fetched.problems == [] and fetched.content.files == 2
    world.there.rmdir()
    assert world.fetch().problems == [] and world.names() == {"a b", "a b/one.json", "two.json"}


@pytest.mark.parametrize("text", ["tw", "", "TWO\n", "other, and longer than before\n"])
def test_a_rewritten_file_does_not_replace_the_former_one(world: World, text: str) -> None:
    world.fetch()
    (world.there / "two.json").write_text(text)
    os.utime(world.there / "two.json", (time.time() + 5, time.time() + 5))
    fetched = world.fetch()
    assert fetched.new.aside == ["sessions/'two.json'"]
    assert (world.here / "two.json").read_text() == text
    kept = [path for path in world.here.iterdir() if path.name.startswith("two.json.before-")]
    assert [path.read_text() for path in kept] == ["two\n"]
    assert world.fetch().new.aside == []


def test_a_hostile_tree_leaves_plain_files_only(world: World) -> None:
    there = world.there
    (there / "link").symlink_to("/etc/passwd")
    (there / "folder-link").symlink_to("/etc")
    (there / "dangling").symlink_to("../../../pin")
    os.mkfifo(there / "pipe")
    if os.geteuid() == 0:
        os.mknod(there / "device", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (there / "setuid").write_text("#!/bin/sh\n")
    (there / "setuid").chmod(0o6777)
    (there / "hard").hardlink_to(there / "two.json")
    for name in ("-rf", "~root", "a\nb", "\x1b]0;owned\x07", "right\u202eleft", "x" * 220, os.fsdecode(b"\xff\xfe")):
        (there / name).write_text("x")
    (there / "bad\nfolder").mkdir()
    (there / "bad\nfolder" / "inside").write_text("x")
    with (there / "huge").open("wb") as huge:
        huge.truncate(10**12)
    os.utime(there / "two.json", (2**40, 2**40))
    deep = there
    for _ in range(40):
        deep = deep / "d"
        deep.mkdir()
    (deep / "deepest").write_text("x")
    fetched = world.fetch()
    assert fetched.problems == []
    assert world.names() == {"a b", "a b/one.json", "two.json", "setuid", "hard"}
    assert modes(world.logs / "alice") == {(True, 0o700), (False, 0o600)}
    left_out = "\n".join(fetched.new.skipped)
    for name in ("link", "dangling", "pipe", "huge", "-rf", r"a\nb", r"\x1b]0;owned\x07", r"bad\nfolder"):
        assert name in left_out, left_out
    assert left_out.isprintable() is False and all(line.isprintable() for line in fetched.new.skipped)
    assert all(line.isprintable() for line in table([fetched], time.time()))
    assert fetched.content.newest <= time.time() + 1


def test_it_stops_before_the_disk_is_full_and_the_next_machine_is_fetched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(folder: Path) -> SimpleNamespace:
        """Return the state of a disk on which 300 kB may still be written."""
        taken = sum(path.lstat().st_size for path in world.logs.rglob("*") if path.is_file())
        return SimpleNamespace(free=disk.KEPT_FREE + 300_000 - taken)

    monkeypatch.setattr(disk.shutil, "disk_usage", usage)
    for number in range(3):
        (world.there / f"large-{number}").write_bytes(random.Random(number).randbytes(900_000))
    slow = SSH.replace("--bwlimit=50", "--bwlimit=500").replace("sleep 2", "sleep 20")
    (world.folder / "bin/ssh").write_text(slow)
    stopped = world.fetch("cut")
    [problem] = stopped.problems
    assert "is nearly full (less than 1 GiB free): make room there" in problem and "nothing of it was kept" in problem
    assert not [path for path in world.logs.rglob("*") if path.is_file() and path.name != "alice.lock"]
    for number in range(3):
        (world.there / f"large-{number}").unlink()
    assert world.fetch().problems == [] and world.names() == {"a b", "a b/one.json", "two.json"}
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: SimpleNamespace(free=disk.KEPT_FREE - 1))
    (world.folder / "arguments").unlink()
    assert "is nearly full" in world.fetch().reason
    assert not (world.folder / "arguments").exists(), "the machine is not even asked"


def test_bounds_hold_for_what_comes_and_for_what_is_kept(world: World) -> None:
    for number in range(300):
        (world.there / f"log-{number}").touch()
    fetched = world.fetch(seconds=60)
    assert "more than 200 files and folders" in fetched.reason or "is full" in fetched.reason
    assert fetched.content.entries <= 200
    for path in world.there.glob("log-*"):
        path.unlink()
    for number in range(6):
        (world.there / f"large-{number}").write_bytes(bytes(900_000))
    fetched = world.fetch()
    assert fetched.problems
    assert fetched.content.bytes <= 3_000_000


def test_a_full_folder_gets_no_folder_more(world: World) -> None:
    """A full folder gets no further folder, however quickly the machine sends.

    None of what comes may be beyond the bound, but all here together is.
    """
    for number in range(150):
        (world.there / f"log-{number}").touch()
    assert world.fetch().problems == []
    for number in range(150):
        (world.there / f"log-{number}").rename(world.there / f"more-{number}")
    assert "is full" in world.fetch().reason
    for source in ("jupyter", "others"):
        assert "is full" in world.fetch(source=source).reason
    assert sum(1 for _ in (world.logs / "alice").rglob("*")) == 200


def test_a_machine_that_rewrites_at_each_fetch_fills_no_disk(world: World) -> None:
    for number in range(6):
        (world.there / "two.json").write_text(f"{number}" * 900_000)
        os.utime(world.there / "two.json", (number, number))
        fetched = world.fetch()
    assert "is full" in fetched.reason and "two.json" in fetched.reason and "move old logs" in fetched.reason
    assert fetched.content.bytes <= 3_000_000


@pytest.mark.parametrize(
    ("address", "words"), [("names", "unsafe pathname"), ("absolute", "unsafe pathname"), ("newline", "rsync ended")]
)
def test_names_that_nobody_asked_for_go_nowhere(world: World, address: str, words: str) -> None:
    fetched = world.fetch(address, seconds=20)
    assert words in fetched.reason and fetched.reason.isprintable()
    assert not list(world.folder.rglob("escaped"))
    assert world.names() == set()
    assert not list((world.logs / ".incoming").glob("alice"))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("refused", "no ssh connection to ubuntu@refused:2222 (Permission denied (publickey).)"),
        ("swapped", "another host key than the one in"),
        ("garbage", "rsync ended with status"),
        ("endless", "rsync ended with status"),
        ("loud", "red red"),
        ("louder", "the machine says too much"),
        ("silent", "it did not end in time"),
        ("", "no address: start it first"),
        ("-oProxyCommand=touch", "is no address"),
    ],
)
def test_a_machine_that_fails_is_named_in_one_line(world: World, address: str, words: str) -> None:
    start = time.monotonic()
    fetched = world.fetch(address, seconds=2 if address == "silent" else 40)
    assert words in fetched.reason, fetched.reason
    assert fetched.reason.isprintable() and len(fetched.reason) < 500
    assert time.monotonic() - start < 35
    assert not list((world.logs / ".incoming").glob("alice"))


def test_a_cut_connection_leaves_whole_files_only(world: World) -> None:
    (world.there / "long").write_bytes(os.urandom(900_000))
    fetched = world.fetch("cut")
    assert "rsync ended with status" in fetched.reason, fetched.reason
    assert world.names() <= {"a b", "a b/one.json", "two.json"}
    assert world.fetch().problems == [] and (world.here / "long").stat().st_size == 900_000


def test_a_program_there_sends_in_rsyncs_place_but_not_in_check_mode(world: World) -> None:
    program = world.folder / "send"
    assert "is not on the machine; fleet_create.yml -e users=alice" in world.fetch(program=str(program)).reason
    program.write_text(f'#!/bin/sh\necho line >>"{world.there}/journal"\nexec rsync "$@"\n')
    program.chmod(0o755)
    assert world.fetch(program=str(program), dry=True).problems == [] and not (world.there / "journal").exists()
    assert world.fetch(program=str(program)).problems == []
    assert (world.here / "journal").read_text() == "line\n"


def test_no_sudo_is_told_from_missing_logs(world: World) -> None:
    (world.folder / "bin" / "sudo").write_text("#!/bin/bash\necho 'a password is required' >&2\nexit 1\n")
    assert world.fetch().reason == "ubuntu may not use sudo there (a password is required)"


def test_the_connection_accepts_the_pinned_key_only(world: World) -> None:
    world.fetch()
    pinned_arguments(world.folder, 'IdentityFile="/keys/lab"')
    (world.folder / "arguments").unlink()
    (world.folder / "pin").unlink()
    assert "no host key is pinned" in world.fetch().reason
    assert not (world.folder / "arguments").exists()


def test_files_and_folders_do_not_take_each_others_place(world: World) -> None:
    world.fetch()
    (world.there / "two.json").unlink()
    (world.there / "two.json").mkdir()
    (world.there / "two.json" / "inside").write_text("x")
    (world.there / "a b" / "one.json").unlink()
    (world.there / "a b").rmdir()
    (world.there / "a b").write_text("x")
    fetched = world.fetch()
    assert world.names() == {"a b", "a b/one.json", "two.json"}
    assert len(fetched.new.skipped) == 2


def test_a_link_planted_here_is_not_followed(world: World) -> None:
    outside = world.folder / "outside"
    outside.mkdir()
    world.here.mkdir(parents=True)
    (world.here / "a b").symlink_to(outside)
    fetched = world.fetch()
    assert list(outside.iterdir()) == [] and any("one.json" in line for line in fetched.new.skipped)


def test_check_mode_says_what_would_come_and_leaves_nothing(world: World) -> None:
    fetched = world.fetch(dry=True)
    assert fetched.new.files == 2 and not world.logs.exists()
    assert "would come" in table([fetched], time.time(), dry=True)[0]
    world.fetch()
    assert world.fetch(dry=True).new.files == 0


def test_two_commands_at_once_do_not_mix(world: World) -> None:
    world.fetch()
    with (world.logs / ".incoming" / "alice.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another command is fetching" in world.fetch().reason


def test_what_an_ended_run_left_is_removed(world: World) -> None:
    left = world.logs / ".incoming" / "alice" / "sessions" / "files"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    assert world.fetch().problems == [] and "half" not in world.names()
