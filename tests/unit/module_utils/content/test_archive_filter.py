"""Python's own filter when content is unpacked: a second lock behind our checks.

It refuses what they would let pass.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.content.archive import _Unpacking
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError

from tests.support.content_world import Member, member, tar
from tests.support.hostile_archives import HARD, LINK, MIB


def put_unchecked(target: Path, *members: Member) -> None:
    """Write `members` below `target` by the step after our checks, without the checks."""
    archive = target.parent / "archive.tar"
    archive.write_bytes(tar(*members, mode="w"))
    with tarfile.open(archive) as opened:
        unpacking = _Unpacking(target, MIB, [])
        for found in opened:
            unpacking._put(opened, found, found.name)


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="this Python has no filter")
@pytest.mark.parametrize(
    ("name", "settings"),
    {
        "parent": ("../out", {}),
        "folder beside": ("../out", {"type": tarfile.DIRTYPE}),
        "absolute": ("{tmp_path}/out", {}),
        "link out": ("l", {"type": LINK, "linkname": "../out"}),
        "absolute link": ("l", {"type": LINK, "linkname": "/etc/passwd"}),
        "link beside": ("../out", {"type": LINK, "linkname": "a"}),
        "hard link out": ("l", {"type": HARD, "linkname": "../secret"}),
        "device": ("d", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),
        "pipe": ("p", {"type": tarfile.FIFOTYPE}),
    }.values(),
)
def test_what_our_checks_let_pass_is_refused(tmp_path: Path, name: str, settings: dict[str, Any]) -> None:
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(MachineError, match="Python refuses the archive"):
        put_unchecked(target, member(name.format(tmp_path=tmp_path), **settings))
    assert list(target.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.tar", "target"]


def test_a_link_that_was_let_pass_leads_nobody_out(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "l").symlink_to(tmp_path)
    with pytest.raises(MachineError, match="Python refuses the archive"):
        put_unchecked(target, member("l/out", b"x"))
    assert not (tmp_path / "out").exists()


def test_plain_members_pass_both_locks(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    put_unchecked(
        target, member("d", type=tarfile.DIRTYPE), member("d/a", b"1"), member("l", type=LINK, linkname="d/a")
    )
    assert (target / "l").read_bytes() == b"1"
