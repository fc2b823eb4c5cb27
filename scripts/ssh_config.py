"""Write an ssh configuration file with a block for each machine (ssh_config).

It is for people who prefer plain ssh. The script writes <state_dir>/ssh_config atomically, and only if the contents
change. The settings are those of every connection (group_vars/users.yml); ssh connects to the machine by its ssh name,
so that a stop and start, after which stack_start.yml corrects the name, need no new file.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import machine_access
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import write_whole
from ansible_collections.probcomp.stack.plugins.module_utils.common.names import by_number
from machine_access import Access, Refused, quoted

USAGE = """\
usage: scripts/ssh_config
  writes a block for each machine; afterwards, with the path that it prints:
    ssh -F .../ssh_config alice
  or, as the first line of ~/.ssh/config:
    Include "/.../ssh_config"
  Run it again when machines were made or deleted."""
_HEAD = (
    "# Written by scripts/ssh_config, which overwrites it. One block for each machine, with its pinned host key only."
)
_MODE = 0o600
"""Mode of the file.

ssh refuses a file included by ~/.ssh/config that others could have written.
"""
_MOST_PROBLEMS = 10


def block(access: Access) -> str:
    """Return the lines for one machine, named after its user."""
    settings = [("HostName", access.host), *access.options]
    return "\n".join([f"Host {access.user}", *(f"    {name} {value}" for name, value in settings)])


def text(machines: Iterable[Access]) -> str:
    """Return the whole file.

    Stopped machines without a name or address are left out.
    """
    return "\n\n".join([_HEAD, *(block(access) for access in machines if access.host)]) + "\n"


def write(path: Path, content: str) -> bool:
    """Write `content` to `path` and return whether the file changed.

    Raises OSError.
    """
    if path.is_file() and path.read_text(encoding="utf-8") == content:
        return False
    write_whole(path, content.encode(), _MODE)
    return True


def main(arguments: Sequence[str]) -> int:
    """Write the file, print how it is used, and return the exit status."""
    if arguments:
        print(USAGE)
        return 0 if set(arguments) <= {"-h", "--help"} else 2
    machines: list[Access] = []
    problems: list[str] = []
    try:
        told = machine_access.told(None)
        if not told:
            raise Refused("there are no machines")
        for user, values in sorted(told.items(), key=lambda item: by_number(item[0])):
            try:
                machines.append(machine_access.access(user, values))
            except Refused as error:
                problems.append(f"{error}; left out")
        problems += [f"{access.user} is stopped and has no address; left out" for access in machines if not access.host]
        shown = [access.user for access in machines if access.host]
        if not shown:
            raise Refused("no machine is left, nothing was written")
        path = Path(next(iter(told.values()))["state_dir"]) / "ssh_config"
        is_new = write(path, text(machines))
        # Standard output is for a shell's $(...); text for people goes to standard error.
        print(path, flush=True)
        for line in (
            f"{len(shown)} machine{'' if len(shown) == 1 else 's'}{'' if is_new else ', as before'}",
            f"use it: ssh -F {shlex.quote(str(path))} {shown[0]}",
            f"or begin ~/.ssh/config with: Include {quoted(str(path))}",
        ):
            print(line, file=sys.stderr)
    except Refused as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(f"{error.filename} cannot be written: {error.strerror}")
    if len(problems) > _MOST_PROBLEMS:
        problems[_MOST_PROBLEMS - 1 : -1] = [f"and {len(problems) - _MOST_PROBLEMS} more like these"]
    for problem in problems:
        print(f"ssh_config: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
