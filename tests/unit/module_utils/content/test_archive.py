"""Promise 19: content arrives whole or not at all.

Files that the user changed are kept.
"""

from __future__ import annotations

import hashlib
import os
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.content_world import account_with, files, load_module, member, repeating, serving, tar
from tests.support.hostile_archives import HARD, HOSTILE, LINK, MIB, ONE
from tests.support.machine_home import MachineHome as Machine

content_deploy = load_module("content_deploy")
from ansible_collections.probcomp.stack.plugins.module_utils.content import download as fetching
from ansible_collections.probcomp.stack.plugins.module_utils.content.archive import unpack
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError

# The web server is a thread of this process, and holds no lock that the module's child would wait for.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
TWO = files(notebook__a="a2", notebook__b="b2", notebook__c="c2")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with serving(ONE) as server:
        yield Machine(tmp_path, server)


# These tests install content.


def test_first_and_second_time(machine: Machine) -> None:
    result = machine.lay_down()
    assert result["changed"]
    assert result["new"] == ["gen/install", "notebook/a", "notebook/b"]
    assert machine.texts() == {"notebook/a": "a1", "notebook/b": "b1", "gen/install": "i1"}
    assert result["version"] == hashlib.sha256(ONE).hexdigest()
    assert not machine.lay_down()["changed"]
    assert machine.server.answers == [200, 304]


def test_known_checksum_needs_no_network(machine: Machine) -> None:
    checksum = hashlib.sha256(ONE).hexdigest()
    machine.lay_down(checksum=checksum)
    assert not machine.lay_down(checksum=checksum)["changed"]
    assert machine.server.answers == [200]


def test_a_new_version_keeps_what_the_user_changed(machine: Machine) -> None:
    machine.lay_down()
    (machine.home / "notebook/a").write_text("my own")
    (machine.home / "notebook/mine").write_text("mine")
    machine.publish(TWO)
    result = machine.lay_down()
    assert machine.texts() == {
        "notebook/a": "my own",
        "notebook/b": "b2",
        "notebook/c": "c2",
        "notebook/mine": "mine",
    }
    assert (result["updated"], result["kept"], result["removed"]) == (["notebook/b"], ["notebook/a"], ["gen/install"])
    assert not (machine.home / "gen").exists()
    assert not machine.lay_down()["changed"]


def test_a_file_changed_long_ago_is_still_kept_two_versions_later(machine: Machine) -> None:
    machine.lay_down()
    (machine.home / "notebook/a").write_text("my own")
    for body in (TWO, files(notebook__a="a3")):
        machine.publish(body)
        machine.lay_down()
    assert machine.texts() == {"notebook/a": "my own"}


def test_a_removed_file_that_was_changed_stays(machine: Machine) -> None:
    machine.lay_down()
    (machine.home / "gen/install").write_text("my own")
    machine.publish(TWO)
    machine.lay_down()
    assert machine.texts()["gen/install"] == "my own"


def test_a_deleted_file_comes_back(machine: Machine) -> None:
    machine.lay_down()
    (machine.home / "notebook/a").unlink()
    assert machine.lay_down()["new"] == ["notebook/a"]
    assert machine.texts()["notebook/a"] == "a1"


def test_a_file_that_was_there_before_is_the_users(machine: Machine) -> None:
    (machine.home / "notebook").mkdir()
    (machine.home / "notebook/a").write_text("older than the content")
    assert machine.lay_down()["kept"] == ["notebook/a"]
    machine.publish(TWO)
    machine.lay_down()
    assert machine.texts()["notebook/a"] == "older than the content"


def test_a_folder_that_the_user_made_a_file_or_a_link(machine: Machine, tmp_path: Path) -> None:
    (machine.home / "gen").write_text("a file")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (machine.home / "notebook").symlink_to(elsewhere)
    assert set(machine.lay_down()["kept"]) == {"gen", "gen/install", "notebook"}
    assert (elsewhere / "a").read_text() == "a1"
    assert (machine.home / "gen").read_text() == "a file"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give it up")
def test_root_writes_nothing_through_a_planted_link(tmp_path: Path) -> None:
    with serving(ONE) as server:
        machine = Machine(tmp_path, server)
        victim = tmp_path / "victim"
        victim.mkdir()
        for folder in (tmp_path, *tmp_path.parents):
            folder.chmod(folder.stat().st_mode | 0o055)
        os.chown(machine.home, 65534, 65534)
        (machine.home / "notebook").symlink_to(victim)
        machine.account = account_with(machine.home, "nobody")
        with pytest.raises(MachineError, match="Permission denied"):
            machine.lay_down()
        assert list(victim.iterdir()) == []


# These tests interrupt an installation.


