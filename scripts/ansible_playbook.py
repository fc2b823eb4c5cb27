"""Run ansible-playbook, and accept `-e base=ws low=1 high=40` without quotes.

The last lines of .venv/bin/ansible-playbook, written by scripts/setup, run this script. Words name=value that follow
the value of an -e get an -e each; every other argument reaches Ansible as it was typed. The script itself changes
nothing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence

_NAME_AND_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
# An -e may follow letters of options that take no value, as in -Ce.
_SHORT = re.compile(r"-[CDJKbkv]*e(.*)", re.DOTALL)
_LONG = "--extra-vars"


def joined(arguments: Sequence[str]) -> list[str]:
    """Return `arguments` with an -e before each bare name=value after an -e's value.

    Each pair becomes JSON, which keeps the value unchanged: for name=value Ansible would split blanks and remove
    quotes.
    """
    done: list[str] = []
    words = iter(arguments)
    follows = False
    is_value = False
    for word in words:
        if word == "--":
            return [*done, word, *words]
        found = _NAME_AND_VALUE.fullmatch(word) if follows else None
        if found:
            done += ["-e", json.dumps({found[1]: found[2]})]
            continue
        done.append(word)
        attached = _attached(word)
        follows = bool(attached) or (is_value and not word.startswith("-"))
        is_value = attached == ""
    return done


def _attached(word: str) -> str | None:
    """Return the text after an -e in the same `word`.

    The text is empty if the value is the next word, and None for other words.
    """
    if short := _SHORT.fullmatch(word):
        return short[1]
    name, equals, value = word.partition("=")
    # argparse accepts any prefix of a long option.
    return equals + value if len(name) > len("--") and _LONG.startswith(name) else None


def main() -> None:
    """Run Ansible's own ansible-playbook with the arguments of this process.

    It ends with the exit status of ansible-playbook.
    """
    # The import is here because the tests of `joined` need no Ansible.
    from ansible.cli.playbook import main as ansible_playbook

    ansible_playbook([sys.argv[0], *joined(sys.argv[1:])])
