"""rsync with bounds, and the refused versions of it."""

import gzip
import subprocess
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.rsync import NoRsync, bounded, require_rsync

OF_2024 = [f"CVE-2024-{number}" for number in (12084, 12085, 12086, 12087, 12088, 12747)]
OF_2026 = ["CVE-2026-70458", "CVE-2026-70461"]


def test_files_beyond_the_bound_cannot_be_written(tmp_path: Path) -> None:
    command = bounded(["head", "-c", "5000000", "/dev/zero"], 1_000_000)
    with (tmp_path / "file").open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, check=False)
    assert done.returncode != 0
    assert (tmp_path / "file").stat().st_size <= 1_000_512


@pytest.mark.parametrize(
    ("version", "changelog", "is_safe"),
    [
        ("rsync  version 3.5.0  protocol version 32", "", True),
        ("rsync  version 3.10.1  protocol version 32", "", True),
        ("rsync  version 3.4.1  protocol version 32", "", False),
        ("rsync  version 3.4.1  protocol version 32", "CVE-2024-12084", False),
        ("rsync  version 3.4.1  protocol version 32", "CVE-2026-53798 (a lesser one of the same audit)", False),
        ("rsync  version 3.4.1  protocol version 32", "CVE-2026-70458", False),
        ("rsync  version 3.4.1  protocol version 32", " ".join(OF_2026), True),
        ("rsync  version 3.2.7  protocol version 31", " ".join(OF_2026), False),
        ("rsync  version 3.2.7  protocol version 31", " ".join(OF_2024), False),
        ("rsync  version 3.2.7  protocol version 31", " ".join([*OF_2024[1:], *OF_2026]), False),
        ("rsync  version 3.2.7  protocol version 31", " ".join([*OF_2024[1:], *OF_2026, OF_2024[0] + "1"]), False),
        ("rsync  version 3.2.7  protocol version 31", ", ".join([*OF_2024, *OF_2026]), True),
        ("openrsync: protocol version 29, rsync version 2.6.9 compatible", "", False),
    ],
)
def test_an_rsync_with_known_holes_is_refused(
    tmp_path: Path, version: str, changelog: str, is_safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "other"
    programs.mkdir()
    (programs / "rsync").write_text(f"#!/bin/sh\necho '{version}'\n")
    (programs / "rsync").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin")
    (programs / "changelog.Debian.gz").write_bytes(gzip.compress(changelog.encode()))
    if is_safe:
        assert require_rsync(True, programs, programs / "rsync") == str(programs / "rsync")
    else:
        with pytest.raises(NoRsync, match=r"upgrade the package rsync"):
            require_rsync(True, programs, programs / "rsync")
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    with pytest.raises(NoRsync, match="install the package rsync"):
        require_rsync(False)