def test_interrupted_between_two_files(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.lay_down()
    machine.publish(TWO)

    def move_one(home: Path, staging: Path, *_: object) -> None:
        (staging / "notebook/a").replace(home / "notebook/a")
        raise OSError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(content_deploy, "install", move_one)
        with pytest.raises(MachineError, match="cut off"):
            machine.lay_down()
    assert machine.texts()["notebook/a"] == "a2"
    # A third version is out by then: the file of the second is not taken for the user's.
    machine.publish(files(notebook__a="a3", notebook__b="b3"))
    machine.lay_down()
    assert machine.texts() == {"notebook/a": "a3", "notebook/b": "b3"}


# These archives are refused, with nothing unpacked.


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(name: str, machine: Machine) -> None:
    machine.server.body, message = HOSTILE[name]
    with pytest.raises(MachineError, match=message) as raised:
        machine.lay_down()
    assert "\n" not in str(raised.value) and "\x1b" not in str(raised.value)
    assert list(machine.home.iterdir()) == []
    assert not machine.note.exists()


def test_wrong_checksum(machine: Machine) -> None:
    with pytest.raises(MachineError, match="not the one given"):
        machine.lay_down(checksum="0" * 64)
    assert list(machine.home.iterdir()) == []


@pytest.mark.parametrize("text", ["md5:abc", "sha256:", "sha256:" + "g" * 64, "0" * 63])
def test_malformed_checksum(text: str) -> None:
    with pytest.raises(MachineError, match="64 hexadecimal digits"):
        content_deploy.bare_checksum(text)


def test_too_large(machine: Machine) -> None:
    machine.server.body = os.urandom(2 * MIB)
    with pytest.raises(MachineError, match="larger than 1 MiB"):
        machine.lay_down(max_size=1)


# A good archive may hold these members.


def test_links_modes_and_times(tmp_path: Path) -> None:
    archive, target = tmp_path / "a.tgz", tmp_path / "target"
    target.mkdir()
    archive.write_bytes(
        tar(
            member("./", type=tarfile.DIRTYPE),
            member("./d/run.sh", b"x", mode=0o4755),
            member("d/data", b"y", mode=0o666),
            member("d/link", type=LINK, linkname="../d/data"),
            member("hard", type=HARD, linkname="d/data"),
            member("empty", type=tarfile.DIRTYPE),
        )
    )
    content = unpack(archive, target, MIB)
    assert content["d/link"] == "link:../d/data" and content["empty"] == "folder"
    assert [oct((target / name).stat().st_mode & 0o7777) for name in ("d/run.sh", "d/data", "hard")] == [
        "0o755",
        "0o644",
        "0o644",
    ]
    assert (target / "hard").read_bytes() == (target / "d/link").read_bytes() == b"y"
    assert (target / "d/data").stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_compressions(mode: str, tmp_path: Path) -> None:
    archive, target = tmp_path / "archive", tmp_path / "target"
    target.mkdir()
    archive.write_bytes(tar(member("a", b"1"), mode=mode))
    assert list(unpack(archive, target, MIB)) == ["a"]


def test_a_hard_link_to_a_file_that_was_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    archive, target = tmp_path / "archive", tmp_path / "target"
    target.mkdir()
    noise = random.Random(1).randbytes(20_000_000)
    archive.write_bytes(
        tar(member("a", b"ours"), member("noise", noise), member("b", type=HARD, linkname="a"), mode="w")
    )

    def change() -> None:
        with (target / "a").open("r+b") as stream:
            stream.write(b"hers")

    with repeating(account_with(tmp_path), change), pytest.raises(MachineError, match="'a' was changed while"):
        unpack(archive, target, 100 * MIB)


# These tests fetch content.


def test_missing_address_is_named_without_its_secret(machine: Machine) -> None:
    machine.server.status = 404
    with pytest.raises(MachineError, match="answers 404 Not Found") as raised:
        machine.lay_down()
    assert "secret" not in str(raised.value)
    assert machine.server.answers == [404]


@pytest.mark.parametrize("trouble", [{"status": 503}, {"cut_after": 10}])
def test_trouble_is_tried_again(trouble: dict[str, int], machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_PAUSES", (0, 0))
    for name, value in trouble.items():
        setattr(machine.server, name, value)
    with pytest.raises(MachineError, match=r"503|of [0-9]+ bytes"):
        machine.lay_down()
    assert len(machine.server.answers) == 3
    assert list(machine.home.iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "content.tgz", ""])
def test_other_schemes(url: str, machine: Machine) -> None:
    with pytest.raises(MachineError, match="no http or https"):
        machine.lay_down(url=url)


# These tests use check mode.


def test_check_mode_tells_and_touches_nothing(machine: Machine) -> None:
    def would_change() -> bool:
        return bool(content_deploy.would_change(machine.home, machine.wish(), machine.account, machine.note))

    assert would_change() and machine.texts() == {}
    machine.lay_down()
    assert not would_change()
    machine.publish(TWO)
    assert would_change() and machine.texts()["notebook/a"] == "a1"
