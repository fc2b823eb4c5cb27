"""Files from a machine do nothing by themselves.

No repository comes, and no file that a shell or an editor runs on sight.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.logs.summary import table
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.acting_files import ACTING, acts, rsync_filters

from tests.support.content_world import load_module
from tests.support.log_world import World, with_two_logs

NAMES = (
    *(
        ".envrc",
        ".ENVRC",
        ".env",
        ".env.local",
        ".hg",
        ".Svn",
        ".dir-locals.el",
        ".dir-locals-2.el",
        ".exrc",
        ".nvimrc",
    ),
    *(".lvimrc", ".tool-versions", ".mise.toml", "mise.toml", ".autoenv.zsh", ".htaccess", "lab.code-workspace"),
)
FOLDERS = (".vscode", ".VSCode", ".idea", ".direnv", ".helix", ".devcontainer")
HARMLESS = ("Makefile", ".editorconfig", ".gitignore", "HEAD.txt", "headers", "env", "git", "vscode", ".bashrc", "mise")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return with_two_logs(tmp_path, monkeypatch)


def plant(there: Path) -> Path:
    """Make repositories and files in `there` that run a program on sight.

    Return the path of the mark that the program leaves.
    """
    program = there.parent / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {program}.ran\n")
    program.chmod(0o755)
    for folder, options in (("own", ()), ("bare", ("--bare",)), ("deep/in/it", ("--bare",))):
        git("init", "-q", *options, str(there / folder))
        with (there / folder / ("config" if options else ".git/config")).open("a") as config:
            config.write(f"[core]\n\tbare = false\n\tworktree = {there}\n\tfsmonitor = {program}\n")
        for needed in ("objects", "refs"):
            (there / folder / ("" if options else ".git") / needed / "file").write_text("x")
    (there / "pointed").mkdir()
    (there / "pointed" / ".git").write_text("gitdir: ../bare\n")
    (there / "own" / ".git").rename(there / "own" / ".git-later")
    (there / "own" / ".git-later").rename(there / "own" / ".GiT")
    git("init", "-q", str(there / "second"))
    (there / "second" / ".git" / "config").write_text(f"[core]\n\tfsmonitor = {program}\n")
    for name in (*NAMES, *HARMLESS):
        (there / name).write_text("x")
    for name in FOLDERS:
        (there / name).mkdir()
        (there / name / "tasks.json").write_text("x")
    (there / "a" / "head").mkdir(parents=True)
    (there / "a" / "head" / "page").write_text("x")
    return Path(f"{program}.ran")


def git(*words: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", *words], env=environment, capture_output=True, check=False)


def look_at(folder: Path, mark: Path) -> None:
    """Ask for git's status in each folder, as a prompt does, and expect no mark."""
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        git("-C", str(place), "status")
        assert not mark.exists(), f"git ran the machine's program in {place}"


def assert_left_out(folder: Path, mark: Path) -> None:
    look_at(folder, mark)
    names = {path.name for path in folder.rglob("*")}
    assert not names & {*NAMES, *FOLDERS, ".git", ".GiT", "HEAD"}
    assert {*HARMLESS, "head", "page", "two.json"} <= names


def test_the_attack_is_one(world: World) -> None:
    mark = plant(world.there)
    git("-C", str(world.there / "second"), "status")
    assert mark.exists()
    mark.unlink()
    git("-C", str(world.there / "bare"), "status")
    assert mark.exists(), "a folder with HEAD, objects and refs is a repository"


def test_fetched_logs_do_nothing_and_what_was_left_out_is_said(world: World) -> None:
    mark = plant(world.there)
    fetched = world.fetch()
    assert fetched.problems == []
    assert_left_out(world.here, mark)
    left_out = [line.removesuffix(": programs act on it unasked") for line in fetched.new.skipped]
    assert {"sessions/'bare/HEAD'", "sessions/'second/.git'", "sessions/'pointed/.git'"} <= set(left_out)
    assert len([name for name in left_out if ".git" in name]) == 2, "a folder is named once"
    (line,) = [line for line in table([fetched], time.time()) if "left out" in line]
    assert line.endswith(f"; and {len(left_out) - 5} more")


def test_a_repository_does_not_come_in_parts(world: World) -> None:
    mark = plant(world.there)
    (world.there / "bare" / "HEAD").rename(world.there / "bare" / "later")
    world.fetch()
    (world.there / "bare" / "later").rename(world.there / "bare" / "HEAD")
    world.fetch()
    assert (world.here / "bare" / "objects" / "file").exists()
    look_at(world.here, mark)


def test_shared_logs_have_none(world: World, tmp_path: Path) -> None:
    mark = plant(world.there)
    module = load_module("share_logs")
    share = module.Share("rsync", world.there, f"whole:{tmp_path}/lab", "", 30)
    copied = share.copy(dry=False)
    assert_left_out(tmp_path / "lab", mark)
    assert copied.files and share.copy(dry=True).files == 0, "what is left out does not count as missing"


@pytest.mark.parametrize(
    "name", [".git", ".GIT", ".git. ", "git~1", "HEAD", "head", ".EnvRC", "mise.local.toml", "_vimrc"]
)
def test_case_and_dots_do_not_count(name: str) -> None:
    assert acts(name)


@pytest.mark.parametrize("name", [*HARMLESS, "header", "git.txt", ".gitattributes", "notebook.ipynb", "2026-01-01.log"])
def test_what_programs_must_be_called_for_may_come(name: str) -> None:
    assert not acts(name) and not acts("HEAD", is_folder=True)


def test_the_filters_of_rsync_are_the_same_list() -> None:
    assert len(rsync_filters()) == len(ACTING) + 2 and all(name == name.lower() for name in ACTING)
