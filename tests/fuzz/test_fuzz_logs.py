"""Any files from a machine: only plain ones are kept, below their folder.

Their names and types are arbitrary.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from ansible_collections.probcomp.stack.plugins.module_utils.logs import folder, summary
from ansible_collections.probcomp.stack.plugins.module_utils.logs.fetch import Fetched, skipped_there
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.acting_files import acts
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.values import TEXT, assert_line

BOUNDS = folder.Bounds(file_bytes=2000, bytes=5000, entries=7)
ACTING = [
    ".git",
    ".GIT",
    "HEAD",
    "head",
    ".envrc",
    ".EnvRC",
    ".vscode",
    "git~1",
    ".git. ",
    "mise.toml",
    "x.code-workspace",
]
PARTS = st.sampled_from(["a", "b", "log.json", "-rf", "~x", "a" * 250, "{{ 7*7 }}", *ACTING]) | TEXT
KINDS = ["file"] * 5 + ["folder", "link out", "link in", "pipe", "two names", "set-uid"]
ENTRIES = st.lists(
    st.tuples(st.lists(PARTS, min_size=1, max_size=3), st.sampled_from(KINDS), st.sampled_from([0, 10, 1999, 3000])),
    max_size=4,
)


def make(arrived: Path, parts: list[str], kind: str, size: int) -> None:
    """Make an entry as a hostile rsync might.

    What the file system refuses is left out.
    """
    path = os.fsencode(arrived)
    for part in parts:
        name = part.encode("utf-8", "surrogatepass").replace(b"\0", b"").replace(b"/", b"")
        path = os.path.join(path, name or b"x")  # noqa: PTH118 (names of bytes)
        if name in (b".", b".."):
            return
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 (names of bytes)
        if kind == "folder":
            os.mkdir(path)  # noqa: PTH102 (names of bytes)
        elif kind.startswith("link"):
            os.symlink("../../out" if kind == "link out" else "a", path)  # noqa: PTH211 (names of bytes)
        elif kind == "pipe":
            os.mkfifo(path)
        elif not os.path.lexists(path):
            with open(path, "wb") as stream:  # noqa: PTH123 (names of bytes)
                stream.write(b"y" * size)
                os.fchmod(stream.fileno(), 0o6777 if kind == "set-uid" else 0o600)
            os.utime(path, (2**33, 2**33))
            if kind == "two names":
                os.link(path, path + b"2")
    except OSError:
        return


def assert_plain(logs: Path, now: float) -> None:
    """Fail unless `logs` has only what may lie there."""
    total = entries = 0
    for place, folders, files in os.walk(logs):
        for name in (*folders, *files):
            status = (Path(place) / name).lstat()
            assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
            is_folder = stat.S_ISDIR(status.st_mode)
            assert stat.S_IMODE(status.st_mode) == (0o700 if is_folder else 0o600)
            assert is_folder or status.st_nlink == 1
            assert status.st_mtime <= now + 1
            assert not folder.name_problem(name) and not acts(name, is_folder)
            assert not name.startswith(("-", "~")) and name.splitlines() == [name]
            total, entries = total + (0 if is_folder else status.st_size), entries + 1
    assert total <= BOUNDS.bytes and entries <= BOUNDS.entries


@given(ENTRIES, ENTRIES, TEXT)
def test_what_is_taken_over(
    first: list[tuple[list[str], str, int]], again: list[tuple[list[str], str, int]], printed: str
) -> None:
    root, now = Path(tempfile.mkdtemp(prefix="fuzz-")), time.time()
    here = root / "logs/alice"
    try:
        here.mkdir(parents=True, mode=0o700)
        (root / "out").write_text("beside")
        for number, entries in enumerate((first, again)):
            arrived = root / f"arrived-{number}"
            arrived.mkdir()
            for parts, kind, size in entries:
                make(arrived, parts, kind, size)
            before = folder.measure(here)
            taken = folder.take(arrived, here / "sessions", folder.measure(here), BOUNDS, "20300101T000000Z", now)
            assert_plain(here, now)
            after = folder.measure(here)
            assert after.files >= before.files, "nothing is ever deleted"
            fetched = Fetched("alice", new=taken, content=after)
            taken.skipped += skipped_there(printed)
            for line in summary.table([fetched], now):
                assert_line(line, 20_000)
        assert {path.name for path in root.iterdir()} == {"logs", "out", "arrived-0", "arrived-1"}
        assert (root / "out").read_text() == "beside" and [path.name for path in here.parent.iterdir()] == ["alice"]
    finally:
        shutil.rmtree(root)


@given(PARTS)
def test_names(name: str) -> None:
    if name and not folder.name_problem(name):
        assert name.splitlines() == [name] and len(name.encode()) <= folder.LONGEST_NAME
        assert not any(sign in name for sign in "\x1b\x07\u202e\u2066\u200b\u2028\0\x9b")
