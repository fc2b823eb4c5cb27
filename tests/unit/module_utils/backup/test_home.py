"""Saved homes: a whole archive or none, within bounds, from hostile machines.

The connection is a fake ssh that runs the remote command here, or plays a hostile machine; the tests also check its
command line. A real ssh server carries the same command in the end-to-end test.
"""

import os
import random
import shlex
import stat
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.backup import home as backup
from ansible_collections.probcomp.stack.plugins.module_utils.backup.remote import NOT_WHOLE, archive_command

from tests.support import ROOT, ad_hoc
from tests.support.pinned import pinned_arguments

SSH = """#!/bin/bash
printf '%s\\n' "$@" > "$STANDIN/arguments"
address="${@: -2:1}"
command="${@: -1}"
case "$address" in
  whole) exec bash -c "$command" ;;
  cut) bash -c "$command" | head -c 2000 ;;
  refused) echo 'Permission denied (publickey).' >&2; exit 255 ;;
  swapped) echo 'WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!' >&2; exit 255 ;;
  silent) sleep 60 ;;
  stuck) echo beginning; sleep 60 ;;
  noisy) exec yes >&2 ;;
  endless) exec cat /dev/zero ;;
  rubbish) echo 'not an archive'; exit 0 ;;
  loud) printf '\\033]0;owned\\007\\033[31mred\\n%.0s' {1..5000} >&2; exit 3 ;;
  bomb) head -c 100000000 /dev/zero | gzip -1; exit 0 ;;
esac
"""
SUDO = """#!/bin/bash
[ "$1" = -n ] || exit 99
shift
exec "$@"
"""


