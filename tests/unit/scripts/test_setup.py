"""`make setup`: one group of packages after the other, also not on Debian.

Other systems have other programs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

PROGRAMS = ("bash", "cat", "cut", "dirname", "sed", "mv", "chmod", "perl")
LOCKS = ("requirements.txt", "requirements-rehearse.txt", "requirements-test.txt")
UV = Path(sys.executable).parent / "uv"


def mark(*locks: Path) -> str:
    """Return what .venv/lock-id has when `locks` are installed."""
    return "".join(f"{hashlib.sha256(lock.read_bytes()).hexdigest()}  {lock.name}\n" for lock in locks)


def checkout(folder: Path, *scripts: str) -> Path:
    (folder / "scripts").mkdir(parents=True)
    for name in ("setup", *scripts):
        shutil.copy(ROOT / "scripts" / name, folder / "scripts" / name)
    return folder


def set_up(clone: Path, group: str) -> subprocess.CompletedProcess[str]:
    """Run setup where there is no Python, as on macOS where sha256sum is missing."""
    programs = clone / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(shutil.which(name) or name)
    # macOS has this one; on Debian it belongs to perl.
    (programs / "shasum").symlink_to(shutil.which("shasum") or "/usr/bin/shasum")
    return subprocess.run(
        [clone / "scripts/setup", group],
        env={"PATH": str(programs), "HOME": str(clone)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Make a checkout with locks, and a .venv that has all groups."""
    folder = checkout(tmp_path / "it's 100% mine")
    (folder / ".venv").mkdir()
    for name in LOCKS:
        (folder / name).write_text(f"# {name}\nuv==1\n")
    (folder / ".venv/lock-id").write_text(mark(*(folder / name for name in LOCKS)))
    return folder


@pytest.mark.parametrize(
    ("group", "changed"), [("operate", ""), ("rehearse", ""), ("test", ""), ("operate", "requirements-test.txt")]
)
def test_what_is_there_is_known(clone: Path, group: str, changed: str) -> None:
    if changed:
        (clone / changed).write_text("other\n")
    done = set_up(clone, group)
    assert (done.returncode, done.stderr) == (0, "")
    assert (clone / ".venv/lock-id").exists(), "nothing was made anew"


@pytest.mark.parametrize(
    ("group", "changed"),
    [("operate", "requirements.txt"), ("test", "requirements.txt"), ("test", "requirements-rehearse.txt")],
)
def test_other_versions_are_installed_anew(clone: Path, group: str, changed: str) -> None:
    (clone / changed).write_text("other\n")
    assert "needs Python 3.12 or later" in set_up(clone, group).stderr


def test_a_venv_from_before_the_groups_is_made_anew(clone: Path) -> None:
    whole = hashlib.sha256((clone / "requirements.txt").read_bytes()).hexdigest()
    (clone / ".venv/lock-id").write_text(whole + "\n")
    assert "needs Python 3.12 or later" in set_up(clone, "operate").stderr


def test_an_unknown_group_is_named(clone: Path) -> None:
    done = set_up(clone, "tests")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "setup: no such group: tests (operate, rehearse or test)\n"


class SmallClone:
    """A checkout whose locks name small packages in a folder.

    Its uv hands on to the real one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = checkout(folder / "clone", "rehearsal")
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        uv = f'#!/bin/sh\nexec "{UV}" "$@"\n'
        self._lines = {
            name: self._wheel(name, **{path: text})
            for name, path, text in (
                ("uv", "uv-1.data/scripts/uv", uv),
                ("tool", "tool.py", ""),
                ("cloud", "cloud.py", "NAME = 'cloud'\n"),
                ("own", "own.py", ""),
            )
        }
        self.lock("requirements.txt", "uv", "tool")
        self.lock("requirements-rehearse.txt", "uv", "tool", "cloud")
        # In the rehearsal's place: it imports what an operator lacks.
        (self.folder / "rehearsal/cli").mkdir(parents=True)
        (self.folder / "rehearsal/cli/__main__.py").write_text("import cloud\nprint(cloud.NAME)\n")

    def _wheel(self, name: str, **files: str) -> str:
        """Write a wheel of `files`, and return its line of a lock."""
        path = self.wheels / f"{name}-1-py3-none-any.whl"
        about = f"{name}-1.dist-info/"
        files |= {
            f"{about}METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
            f"{about}WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{about}RECORD": "",
        }
        with zipfile.ZipFile(path, "w") as archive:
            for inner, text in files.items():
                info = zipfile.ZipInfo(inner)
                info.external_attr = (stat.S_IFREG | 0o755) << 16
                archive.writestr(info, text)
        return f"{name}==1 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"

    def lock(self, file: str, *names: str) -> None:
        (self.folder / file).write_text("".join(self._lines[name] for name in names))

    def run(self, *words: str | Path) -> tuple[int, str, str]:
        offline = {"PIP_NO_INDEX": "1", "UV_NO_INDEX": "1", "UV_NO_CACHE": "1"}
        links = {"PIP_FIND_LINKS": str(self.wheels), "UV_FIND_LINKS": str(self.wheels)}
        environment = {**os.environ, **offline, **links, "PYTHON": sys.executable}
        done = subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        return done.returncode, done.stdout, done.stderr

    def packages(self) -> set[str]:
        (place,) = self.folder.glob(".venv/lib/python3*/site-packages")
        # pip is there from the beginning, and uv leaves it.
        return {path.name.partition("-")[0] for path in place.glob("*.dist-info")} - {"pip"}


@pytest.mark.slow
def test_what_a_command_needs_is_added_and_nothing_taken_away(tmp_path: Path) -> None:
    """Half of its time is Python's, which makes a virtual environment."""
    clone = SmallClone(tmp_path)
    status, _, said = clone.run("scripts/setup")
    assert status == 0, said
    assert clone.packages() == {"uv", "tool"}, "what the group names and no more"
    assert clone.run("scripts/setup") == (0, "", "")
    python, own = clone.folder / ".venv/bin/python", clone.wheels / "own-1-py3-none-any.whl"
    subprocess.run([UV, "pip", "install", "--quiet", "--no-index", "--python", python, own], check=True, timeout=60)

    # Its package cannot be had: the operator's commands go on, and nothing is installed anew.
    wheel = clone.wheels / "cloud-1-py3-none-any.whl"
    wheel.rename(tmp_path / wheel.name)
    status, _, said = clone.run("scripts/rehearsal", "up")
    assert status != 0 and "cloud" in said and "Traceback" not in said
    assert clone.run("scripts/setup") == (0, "", "")
    # A run was ended in the middle: there is a package without its module.
    (tmp_path / wheel.name).rename(wheel)
    (place,) = clone.folder.glob(".venv/lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place, [name for name in archive.namelist() if ".dist-info/" in name])
    status, printed, said = clone.run("scripts/rehearsal", "env")
    assert (status, printed) == (0, "cloud\n"), said
    assert clone.packages() == {"uv", "tool", "cloud", "own"}
    assert clone.run("scripts/rehearsal", "env") == (0, "cloud\n", "")
    assert clone.run("scripts/setup") == (0, "", "")
    assert clone.packages() == {"uv", "tool", "cloud", "own"}
