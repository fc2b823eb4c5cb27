"""Names and places in archives as people make them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.content.archive import unpack
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError

from tests.support.content_world import member, serving, tar
from tests.support.hostile_archives import MIB, ONE
from tests.support.machine_home import MachineHome as Machine

# The web server is a thread of this process, and holds no lock that the module's child would wait for.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with serving(ONE) as server:
        yield Machine(tmp_path, server)


NAMES = (
    "Screenshot 2026-01-05 at 9.41.00\u202fAM.png",
    "a\u00a0b",
    "\u8cc7\u6599\u3000\uff11",
    "\U0001f469\u200d\U0001f4bb.ipynb",
    "\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "u\u0308ber",
    "soft\u00adhyphen\ufeff",
    "\U0001fae9 newer than Python 3.10",
)


def test_names_that_people_give(machine: Machine) -> None:
    machine.publish(tar(*(member(f"notebook/{name}", b"1") for name in NAMES)))
    machine.lay_down()
    assert sorted(path.name for path in (machine.home / "notebook").iterdir()) == sorted(NAMES)
    assert not machine.lay_down()["changed"]


def test_what_macos_adds_is_left_out(machine: Machine) -> None:
    added = ("._notebook", "notebook/._a", "__MACOSX/notebook/._a", "notebook/.DS_Store", "__MACOSX/b")
    machine.publish(tar(*(member(name, b"1") for name in ("notebook/a", *added, "notebook/.keep"))))
    assert machine.lay_down()["new"] == ["notebook/.keep", "notebook/a"]
    assert sorted(machine.texts()) == ["notebook/.keep", "notebook/a"]


@pytest.mark.parametrize("folder", ["course", "notebook"])
def test_a_folder_around_all_takes_nothing_from_the_homes(folder: str, machine: Machine) -> None:
    machine.lay_down()
    before = machine.texts()
    machine.publish(tar(member(f"{folder}/notebook/a", b"a2"), member(f"{folder}/gen/install.sh", b"i2")))
    with pytest.raises(MachineError, match="where nobody looks"):
        machine.lay_down()
    assert machine.texts() == before


def test_other_layouts_are_admitted(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "notebook/notebook/a", "data/notebook", "notebook/x/gen/install.sh")):
        archive, target = tmp_path / "a.tgz", tmp_path / str(number)
        target.mkdir()
        archive.write_bytes(tar(member(name, b"x")))
        assert name in unpack(archive, target, MIB)
