"""Copy files to and from Jupyter's home on a machine by rsync (put and get).

ssh accepts the pinned host key only. rsync runs there as Jupyter's account, so that uploaded files belong to it and
only files that it may read are downloaded. The machine belongs to its user and may be hostile: all received entries are
regular files and folders of the caller's, whatever type the machine reports. The script writes only the files that get
fetches.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.probcomp.stack.plugins.module_utils.common.disk import no_room
from ansible_collections.probcomp.stack.plugins.module_utils.common.names import shown
from ansible_collections.probcomp.stack.plugins.module_utils.output.text import printable_lines
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.acting_files import acts, rsync_filters
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.rsync import (
    FILES_ALONE,
    GRACE_SECONDS,
    LOOK_SECONDS,
    NoRsync,
    remote_shell,
    require_rsync,
)
from machine_access import Access, Refused, way_to

USAGE = {
    "put": """\
usage: scripts/put USER SOURCE... [TARGET] [-- rsync options]
  scripts/put alice data                    the folder data into the home of Jupyter's account, /home/jupyter
  scripts/put alice one.csv two.csv data/   several sources: a folder, with its slash, comes last (./ is the home)
  scripts/put alice old.ipynb new.ipynb     to another name
  scripts/put alice data/ data/ -- --delete --verbose   the folder's contents, and nothing else in it""",
    "get": """\
usage: scripts/get [--with-tool-files] USER SOURCE... [TARGET] [-- rsync options]
  scripts/get alice notebook                the folder /home/jupyter/notebook into the folder you are in
  scripts/get alice 'notebook/*.ipynb' data/   into the folder data; the machine expands what is in quotes
  scripts/get alice notebook/a.ipynb b.ipynb   to another name
Files on which shells, git or editors act unasked are left out: .git, .envrc, .vscode, a repository's HEAD and others.
With --with-tool-files they come too; do not enter such a folder with a prompt that shows git's state.""",
}
# Files are neither setuid nor executable, and as private as the caller's umask.
FROM_MACHINE = (*FILES_ALONE, "--chmod=D=rwx,F=rw")
TO_MACHINE = (
    "--recursive",
    "--times",
    "--links",
    "--perms",
    "--no-devices",
    "--no-specials",
    "--no-owner",
    "--no-group",
)
"""Rsync options for unchanged files owned by the writing remote account."""
WITH_TOOL_FILES = "--with-tool-files"
"""First word of get that also brings files on which programs act unasked."""
_BAND = 4096
"""Bytes of error output that are checked together when a line has no end."""
_MOST_HELD = 100
"""Lines of error output that are held back after ssh reports another host key."""


@dataclass(frozen=True)
class Transfer:
    """Request to put or get.

    An empty `target` means the home on the machine (put) or the current folder (get).
    """

    user: str
    sources: tuple[str, ...]
    target: str
    rsync_options: tuple[str, ...]
    with_tool_files: bool = False


def arguments(verb: str, words: Sequence[str], is_here: Callable[[str], str]) -> Transfer:
    """Return the parsed arguments of `verb`, put or get.

    `is_here` returns file, folder or nothing for a path here.

    The last of several paths is the target. A possibly forgotten target is refused (Refused) and not guessed: with cp's
    rule `put alice *.ipynb` would overwrite the last of them.
    """
    given, options = list(words), []
    if "--" in given:
        cut = given.index("--")
        given, options = given[:cut], given[cut + 1 :]
    example = f"scripts/{verb} alice notebook"
    with_tool_files = verb == "get" and given[:1] == [WITH_TOOL_FILES]
    del given[: int(with_tool_files)]
    if not given:
        raise Refused(f"whose machine? {example}")
    user, *paths = given
    if user.startswith("-"):
        raise Refused(f"rsync's options come last, after --: {example} -- {user}")
    if not paths or "" in paths:
        raise Refused(f"which files? {example}")
    sources, target = (paths, "") if len(paths) == 1 else (paths[:-1], paths[-1])
    is_folder = target.endswith("/") or target in (".", "..") or (verb == "get" and is_here(target) == "folder")
    if len(sources) > 1 and not is_folder:
        raise Refused(f"several sources need a folder at the end: data/, or ./ for {_default_target(verb)}")
    if target and not is_folder and is_here(target) != "nothing":
        raise Refused(
            f"{shown(target)} is also here: if it is a source too, end with a folder (./ is {_default_target(verb)}); "
            + (
                "if it is the folder there, write its slash"
                if verb == "put"
                else "if it is the target, remove it first"
            )
        )
    if verb == "put":
        for source in sources:
            if is_here(source) == "nothing":
                raise Refused(f"no such file or folder here: {shown(source)}")
    elif not with_tool_files:
        _refuse_tool_files(sources)
    return Transfer(user, tuple(sources), target, tuple(options), with_tool_files)