SYSTEMCTL = """#!/bin/bash
echo "$*" >> "$STANDIN/units"
[ "$1" != stop ] || [ ! -e "$STANDIN/stays" ]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home with files of all types, and put the fakes on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("ssh", SSH), ("sudo", SUDO), ("systemctl", SYSTEMCTL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("STANDIN", str(tmp_path))
    (tmp_path / "pin").write_text("a key")
    folder = tmp_path / "it's a home"
    (folder / "notebook" / ("long" * 30) / ("name" * 40)).mkdir(parents=True)
    (folder / "notebook" / "data").write_bytes(random.Random(1).randbytes(300_000))
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "empty").touch()
    return folder


def save(home: Path, address: str, **limits: float) -> backup.Saved:
    """Return the result of saving the home at `address`."""
    machine = backup.Machine("alice", address, 2222, "ubuntu", "ssh.alice.stack.example.org", str(home.parent / "pin"))
    bounds = backup.Limits(
        int(limits.get("bytes", 10**9)), limits.get("seconds", 30), silence=limits.get("silence", 30)
    )
    where = backup.Home(str(home), "jupyter")
    return backup.save(machine, "/keys/lab", where, home.parent / "backups", bounds)


def test_a_whole_home_is_saved_and_can_be_unpacked(home: Path) -> None:
    saved = save(home, "whole")
    assert saved.status == "saved" and saved.bytes > 300_000
    path = Path(saved.file)
    assert path.parent == home.parent / "backups" / "alice" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with tarfile.open(path) as archive:
        names = archive.getnames()
        assert len(names) == saved.members
        content = archive.extractfile("./notebook/data")
        assert content is not None and content.read() == (home / "notebook" / "data").read_bytes()


def test_the_connection_accepts_the_pinned_key_only(home: Path) -> None:
    save(home, "whole")
    arguments = pinned_arguments(home.parent)
    # The real ssh accepts all of these arguments.
    line = ["/usr/bin/ssh", "-G", *arguments[:-2], "whole"]
    assert "stricthostkeychecking true" in subprocess.run(line, check=True, capture_output=True, text=True).stdout


def test_no_home_is_nothing_to_save_and_no_sudo_is_a_failure(home: Path) -> None:
    missing = home.parent / "none"
    machine = backup.Machine("alice", "whole", 22, "ubuntu", "x", str(home.parent / "pin"))
    limits = backup.Limits(10**6, 30)
    where = backup.Home(str(missing))
    assert backup.save(machine, "", where, home.parent / "backups", limits).status == "nothing_to_save"
    (home.parent / "bin" / "sudo").write_text("#!/bin/bash\necho 'a password is required' >&2\nexit 1\n")
    saved = save(home, "whole")
    assert saved.status == "failed" and saved.reason == "ubuntu may not use sudo there (a password is required)"
    assert not (home.parent / "backups" / "alice").exists(), "an empty folder looks like a backup"


def units(home: Path) -> list[str]:
    """Return the calls of systemctl on the machine."""
    file = home.parent / "units"
    return file.read_text().splitlines() if file.exists() else []


def test_jupyter_is_stopped_before_the_save_and_started_again_if_it_fails(home: Path) -> None:
    assert save(home, "whole").status == "saved"
    assert units(home) == ["is-active --quiet jupyter", "stop jupyter"]
    (home.parent / "units").unlink()
    (home.parent / "bin/tar").write_text("#!/bin/bash\nexit 2\n")
    (home.parent / "bin/tar").chmod(0o755)
    assert "tar ended with status 2" in save(home, "whole").reason
    assert units(home)[-1] == "start --no-block jupyter"
    (home.parent / "stays").touch()
    assert "jupyter cannot be stopped" in save(home, "whole").reason


def test_a_home_that_leads_nowhere_is_not_nothing(home: Path) -> None:
    dangling = home.parent / "dangling"
    dangling.symlink_to(home.parent / "gone")
    said = save(dangling, "whole")
    assert (said.status, said.reason[:32]) == ("failed", "the home cannot be saved whole (")
    assert "is a symbolic link that leads to no folder" in said.reason
    plain = home.parent / "plain"
    plain.touch()
    assert save(plain, "whole").status == "failed"
    unclear = subprocess.run(["bash", "-c", archive_command(f"{plain}/home", "")], capture_output=True, check=False)
    assert unclear.returncode == NOT_WHOLE and b"Not a directory" in unclear.stderr, "absence is not proved"
    linked = home.parent / "linked"
    linked.symlink_to(home)
    assert save(linked, "whole").status == "saved"


def test_a_home_that_an_account_has_is_not_nothing(home: Path) -> None:
    """Take the home of an account away, as when its disk is not mounted."""
    missing = home.parent / "jupyter"
    (home.parent / "bin/getent").write_text(f"#!/bin/bash\necho 'jupyter:x:990:990::{missing}:/bin/bash'\n")
    (home.parent / "bin/getent").chmod(0o755)
    assert "an account has it for its home" in save(missing, "whole").reason
    assert save(home.parent / "jupyte", "whole").status == "nothing_to_save"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_what_is_mounted_below_a_home_stops_the_save(home: Path) -> None:

    def save_beside(mount: Path, saved: Path) -> subprocess.CompletedProcess[bytes]:
        script = f'mount -t tmpfs none {shlex.quote(str(mount))} && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", script, "sh", "bash", "-c", archive_command(str(saved), "")]
        return subprocess.run(command, capture_output=True, check=False)

    linked, beside = home.parent / "linked", home.parent / f"{home.name}-2"
    linked.symlink_to(home)
    for folder in (home / "notebook/big disk", beside):
        folder.mkdir()
    for path in (home, linked):
        done = save_beside(home / "notebook/big disk", path)
        assert done.returncode == NOT_WHOLE and done.stdout == b"", done.stderr
        assert b"other disks are mounted below" in done.stderr and b"big\\040disk" in done.stderr
    # One beside it, with a name that begins the same, is none of it.
    done = save_beside(beside, home)
    assert done.returncode == 0, done.stderr


def test_mounts_that_cannot_be_read_stop_the_save(home: Path) -> None:
    (home.parent / "bin/awk").write_text("#!/bin/bash\nexit 2\n")
    (home.parent / "bin/awk").chmod(0o755)
    assert "cannot be told" in save(home, "whole").reason


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "cut",
            "ends in the middle; if Jupyter is stopped there, ansible-playbook -l alice restart_jupyter.yml starts it",
        ),
        ("refused", "no ssh connection to ubuntu@refused:2222 (Permission denied (publickey).)"),
        ("swapped", "another host key than the one in"),
        ("rubbish", "no whole gzip file"),
        ("endless", "larger than 1000000 bytes"),
        ("bomb", "it is empty"),
        ("loud", "tar ended with status 3 there (red red"),
        ("silent", "did not arrive in time"),
        ("stuck", "nothing of the home arrived for 3 s (10 bytes did before)"),
        ("noisy", "nothing of the home arrived for 3 s (0 bytes did before)"),
        ("", "no address: start it first"),
    ],
)
def test_what_is_not_whole_leaves_nothing(home: Path, address: str, words: str) -> None:
    start = time.monotonic()
    seconds = {"silent": {"seconds": 3}, "stuck": {"silence": 3}, "noisy": {"silence": 3}}
    saved = save(home, address, **{"bytes": 10**6, "seconds": 60} | seconds.get(address, {}))
    assert saved.status == "failed"
    assert words in saved.reason, saved.reason
    assert "\x1b" not in saved.reason and len(saved.reason) < 400 and "\n" not in saved.reason
    folder = home.parent / "backups" / "alice"
    assert not folder.exists() or list(folder.iterdir()) == []
    assert time.monotonic() - start < 30


RUN = """
import pathlib, sys
from ansible_collections.probcomp.stack.plugins.module_utils.backup import home as backup
machine = backup.Machine("alice", sys.argv[1], 2222, "ubuntu", "ssh.alice.stack.example.org", sys.argv[2] + "/pin")
backup.save(machine, "", backup.Home(sys.argv[3]), pathlib.Path(sys.argv[2], "backups"), backup.Limits(10**9, 60))
"""


def test_a_killed_backup_leaves_nothing_that_the_next_one_does_not_remove(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.parent / "bin" / "ssh").write_text(SSH.replace("exec cat /dev/zero", "head -c 2000000 /dev/zero; sleep 60"))
    command = [sys.executable, "-c", RUN, "endless", str(home.parent), str(home)]
    folder = home.parent / "backups" / "alice"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "collections")}
    with subprocess.Popen(command, env=environment) as running:
        end = time.monotonic() + 30
        while not (left := list(folder.glob(".*"))) or left[0].stat().st_size < 1_000_000:
            assert time.monotonic() < end and running.poll() is None
            time.sleep(0.1)
        monkeypatch.setattr(backup, "BUSY_SECONDS", 0.3)
        other = save(home, "whole")
        assert other.reason == "another command is saving this home right now: wait for its end"
        assert list(folder.iterdir()) == left, "the file of the other command stays"
        running.kill()
    assert list(folder.iterdir()) == left and stat.S_IMODE(left[0].stat().st_mode) == 0o600
    saved = save(home, "whole")
    assert saved.status == "saved" and list(folder.iterdir()) == [Path(saved.file)]


def test_a_machine_that_was_never_pinned_is_not_asked(home: Path) -> None:
    (home.parent / "pin").unlink()
    assert "no host key is pinned" in save(home, "whole").reason
    assert not (home.parent / "arguments").exists()


@pytest.mark.slow
def test_the_module_names_the_failed_and_checks_names(home: Path) -> None:
    machine = {"address": "whole", "admin_user": "ubuntu", "ssh_name": "x", "pin_file": str(home.parent / "pin")}
    arguments = {
        "machines": [{**machine, "user": "alice"}, {**machine, "user": "bob", "address": "refused"}],
        "directory": str(home.parent / "backups"),
        "remote_home": str(home),
    }
    fakes = {name: os.environ[name] for name in ("PATH", "STANDIN")}

    def run(*more: str) -> dict[str, Any]:
        return ad_hoc.run(home.parent, "home_backup", arguments, *more, **fakes)[0]

    assert run("--check")["machines"] == {} and not (home.parent / "backups").exists()
    found = run()
    assert found["failed_users"] == ["bob"] and found["changed"]
    arguments["machines"] = [{**machine, "user": "../x"}]
    assert "user name '../x'" in str(run()["msg"])
