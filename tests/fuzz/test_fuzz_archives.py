"""Archives: content that is laid down on machines, and homes that machines send."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import tarfile
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.probcomp.stack.plugins.module_utils.backup import tar_check
from ansible_collections.probcomp.stack.plugins.module_utils.content.archive import FOLDER, LINK, unpack
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError
from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.values import TEXT
from tests.support.content_world import Member, member, tar

LARGEST = 1 << 13
TYPES = [tarfile.REGTYPE] * 4 + [tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE]
TYPES += [tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, b"Z"]
PARTS = st.sampled_from(["a", "b", "c", "..", ".", "", "._a", ".git", "a" * 300, "\xa0", "é"]) | TEXT
PATHS = st.lists(PARTS, max_size=4).map("/".join) | st.sampled_from(["a", "a/b", "../out", "/tmp/fuzz-out"])


@st.composite
def members(draw: Callable[..., object]) -> Member:
    """Return a member of any kind."""
    kind = draw(st.sampled_from(TYPES))
    data = b"x" * draw(st.sampled_from([0, 1, 600, 4500])) if kind == tarfile.REGTYPE else b""  # type: ignore[operator]
    settings = {"type": kind, "linkname": draw(PATHS), "mode": draw(st.sampled_from([0o644, 0o6777, 0, 0o1000]))}
    if headers := draw(
        st.dictionaries(
            st.sampled_from(["path", "linkpath", "mtime", "size", "uid", "GNU.sparse.map", "GNU.sparse.major"]),
            PATHS | st.sampled_from(["nan", "inf", "-1", "1e30", "1,2", "1"]),
            max_size=1,
        )
    ):
        settings["pax_headers"] = headers
    return member(str(draw(PATHS)).replace("\ud800", ""), data, **settings)


def _written(made: list[Member], packing: str) -> bytes:
    try:
        return tar(*made, mode=packing)
    except (ValueError, OverflowError):
        return b""  # tarfile itself writes no such archive.


@st.composite
def spoilt(draw: Callable[..., object]) -> bytes:
    """Return an archive with some bytes changed, also in headers.

    Its headers then say what no program writes.
    """
    data = bytearray(_written(draw(st.lists(members(), max_size=3)), "w"))  # type: ignore[arg-type]
    for place, value in draw(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=4)):  # type: ignore[attr-defined]
        if place < len(data):
            data[place] = value
    for start in range(0, len(data) - 512, 512) if draw(st.booleans()) else ():
        # The checksum fits again, so that the damage is looked at.
        block = bytes(data[start : start + 512])
        if block[257:262] == b"ustar":
            total = 256 + sum(block[:148]) + sum(block[156:])
            data[start + 148 : start + 156] = b"%06o\0 " % total
    return bytes(data) if draw(st.booleans()) else gzip.compress(bytes(data), 1)


ARCHIVES = st.one_of(
    st.builds(_written, st.lists(members(), max_size=4), st.sampled_from(["w", "w:gz"])),
    spoilt(),
    st.binary(max_size=50),
)


@contextmanager
def world() -> Iterator[Path]:
    """Provide a folder with an empty `target` and a file beside it."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    (folder / "target").mkdir()
    (folder / "out").write_text("beside")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _with_header(name: str, value: str, **settings: object) -> bytes:
    return tar(member("a", b"", pax_headers={name: value}, **settings), mode="w")


@given(ARCHIVES)
@example(_with_header("mtime", "inf"))
@example(_with_header("mtime", "nan"))
@example(_with_header("mtime", "1e30"))
@example(_with_header("linkpath", "a\0b", type=tarfile.SYMTYPE))
@example(tar(member("a/" * 2100 + "b", b"1")))
@example(tar(member("a", type=tarfile.SYMTYPE)))
def test_content(archive: bytes) -> None:
    with world() as folder:
        (folder / "archive").write_bytes(archive)
        try:
            found = unpack(folder / "archive", folder / "target", LARGEST)
        except MachineError as error:
            assert str(error).isprintable()
            found = None
        assert {path.name for path in folder.iterdir()} == {"archive", "out", "target"}
        assert (folder / "out").read_text() == "beside" and not Path("/tmp/fuzz-out").exists()
        there: dict[str, os.stat_result] = {}
        for path, folders, files in os.walk(folder / "target"):
            for name in (*folders, *files):
                there[os.path.relpath(os.path.join(path, name), folder / "target")] = os.lstat(os.path.join(path, name))  # noqa: PTH118
        total = 0
        for name, status in there.items():
            assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode), name
            assert not {unicodedata.category(letter) for letter in name} & {"Cc", "Cs", "Zl", "Zp"}, ascii(name)
            assert not {"\u202e", "\u2066", "\u200f"} & set(name), ascii(name)
            if stat.S_ISLNK(status.st_mode):
                real = os.path.realpath(folder / "target" / name)
                assert real == str(folder / "target") or real.startswith(f"{folder}/target/"), name
            elif stat.S_ISREG(status.st_mode):
                assert stat.S_IMODE(status.st_mode) in (0o644, 0o755) and status.st_nlink == 1
                total += status.st_size
        assert total <= LARGEST
        if found is not None:
            assert any(value != FOLDER for value in found.values()), "no file"
            for name, value in found.items():
                mode = there[name].st_mode
                assert (value == FOLDER) == stat.S_ISDIR(mode) and value.startswith(LINK) == stat.S_ISLNK(mode)


HOMES = ARCHIVES | st.builds(lambda data, cut: gzip.compress(data, 1)[: -cut or None], ARCHIVES, st.integers(0, 30))


@given(HOMES)
def test_homes(archive: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(archive)
        file.flush()
        try:
            count = tar_check.count_members(Path(file.name), time.monotonic() + 60)
        except tar_check.DamagedArchive as error:
            assert str(error).isprintable() and len(str(error)) < 300
            return
    assert 0 < count <= len(gzip.decompress(archive)) // 512
