"""A machine with logs for the tests of fetching.

A fake ssh runs the command here, or plays a hostile machine. The rsync on both sides is the real one.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.logs import fetch as fetching
from ansible_collections.probcomp.stack.plugins.module_utils.logs.folder import Bounds
from ansible_collections.probcomp.stack.plugins.module_utils.logs.rsync_command import Settings, Source
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.client import Machine
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.rsync import require_rsync

SSH = """#!/bin/bash
printf '%s\\n' "$@" > "$STANDIN/arguments"
while :; do
  case "$1" in -T) shift ;; -o|-l|-F) shift 2 ;; *) break ;; esac
done
address=$1
shift
command="$*"
case "$address" in
  *whole*) exec bash -c "$command" ;;
  cut) bash -c "${command/; sudo -n -u jupyter rsync/; exec sudo -n -u jupyter rsync --bwlimit=50}" <&0 &
    sleep 2
    kill -9 $! ;;
  refused) echo 'Permission denied (publickey).' >&2; exit 255 ;;
  swapped) echo 'WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!' >&2; exit 255 ;;
  silent) exec sleep 60 ;;
  garbage) exec head -c 1000000 /dev/urandom ;;
  endless) exec cat /dev/zero ;;
  loud) printf '\\033]0;owned\\007\\033[31mred\\n%.0s' {1..5000} >&2; exit 3 ;;
  louder) exec cat /dev/urandom >&2 ;;
  names) exec "$PYTHON" "$SENDER" fine '../../escaped' ;;
  absolute) exec "$PYTHON" "$SENDER" "$STANDIN/escaped" ;;
  newline) exec "$PYTHON" "$SENDER" 'a\\nb' '\\x1b[31m' ;;
esac
"""
SUDO = """#!/bin/bash
[ "$1" = -n ] || exit 99
shift
[ "$1" = -u ] && shift 2
exec "$@"
"""
BOUNDS = Bounds(file_bytes=1_000_000, bytes=3_000_000, entries=200)


@dataclass
class World:
    """A folder `logs` with the logs of `alice`, whose machine's folder is `there`."""

    folder: Path

    @property
    def there(self) -> Path:
        """Return the machine's folder of logs."""
        return self.folder / "there"

    @property
    def logs(self) -> Path:
        """Return the administrator's folder."""
        return self.folder / "it's our logs"

    @property
    def here(self) -> Path:
        """Return the administrator's folder of the machine's logs."""
        return self.logs / "alice" / "sessions"

    def fetch(
        self,
        address: str = "whole",
        bounds: Bounds = BOUNDS,
        seconds: float = 60,
        dry: bool = False,
        program: str = "",
        source: str = "sessions",
    ) -> fetching.Fetched:
        """Return the result of fetching the logs at `address`.

        `program` sends them if one is named; they are stored as `source` here.
        """
        pin = str(self.folder / "pin")
        machine = Machine("alice", address, 2222, "ubuntu", "ssh.alice.stack.example.org", pin)
        settings = Settings(self.logs, "/keys/lab", require_rsync(for_hostile=True), bounds, seconds, dry)
        account = "root" if program else "jupyter"
        return fetching.fetch(machine, [Source(source, str(self.there), account, program)], settings)

    def names(self) -> set[str]:
        """Return every path in the machine's folder here."""
        return {str(path.relative_to(self.here)) for path in self.here.rglob("*")}


def make(folder: Path) -> tuple[World, dict[str, str]]:
    """Return a world in `folder` and its environment."""
    programs = folder / "bin"
    programs.mkdir()
    for name, text in (("ssh", SSH), ("sudo", SUDO)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (folder / "pin").write_text("a key")
    (folder / "there").mkdir()
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "STANDIN": str(folder),
        "PYTHON": sys.executable,
        "SENDER": str(Path(__file__).with_name("hostile_sender.py")),
    }
    return World(folder), environment


def with_two_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a machine with two sessions' logs, and set the test's environment."""
    world, environment = make(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (world.there / "a b").mkdir()
    (world.there / "a b" / "one.json").write_text("one\n" * 1000)
    (world.there / "two.json").write_text("two\n")
    return world
