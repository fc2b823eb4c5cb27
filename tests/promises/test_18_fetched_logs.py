"""Test promise 18: fetched logs are regular files inside logs/<user>.

They have mode 0600 and are bounded in size.
"""

from __future__ import annotations

import shlex
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile import raw_control_characters, replaced
from tests.support.workshop import ROOT, Workshop

SESSIONS = "/home/jupyter/.iventure_logs"
FETCH = "-l ws-3 fetch_logs.yml"
TREE = rf"""
mkdir -p {SESSIONS}; cd {SESSIONS}
echo honest > honest.json
ln -s /etc/shadow link; ln -s / root; ln -s ../../../../../etc/passwd up
mkfifo pipe; mknod disk b 8 0; mknod null c 1 3
cp /bin/true setuid; chmod 6777 setuid
truncate -s 2T huge
mkdir -p many; (cd many; seq 3000 | xargs touch)
mkdir -p .git objects refs; echo x > .git/config; echo x > HEAD; echo x > .envrc
echo x > "$(printf 'two\nlines')"; echo x > "$(printf '\033]0;owned\007')"; echo x > -rf; echo x > '{{{{ 7*7 }}}}'
echo x > '$(touch PWNED)'; echo x > "$(printf 'x%.0s' $(seq 250))"
here=$PWD; for i in $(seq 60); do mkdir deep; cd deep; done; echo x > bottom; cd "$here"
touch -d '2290-01-01' honest.json
chown -Rh jupyter: . ; chmod 4755 setuid
"""


@pytest.fixture(autouse=True)
def hostile(workshop: Workshop) -> Iterator[None]:
    """Make a hostile folder of session logs on ws-3; remove it afterwards."""
    shutil.rmtree(workshop.state / "logs/ws-3", ignore_errors=True)
    workshop.on_machine("ws-3", f"rm -rf {SESSIONS}\n{TREE}")
    yield
    workshop.on_machine("ws-3", f"rm -rf {SESSIONS}")
    shutil.rmtree(workshop.state / "logs/ws-3", ignore_errors=True)


def bystanders(workshop: Workshop) -> dict[str, float]:
    """Return every file of the state outside logs/ and the time of its change."""
    paths = (path for path in workshop.state.rglob("*") if "logs" not in path.relative_to(workshop.state).parts)
    return {str(path): path.lstat().st_mtime for path in paths}


def assert_harmless(folder: Path) -> None:
    """Fail unless `folder` holds only plain files and folders of ours.

    Their names must be plain, and their sizes within the bounds.
    """
    total = 0
    for path in folder.rglob("*"):
        status = path.lstat()
        assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode), path
        assert stat.S_IMODE(status.st_mode) == (0o700 if stat.S_ISDIR(status.st_mode) else 0o600), path
        assert stat.S_ISDIR(status.st_mode) or status.st_nlink == 1
        assert path.name.isprintable() and not path.name.startswith("-")
        assert status.st_mtime <= time.time() + 1
        total += status.st_size
    assert total <= 1 << 30


def test_a_hostile_tree(workshop: Workshop) -> None:
    before = bystanders(workshop)
    result = workshop.play(FETCH)
    assert result.status == 0, result.text
    here = workshop.state / "logs/ws-3"
    assert_harmless(here)
    names = {path.name for path in (here / "sessions").iterdir()}
    assert names == {"honest.json", "setuid", "many", "{{ 7*7 }}", "$(touch PWNED)"}
    assert (here / "sessions/honest.json").read_text() == "honest\n"
    assert "left out" in result.text and raw_control_characters(result) == set()
    assert bystanders(workshop) == before and not (workshop.root / "PWNED").exists()
    assert not list((workshop.state / "logs/.incoming").glob("ws-3"))


def test_more_files_than_anybody_needs(workshop: Workshop) -> None:
    workshop.on_machine("ws-3", f"cd {SESSIONS}/many; seq -f 'more-%g' 12000 | xargs touch; chown -R jupyter: .")
    result = workshop.play(FETCH)
    assert result.status != 0
    assert any("10000 files and folders" in line for line in result.text.splitlines() if line.startswith("FAILED ws-3"))
    assert_harmless(workshop.state / "logs/ws-3")
    assert sum(1 for _ in (workshop.state / "logs/ws-3").rglob("*")) <= 10_000


def test_a_folder_of_logs_that_is_a_link_to_roots_files(workshop: Workshop) -> None:
    workshop.on_machine("ws-3", f"rm -rf {SESSIONS}; install -d -m 700 /root/secret; echo x > /root/secret/key")
    workshop.on_machine("ws-3", f"ln -s /root/secret {SESSIONS}; ln -s /root/secret /home/jupyter/.hidden")
    workshop.play(FETCH)
    assert not list((workshop.state / "logs/ws-3").rglob("key")), "the user had root read for her what she may not"
    workshop.on_machine("ws-3", "rm -rf /root/secret /home/jupyter/.hidden")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../../../../ws-1/sessions/escaped", "unsafe pathname"),
        ("/tmp/probcomp-escaped", "unsafe pathname"),
        (r"\x1b]0;owned\x07", "rsync ended"),
    ],
    ids=["parent", "absolute", "escape"],
)
def test_an_rsync_that_sends_what_nobody_asked_for(workshop: Workshop, name: str, words: str) -> None:
    sender = (ROOT / "tests/support/hostile_sender.py").read_text().replace("sys.argv[1:]", repr([name]))
    with replaced(workshop, "ws-3", "/usr/bin/rsync", f"#!/usr/bin/python3\n{sender}"):
        result = workshop.play(FETCH)
    assert result.status != 0
    assert any(words in line for line in result.text.splitlines() if line.startswith("FAILED ws-3")), result.text
    assert "io timeout" not in result.text, "it sent nothing at all, and that is another test"
    assert raw_control_characters(result) == set() and "Traceback" not in result.text
    assert not list(workshop.state.rglob("escaped")) and not Path("/tmp/probcomp-escaped").exists()
    assert_harmless(workshop.state / "logs")


@pytest.mark.parametrize(
    "script",
    [
        "head -c 3000000 /dev/urandom",
        r"printf '\033]0;owned\007\033[31m{{ lookup(%s) }}\n%.0s' $(seq 5000) >&2; exit 44",
    ],
    ids=["garbage", "escapes"],
)
def test_an_rsync_that_says_anything(workshop: Workshop, script: str) -> None:
    with replaced(workshop, "ws-3", "/usr/bin/rsync", f"#!/bin/bash\n{script}\n"):
        start = time.monotonic()
        result = workshop.play(FETCH, timeout=300)
    assert time.monotonic() - start < 200
    assert "ws-3" in result.text, "the command did not even begin"
    assert raw_control_characters(result) == set() and "Traceback" not in result.text
    assert len(result.text) < 20_000
    assert_harmless(workshop.state / "logs")


def test_a_sudo_that_lies(workshop: Workshop) -> None:
    words = shlex.quote("#!/bin/sh\nprintf '\\033[2Jowned'\nexit 0\n")
    with replaced(workshop, "ws-3", "/usr/bin/sudo", shlex.split(words)[0]):
        result = workshop.play(FETCH)
    assert result.status != 0 and "FAILED ws-3" in result.text
    assert raw_control_characters(result) == set()
