"""Detection of cut, damaged and hostile archives of homes, without unpacking."""

import gzip
import io
import tarfile
import time
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.backup.tar_check import DamagedArchive, count_members


def archive(path: Path, members: int) -> bytes:
    """Return a tar in GNU's format, and write it to `path` with gzip."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number in range(members):
            member = tarfile.TarInfo(f"{'deep/' * 40}file-{number}")
            member.size = 700 * number
            tar.addfile(member, io.BytesIO(bytes(700 * number)))
    path.write_bytes(gzip.compress(buffer.getvalue()))
    return buffer.getvalue()


def test_every_cut_and_every_broken_header_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    plain = archive(path, 5)
    end = time.monotonic() + 60
    assert count_members(path, end) == 5
    whole = path.read_bytes()
    for cut in range(1, len(whole), 17):
        path.write_bytes(whole[:cut])
        with pytest.raises(DamagedArchive):
            count_members(path, end)
    path.write_bytes(b"")
    with pytest.raises(DamagedArchive):
        count_members(path, end)
    body = plain.rstrip(b"\0")
    for size in (512, 1024, len(body) // 1024 * 512):
        path.write_bytes(gzip.compress(plain[:size]))
        with pytest.raises(DamagedArchive, match="ends in the middle"):
            count_members(path, end)
    path.write_bytes(gzip.compress(b"x" + plain[1:]))
    with pytest.raises(DamagedArchive, match="no whole tar file"):
        count_members(path, end)
    path.write_bytes(gzip.compress(plain[:1000]) + gzip.compress(plain[1000:]))
    assert count_members(path, end) == 5
    with pytest.raises(DamagedArchive, match="too long"):
        count_members(path, time.monotonic() - 1)


def test_sizes_that_ask_for_memory_get_none(tmp_path: Path) -> None:
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 10**12
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))
    with pytest.raises(DamagedArchive, match="ends in the middle"):
        count_members(path, time.monotonic() + 60)
