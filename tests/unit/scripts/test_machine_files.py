"""scripts/get leaves out files on which programs act unasked.

It brings them where it is asked to.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import machine_files
import pytest
from machine_access import Access, Refused

from tests.support.log_world import World, with_two_logs

WANTED = {"two.json", "a b/one.json", "head/page", "Makefile"}
ACTING = {".envrc", ".GIT/config", "bare/HEAD", ".vscode/tasks.json", "a b/.dir-locals.el"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = with_two_logs(tmp_path, monkeypatch)
    (tmp_path / "target").mkdir()
    monkeypatch.chdir(tmp_path / "target")
    for name in WANTED | ACTING | {"bare/objects/x", "bare/refs/x"}:
        (world.there / name).parent.mkdir(parents=True, exist_ok=True)
        (world.there / name).write_text("x")
    return world


def get(world: World, *words: str, address: str = "whole") -> set[str]:
    """Return the files that come."""
    transfer = machine_files.arguments("get", words, machine_files.what_is)
    access = Access("alice", "running", address, address, str(world.folder / "pin"), (), "jupyter", str(world.there))
    command = machine_files.command("get", access, transfer)
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    (world.folder / "stderr").write_text(done.stderr)
    return {str(path.relative_to(Path.cwd())) for path in Path.cwd().rglob("*") if path.is_file()}


@pytest.mark.parametrize("options", [(), ("--", "--include=*"), ("--", "--include=*/", "--include=.envrc")])
def test_a_folder_comes_without_what_acts(world: World, options: tuple[str, ...]) -> None:
    assert get(world, "alice", "./", *options) == WANTED | {"bare/objects/x", "bare/refs/x"}


def test_all_of_it_comes_when_asked_for(world: World) -> None:
    assert get(world, "--with-tool-files", "alice", "./") >= WANTED | ACTING
    assert get(world, "--with-tool-files", "alice", ".envrc", "mine") >= {"mine"}


@pytest.mark.parametrize(
    "source", [".envrc", "bare/HEAD", "notebook/.git", "notebook/.git/", ".Git/config", "/home/jupyter/.vscode/x"]
)
def test_what_acts_is_refused_by_name_with_the_way_to_have_it(source: str) -> None:
    with pytest.raises(Refused, match=r"act on it unasked.*scripts/get --with-tool-files"):
        machine_files.arguments("get", ["alice", source], lambda path: "nothing")
    assert machine_files.arguments("get", ["alice", "head/"], lambda path: "nothing").sources == ("head/",)
    assert machine_files.arguments("put", ["alice", source], lambda path: "file").sources == (source,)


SENDER = """#!/bin/sh
exec "$PYTHON" -c '
import os, runpy, sys
# The arguments come first, each ended by a zero, all of them by another.
words = b""
while not words.endswith(bytes(2)):
    words += sys.stdin.buffer.read(1)
sys.argv = ["sender", "NAME"]
runpy.run_path(os.environ["SENDER"], run_name="__main__")
'
"""


@pytest.mark.parametrize("name", [".envrc", "HEAD", "fine"])
def test_a_machine_that_sends_it_all_the_same(world: World, name: str) -> None:
    (world.folder / "bin" / "ssh").write_text(SENDER.replace("NAME", name))
    assert get(world, "alice", "./") == set(), "this sender only offers files"
    is_rejected = "rejecting excluded file-list name" in (world.folder / "stderr").read_text()
    assert is_rejected == (name != "fine")
