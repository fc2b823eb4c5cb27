"""Log in to a user's machine by ssh with its pinned host key only (login).

The script connects to the machine's current address. It becomes ssh, as the administrator's account of the machine; ssh
prints everything else.
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
# These are the flags in ssh's manual, except those that would select another machine, account or configuration.
_SSH_FLAGS = frozenset("46ACNTXYafgknqstvxy")
_SSH_WITH_VALUE = frozenset("BDEJLRWbceimo")


@dataclass(frozen=True)
class Login:
    """Request to log in."""

    user: str
    ssh_options: tuple[str, ...]
    command: tuple[str, ...]


def arguments(words: Sequence[str]) -> Login:
    """Return the parsed arguments of login.

    Raises Refused.
    """
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
    """Return the ssh command of login."""
    # After -- ssh takes no word as its option; without it, a word after the address could become one.
    return [*access.ssh(*login.ssh_options), "--", access.address, *login.command]


def main(words: Sequence[str]) -> int:
    """Replace this process by ssh.

    It returns an exit status only for a refused command or for help.
    """
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
    """Return whether the value of ssh's option `word` is the next word.

    Examples are -t and -vL9000:.... Raises Refused for other words.
    """
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
