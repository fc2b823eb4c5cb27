"""`make setup` on systems that have other programs than Debian."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.support import ROOT

PROGRAMS = ("bash", "cat", "cut", "dirname", "sed", "mv", "chmod", "perl")


def test_a_finished_setup_is_known_without_sha256sum(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(shutil.which(name) or name)
    # macOS has this one; on Debian it belongs to perl.
    (programs / "shasum").symlink_to(shutil.which("shasum") or "/usr/bin/shasum")
    clone = tmp_path / "it's 100% mine"
    (clone / "scripts").mkdir(parents=True)
    (clone / ".venv").mkdir()
    shutil.copy(ROOT / "scripts/setup", clone / "scripts/setup")
    (clone / "requirements.txt").write_text("uv==1\n")
    (clone / ".venv/lock-id").write_text(hashlib.sha256(b"uv==1\n").hexdigest() + "\n")
    done = subprocess.run(
        [clone / "scripts/setup"], env={"PATH": str(programs)}, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (clone / ".venv/lock-id").exists(), "nothing was made anew"
