"""login: ssh to a user's machine, at its current address and with its pinned host key only.

Called by scripts/login. Becomes ssh, as the administrator's account of the machine; ssh says the rest.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from ansible_collections.probcomp.stack.plugins.module_utils.common.names import shown
from machine_access import Access, Refused, way_to

USAGE = """\
usage: scripts/login [ssh options] USER [command...]
  scripts/login alice                       a shell as the administrator's account, which may sudo
  scripts/login alice uptime                one command; its exit status is this one's
  scripts/login -t alice sudo -iu jupyter   ssh's own options stand before the user
  scripts/login -N -L 9000:localhost:8888 alice"""
# As ssh's manual has them, less those by which another machine, account or configuration would be taken.
_SSH_FLAGS = frozenset("46ACNTXYafgknqstvxy")
_SSH_WITH_VALUE = frozenset("BDEJLRWbceimo")


@dataclass(frozen=True)
class Login:
    """What login was asked for."""

    user: str
    ssh_options: tuple[str, ...]
    command: tuple[str, ...]


def arguments(words: Sequence[str]) -> Login:
    """Return what the arguments of login mean; raises Refused."""
    options: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        options.append(word)
        if _wants_value(word):
            if not rest:
                raise Refused(f"ssh's option {word} wants a value")
            options.append(rest.pop(0))
    if not rest:
        raise Refused("whose machine? scripts/login alice")
    user, *command = rest
    if command and command[0].startswith("-"):
        raise Refused(f"ssh's options stand before the user: scripts/login {shlex.quote(command[0])} {user} ...")
    return Login(user, tuple(options), tuple(command))


def command(access: Access, login: Login) -> list[str]:
    """Return the ssh command that is login."""
    # After -- ssh takes no option for its own; without it, one behind the address would be.
    return [*access.ssh(*login.ssh_options), "--", access.address, *login.command]


def main(words: Sequence[str]) -> int:
    """Become ssh; returns an exit status only when that is refused, or for help."""
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    try:
        login = arguments(words)
        _become(command(way_to(login.user), login))
    except Refused as error:
        print(f"login: {error}", file=sys.stderr)
        return 1


def _become(command: list[str]) -> NoReturn:
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)  # noqa: S606 (without a shell is how it is meant)
    except FileNotFoundError:
        raise Refused("ssh is missing here: install the package openssh-client") from None


def _wants_value(word: str) -> bool:
    """Tell whether the value of ssh's option `word` (-t, -vL9000:...) is the next word; raises Refused for others."""
    for place, letter in enumerate(word[1:], start=2):
        if letter in _SSH_WITH_VALUE:
            return place == len(word)
        if letter not in _SSH_FLAGS:
            break
    else:
        if word != "-":
            return False
    raise Refused(
        f"{shown(word)} is no option of login; of ssh's there are -{''.join(sorted(_SSH_FLAGS))} and, with a "
        f"value, -{''.join(sorted(_SSH_WITH_VALUE))}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
