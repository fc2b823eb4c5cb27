"""`make setup`: one group of packages after the other, also not on Debian.

Other systems have other programs.
"""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import time
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

    def start(self, *words: str | Path, **environment: str) -> subprocess.Popen[str]:
        offline = {"PIP_NO_INDEX": "1", "UV_NO_INDEX": "1", "UV_NO_CACHE": "1"}
        links = {"PIP_FIND_LINKS": str(self.wheels), "UV_FIND_LINKS": str(self.wheels)}
        return subprocess.Popen(
            words,
            cwd=self.folder,
            env={**os.environ, **offline, **links, "PYTHON": sys.executable, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str | Path, **environment: str) -> tuple[int, str, str]:
        with self.start(*words, **environment) as process:
            printed, said = process.communicate(timeout=120)
        return process.returncode, printed, said

    def copy_to(self, folder: Path) -> SmallClone:
        other = copy.copy(self)
        other.folder, other.wheels = folder / "clone", folder / "wheels"
        shutil.copytree(self.folder, other.folder, symlinks=True, ignore=shutil.ignore_patterns(".venv.old-*", "pip"))
        shutil.copytree(self.wheels, other.wheels)
        return other

    def place(self) -> Path:
        """Return the folder of the installed packages."""
        (place,) = self.folder.glob(".venv/lib/python3*/site-packages")
        return place

    def packages(self) -> set[str]:
        # pip is there from the beginning, and uv leaves it.
        return {path.name.partition("-")[0] for path in self.place().glob("*.dist-info")} - {"pip"}


def without_roots_rights() -> tuple[str, ...]:
    """Return what to put before a command, so that also root obeys files' modes."""
    return () if os.geteuid() else ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")


@pytest.fixture(scope="module")
def made_anew(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallClone, tuple[int, str, str]]:
    """Set up beside a .venv of another lock, in a shell that has activated it.

    In it are files that nobody but another user may delete. Half of the time is Python's, which makes .venv.
    """
    clone = SmallClone(tmp_path_factory.mktemp("anew"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone.folder / ".venv"], check=True, timeout=60)
    (clone.folder / ".venv/lock-id").write_text("another  requirements.txt\n")
    (clone.place() / "of root").mkdir()
    (clone.place() / "of root/file.py").write_text("")
    (clone.place() / "of root").chmod(0o555)
    path = f"{clone.folder}/.venv/bin:{os.environ['PATH']}"
    return clone, clone.run(*without_roots_rights(), "scripts/setup", PATH=path, PYTHON="")


@pytest.mark.slow
def test_a_venv_with_files_of_another_user_is_replaced(made_anew: tuple[SmallClone, tuple[int, str, str]]) -> None:
    clone, (status, _, said) = made_anew
    assert status == 0, said
    assert clone.packages() == {"uv", "tool"}, "what the group names and no more"
    (left,) = clone.folder.glob(".venv.old-*")
    assert said.splitlines()[-1].endswith(f": sudo rm -rf {left.parent}/.venv.old-*"), said
    assert clone.run("scripts/setup") == (0, "", "")
    ignored = subprocess.run(["git", "check-ignore", "-q", left.name], cwd=ROOT, check=False, timeout=60)
    assert ignored.returncode == 0, "git does not see it"


@pytest.fixture
def clone_of_operator(made_anew: tuple[SmallClone, tuple[int, str, str]], tmp_path: Path) -> SmallClone:
    return made_anew[0].copy_to(tmp_path)


@pytest.mark.slow
def test_two_at_once_install_once(clone_of_operator: SmallClone, tmp_path: Path) -> None:
    """Begin the second while the first installs; it has no flock, as on macOS."""
    clone = clone_of_operator
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in map(Path, reversed(os.get_exec_path())):
        for name in {entry.name for entry in folder.glob("*")} - {"flock"}:
            (programs / name).unlink(missing_ok=True)
            (programs / name).symlink_to(folder / name)
    uv, calls, go_on = clone.folder / ".venv/bin/uv", tmp_path / "calls", tmp_path / "go on"
    wait = f'for i in $(seq 300); do [ -e "{go_on}" ] || sleep 0.1; done'
    uv.write_text(f'#!/bin/sh\necho "$*" >>"{calls}"\n{wait}\nexec "{UV}" "$@"\n')
    first = clone.start("scripts/setup", "rehearse")
    deadline = time.monotonic() + 60
    while not calls.exists():
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.05)
    second = clone.start("scripts/setup", "rehearse", PATH=str(programs))
    assert second.stderr is not None
    said = second.stderr.readline()
    go_on.touch()
    with first, second:
        assert (first.wait(60), second.wait(60)) == (0, 0)
    assert said == "setup: waiting for another run that installs into .venv (up to 10 minutes)\n"
    assert len(calls.read_text().splitlines()) == 1, "the second found all done"
    assert clone.packages() == {"uv", "tool", "cloud"}


@pytest.mark.slow
def test_what_a_command_needs_is_added_and_nothing_taken_away(clone_of_operator: SmallClone, tmp_path: Path) -> None:
    clone = clone_of_operator
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
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(clone.place(), [name for name in archive.namelist() if ".dist-info/" in name])
    # What is vouched for is not installed again, which may be ended in the middle, too.
    (clone.place() / "tool.py").write_text("# as it was\n")
    status, printed, said = clone.run("scripts/rehearsal", "env")
    assert (status, printed) == (0, "cloud\n"), said
    assert (clone.place() / "tool.py").read_text() == "# as it was\n"
    assert clone.packages() == {"uv", "tool", "cloud", "own"}
    assert clone.run("scripts/rehearsal", "env") == (0, "cloud\n", "")
    assert clone.run("scripts/setup") == (0, "", "")
    assert clone.packages() == {"uv", "tool", "cloud", "own"}
