"""Content whose paths change their shape between versions: file, folder, link.

The new version arrives whole, and what the user made herself stays.
"""

from __future__ import annotations

import itertools
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.content import install as installing
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError

from tests.support.content_world import Member, load_module, member, serving, tar
from tests.support.machine_home import MachineHome as Machine

content_deploy = load_module("content_deploy")

# The web server is a thread of this process, and holds no lock that the module's child would wait for.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
OTHER = "other"
"""Folder that links of the content lead to."""


def link(name: str, to: str) -> Member:
    return member(name, type=tarfile.SYMTYPE, linkname=to)


SHAPES: dict[str, tuple[Member, ...]] = {
    "file": (member("n/data", b"1"),),
    "folder": (member("n/data/x", b"x"), member("n/data/sub/y", b"y")),
    "empty folder": (member("n/data", type=tarfile.DIRTYPE),),
    # Its target holds files of the same names and texts as the folder.
    "link to a folder": (link("n/data", f"../{OTHER}"),),
    "link to a file": (link("n/data", "a"),),
    "link to nothing": (link("n/data", "gone"),),
}
CHANGES = [
    ("file", "folder"),
    ("link to nothing", "folder"),
    ("folder", "file"),
    ("folder", "link to a folder"),
    ("link to a folder", "folder"),
]
MORE = [
    ("file", "empty folder"),
    ("empty folder", "link to a file"),
    ("folder", "link to nothing"),
    ("link to a folder", "file"),
    ("link to a folder", "empty folder"),
    ("link to a file", "folder"),
    ("link to nothing", "link to a folder"),
]


def archive(shape: str, number: int) -> bytes:
    """Return a version of the content with `n/data` in this shape."""
    others = (member("n/a", f"a{number}".encode()), member(f"{OTHER}/x", b"x"), member(f"{OTHER}/sub/y", b"y"))
    return tar(*others, *SHAPES[shape], member("n/z", f"z{number}".encode()))


def tree(home: Path) -> dict[str, str | None]:
    paths = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
    return {path: installing.fingerprint(home / path) for path in paths}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with serving(b"") as server:
        yield Machine(tmp_path, server)


@pytest.fixture
def expected(tmp_path: Path) -> Callable[[bytes], dict[str, str | None]]:
    """Provide a function that returns what an untouched home holds with an archive."""

    def laid(body: bytes) -> dict[str, str | None]:
        (tmp_path / "fresh").mkdir()
        with serving(body) as server:
            fresh = Machine(tmp_path / "fresh", server)
            fresh.lay_down()
            return tree(fresh.home)

    return laid


@pytest.mark.parametrize(("before", "after"), CHANGES + MORE)
def test_the_new_shape_arrives_whole(
    before: str, after: str, machine: Machine, expected: Callable[[bytes], dict[str, str | None]]
) -> None:
    machine.publish(archive(before, 1))
    machine.lay_down()
    machine.publish(archive(after, 2))
    result = machine.lay_down()
    assert tree(machine.home) == expected(archive(after, 2))
    assert result["kept"] == []
    assert not machine.lay_down()["changed"]
    assert machine.server.answers == [200, 200, 304]


@pytest.mark.parametrize(
    ("before", "after"), [*CHANGES[:2], *(pytest.param(*change, marks=pytest.mark.long) for change in CHANGES[2:])]
)
def test_cut_off_at_any_step_the_next_run_completes(
    before: str,
    after: str,
    machine: Machine,
    expected: Callable[[bytes], dict[str, str | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine.publish(archive(before, 1))
    machine.lay_down()
    machine.publish(archive(after, 2))
    for step in itertools.count(1, 2):
        with monkeypatch.context() as patched:
            left = itertools.count(step, -1)

            def cut_off(real: Callable[..., object], left: Iterator[int] = left) -> Callable[..., object]:
                def act(*given: object, **options: object) -> object:
                    if "home" in str(given[0]) and "arriving" not in str(given[-1]) and next(left) == 0:
                        raise MachineError("cut off")
                    return real(*given, **options)

                return act

            for name in ("unlink", "rmdir", "rename", "replace", "mkdir"):
                patched.setattr(os, name, cut_off(getattr(os, name)))
            try:
                machine.lay_down()
            except MachineError as error:
                assert "cut off" in str(error)
                continue
        break
    assert step > 1
    assert tree(machine.home) == expected(archive(after, 2))
    assert not machine.lay_down()["changed"]


@pytest.mark.parametrize("after", ["file", "link to a folder", "link to nothing"])
def test_a_folder_with_the_users_own_file_stays(after: str, machine: Machine) -> None:
    machine.publish(archive("folder", 1))
    machine.lay_down()
    (machine.home / "n/data/mine").write_text("mine")
    (machine.home / "n/data/sub/y").write_text("my own y")
    machine.publish(archive(after, 2))
    assert machine.lay_down()["kept"] == ["n/data"]
    assert not machine.lay_down()["changed"]
    assert (machine.home / "n/data/mine").read_text() == "mine"
    assert (machine.home / "n/data/sub/y").read_text() == "my own y"
    assert (machine.home / "n/z").read_text() == "z2"
    # After she moved her work away the new shape comes.
    (machine.home / "n/data").rename(machine.home / "my-work")
    assert machine.lay_down()["new"] == ["n/data"]


@pytest.mark.parametrize("after", ["folder", "empty folder"])
def test_a_file_that_the_user_changed_does_not_become_a_folder(after: str, machine: Machine) -> None:
    machine.publish(archive("file", 1))
    machine.lay_down()
    (machine.home / "n/data").write_text("my own")
    machine.publish(archive(after, 2))
    for _ in range(2):
        assert "n/data" in machine.lay_down().get("kept", ["n/data"])
        assert (machine.home / "n/data").read_text() == "my own"
        assert (machine.home / "n/z").read_text() == "z2"


def test_a_link_that_the_user_laid_is_followed_as_before(machine: Machine, tmp_path: Path) -> None:
    machine.publish(archive("link to nothing", 1))
    machine.lay_down()
    (tmp_path / "elsewhere").mkdir()
    (machine.home / "n/data").unlink()
    (machine.home / "n/data").symlink_to(tmp_path / "elsewhere")
    machine.publish(archive("folder", 2))
    assert machine.lay_down()["kept"] == ["n/data"]
    assert (machine.home / "n/data").is_symlink() and (tmp_path / "elsewhere/sub/y").read_text() == "y"