def _refuse_tool_files(sources: Sequence[str]) -> None:
    for source in sources:
        *folders, name = source.rstrip("/").split("/")
        if acts(name, is_folder=source.endswith("/")) or any(acts(folder, is_folder=True) for folder in folders):
            raise Refused(
                f"{shown(source)}: programs here act on it unasked and could run what the machine's user wrote; "
                f"scripts/get {WITH_TOOL_FILES} fetches it all the same"
            )


def command(verb: str, access: Access, transfer: Transfer) -> list[str]:
    """Return the rsync command of put or get.

    Our options come last, so that no earlier option undoes them.
    """
    shell = access.ssh("-T", "-o", "ClearAllForwardings=yes", "-o", "LogLevel=ERROR")
    # rsync passes this path to the remote shell. The account may not be able to read the administrator's own folder, so
    # env changes it.
    path = ["sudo", "-n", "-u", access.account, "--", "env", "-C", access.home, "rsync"]
    options = [
        # The first filter that fits counts, so ours come before the caller's.
        *(rsync_filters() if verb == "get" and not transfer.with_tool_files else ()),
        *transfer.rsync_options,
        "--secluded-args",
        "--no-8-bit-output",
        *(TO_MACHINE if verb == "put" else FROM_MACHINE),
        "--mkpath",
        "--timeout=60",
        f"--rsync-path={shlex.join(path)}",
        f"--rsh={remote_shell(shell)}",
    ]
    there = f"[{access.address}]:" if ":" in access.address else f"{access.address}:"
    # A path that is neither absolute nor begins with ./ could be taken for an option or for a path on another host.
    if verb == "put":
        places = [*map(_plain, transfer.sources), there + _plain(transfer.target)]
    else:
        places = [*(there + _plain(source) for source in transfer.sources), _plain(transfer.target)]
    return ["rsync", *options, "--", *places]


def run(words: Sequence[str], access: Access, folder: Path | None = None) -> int:
    """Run the command `words`, which connects to a machine; return its exit status.

    Its error stream is made printable, and ssh's page about another host key becomes a line. It is ended when the disk
    of `folder`, into which it writes, is nearly full.
    """
    # Environment variables such as RSYNC_OLD_ARGS could undo our options.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RSYNC_")}
    # With --verbose rsync lists the machine's names. It escapes control characters in every locale, but those that
    # reverse a line only where no letter beyond ASCII is printable.
    environment |= {"LC_ALL": "C"}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # rsync gets the signal too, cleans up, and ends.
    held: list[str] = []
    try:
        with (
            subprocess.Popen(
                words, env=environment, stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, before)
            ) as process,
            _ended_in_time(process, access.user, folder),
        ):
            errors = process.stderr
            if errors is None:
                raise RuntimeError("a pipe was asked for")
            for said in iter(lambda: errors.readline(_BAND), b""):
                for line in printable_lines(said.decode("utf-8", "replace")):
                    if len(held) < _MOST_HELD and (held or set(line) == {"@"}):
                        held.append(line)
                    else:
                        print(line, file=sys.stderr, flush=True)
    finally:
        signal.signal(signal.SIGINT, before)
    if "Host key verification failed." in held:
        held = [f"{access.user}: another host key than the one in {access.pin_file} answers at {access.address}"]
    for line in held:
        print(line, file=sys.stderr)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


@contextlib.contextmanager
def _ended_in_time(process: subprocess.Popen[bytes], user: str, folder: Path | None) -> Iterator[None]:
    """End rsync when the disk of `folder` is nearly full.

    rsync then removes the file that it was writing.
    """
    has_ended = threading.Event()

    def watch() -> None:
        while folder is not None and not has_ended.wait(LOOK_SECONDS):
            with contextlib.suppress(OSError):
                if problem := no_room(folder):
                    print(f"get: {user}: stopped: {problem}", file=sys.stderr, flush=True)
                    process.terminate()
                    if not has_ended.wait(GRACE_SECONDS):
                        process.kill()
                    return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        has_ended.set()
        watcher.join()


def main(verb: str, words: Sequence[str]) -> int:
    """Run `verb`, put or get, with its arguments, and return the exit status.

    The status is rsync's once rsync has started.
    """
    if not words or words[0] in ("-h", "--help"):
        print(USAGE[verb], file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    try:
        transfer = arguments(verb, words, what_is)
        require_rsync(for_hostile=True)
        access = way_to(transfer.user)
        folder = Path(transfer.target or ".") if verb == "get" else None
        if folder and (problem := no_room(folder)):
            raise Refused(f"{access.user}: {problem}")
        return run(command(verb, access, transfer), access, folder)
    except (Refused, NoRsync, OSError) as error:
        print(f"{verb}: {error}", file=sys.stderr)
        return 1


def what_is(path: str) -> str:
    """Return "folder", "file" or "nothing" for `path` on this computer."""
    if os.path.isdir(path):  # noqa: PTH112 (Path would forget a slash at the end, and refuses no name any more)
        return "folder"
    return "file" if os.path.lexists(path) else "nothing"


def _plain(path: str) -> str:
    return path if path.startswith("/") else f"./{path}"


def _default_target(verb: str) -> str:
    return "the home" if verb == "put" else "the folder that you are in"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
