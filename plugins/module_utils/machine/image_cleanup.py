"""Find and remove files that an image of a machine must not contain.

A second search shows what is left. Runs as root on the machine.

Files that identify a machine or grant access to it would be the same on all machines made from the image. Software that
the roles installed stays, with the roles' records of it, so that a new machine needs few further steps. `Root` takes
another folder than / for tests. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FROM_HOMES = {
    "ssh keys": (".ssh",),
    "credentials": (".aws", ".netrc", ".git-credentials", ".pypirc", ".docker/config.json"),
    "histories": (
        *(".bash_history", ".history", ".zsh_history", ".python_history", ".sqlite_history", ".psql_history"),
        *(".node_repl_history", ".lesshst", ".viminfo", ".wget-hsts", ".ipython/profile_*/history.sqlite*"),
    ),
    "Jupyter's password": (
        *(".jupyter/jupyter_server_config.json*", ".jupyter/.jupyter_server_config.json*"),
        ".jupyter/jupyter_notebook_config.json*",
    ),
    "Jupyter's secrets": (
        *(".local/share/jupyter/runtime", ".local/share/jupyter/notebook_secret", ".local/share/jupyter/*.db"),
        *(".ipython/profile_*/security", ".ipython/profile_*/pid"),
    ),
    "logs": (".iventure_logs/*", ".ipython/profile_*/log", ".npm/_logs"),
    "caches": (".cache", ".ansible"),
}
"""Patterns of files to remove from every home, by kind."""

FROM_SYSTEM = {
    "host keys": ("etc/ssh/ssh_host_*",),
    "seeds": (
        *("var/lib/systemd/random-seed", "var/lib/systemd/credential.secret", "var/lib/urandom/random-seed"),
        "var/lib/dhcp/*.leases",
    ),
    "cloud-init's state": tuple(
        f"var/lib/cloud/{name}" for name in ("instance", "instances", "data", "sem", "seed", "handlers")
    ),
    "logs": (
        *("var/log/journal/*", "var/log/**/*.gz", "var/log/**/*.xz", "var/log/**/*.[0-9]", "var/log/**/*.old"),
        *("var/crash/*", "var/lib/systemd/coredump/*", "var/spool/mail/*", "var/mail/*"),
    ),
    # Our logs, and the cursor up to which the journal was copied: in another machine's journal it means nothing.
    "the fleet's logs": ("var/log/probcomp/*", "var/lib/probcomp/logs"),
    "work under way": ("var/lib/probcomp/*.lock", "var/lib/probcomp/jupyter_restart_pending"),
    "package lists": ("var/lib/apt/lists/*_*", "var/lib/apt/lists/partial/*", "var/cache/apt/*.bin"),
    "temporary files": ("tmp/*", "tmp/.[!.]*", "var/tmp/*", "var/tmp/.[!.]*"),
}
"""Patterns of files to remove from the rest of the system, by kind."""

IN_USE = re.compile(r"systemd-private-|ansible|\.(X11|XIM|ICE|font)-unix")
"""Temporary files that their owners remove.

Services remove theirs when they stop, and the cleaning module removes its own when it ends.
"""
SEARCHED = (
    *("ssh keys", "histories", "Jupyter's password", "Jupyter's secrets", "host keys", "cloud-init's state"),
    "the fleet's logs",
)
"""Kinds of files in the second search.

Other kinds may reappear while the machine runs.
"""


@dataclass(frozen=True)
class Root:
    """File system to clean."""

    path: Path = Path("/")

    def homes(self) -> list[Path]:
        """Return the homes of people and of root, even without an existing account."""
        found = {self.path / "root"}
        for line in self._lines("etc/passwd"):
            fields = line.split(":")
            if len(fields) >= 6 and fields[2].isdigit() and 1000 <= int(fields[2]) < 60000:
                found.add(self.path / fields[5].lstrip("/"))
        if (self.path / "home").is_dir():
            found |= {entry for entry in (self.path / "home").iterdir() if not entry.is_symlink()}
        return sorted(home for home in found if home.is_dir() and home != self.path)

    def clean(self) -> dict[str, int]:
        """Remove all these files and return the number of each kind.

        Raises OSError.
        """
        gone: dict[str, int] = {}
        for kind, path in self._all(FROM_HOMES, FROM_SYSTEM):
            if not IN_USE.match(path.name):
                _remove(path)
                gone[kind] = gone.get(kind, 0) + 1
        # Open logs, and logs that their programs do not create again, keep their place and owner.
        for log in _files(self.path / "var/log"):
            if log.stat().st_size:
                os.truncate(log, 0)
                gone["logs"] = gone.get("logs", 0) + 1
        self._forget_identity()
        return gone

    def left(self) -> list[str]:
        """Return files that should be gone but still exist, as texts for people."""
        found = [f"{kind}: {path}" for kind, path in self._all(FROM_HOMES, FROM_SYSTEM) if kind in SEARCHED]
        if (self.path / "etc/machine-id").read_bytes().strip():
            found.append("the machine's id")
        found += [f"logs: {path}" for path in _files(self.path / "var/log") if path.stat().st_size]
        return found

    def _all(
        self, from_homes: dict[str, tuple[str, ...]], from_system: dict[str, tuple[str, ...]]
    ) -> Iterator[tuple[str, Path]]:
        for home in self.homes():
            for kind, patterns in from_homes.items():
                yield from ((kind, path) for path in _matching(home, patterns))
        for kind, patterns in from_system.items():
            yield from ((kind, path) for path in _matching(self.path, patterns))

    def _forget_identity(self) -> None:
        # The file is empty and not missing, because the first boot then creates an id and takes no other first-boot
        # step.
        (self.path / "etc/machine-id").write_bytes(b"")
        bus = self.path / "var/lib/dbus/machine-id"
        if bus.exists() and not bus.is_symlink():
            bus.unlink()
            bus.symlink_to("/etc/machine-id")
        # The file is written in place because it may be a mount.
        (self.path / "etc/hostname").write_text("localhost\n", encoding="ascii")
        hosts = self.path / "etc/hosts"
        if hosts.exists():
            kept = [line for line in self._lines("etc/hosts") if not line.startswith("127.0.1.1")]
            hosts.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def _lines(self, name: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.path / name).read_text(encoding="utf-8", errors="replace").splitlines()
        return []


def _matching(folder: Path, patterns: Iterable[str]) -> Iterator[Path]:
    """Yield the entries of `folder` that match one of the patterns.

    Nothing outside is reached through a link in a home.
    """
    top = folder.resolve()
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            parent = path.parent.resolve()
            if parent == top or top in parent.parents:
                yield path


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below `folder`."""
    for where, _, names in os.walk(folder):
        paths = (Path(where) / name for name in names)
        yield from (path for path in paths if path.is_file() and not path.is_symlink())
