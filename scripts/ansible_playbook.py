"""ansible-playbook, which also takes `-e base=ws low=1 high=40` without quotes.

Called by .venv/bin/ansible-playbook, whose last lines scripts/setup writes. Words name=value that follow the value of
an -e get an -e each; everything else reaches Ansible as it was typed. Touches nothing itself.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence

_NAME_AND_VALUE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
# Behind letters of options that take no value, as in -Ce.
_SHORT = re.compile(r"-[CDJKbkv]*e(.*)", re.DOTALL)
_LONG = "--extra-vars"


def joined(arguments: Sequence[str]) -> list[str]:
    """Return `arguments` of ansible-playbook with an -e before each bare name=value that follows the value of an -e.

    Each becomes JSON, in which a value stays what it is: of name=value Ansible would split blanks and unquote quotes.
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
    """Return what stands behind an -e in the same `word`, empty if its value is the next word; None for other words."""
    if short := _SHORT.fullmatch(word):
        return short[1]
    name, equals, value = word.partition("=")
    # argparse takes any beginning of a long option.
    return equals + value if len(name) > len("--") and _LONG.startswith(name) else None


def main() -> None:
    """Run Ansible's own ansible-playbook with the arguments of this process; ends with its exit status."""
    # Imported here: the tests of `joined` need no Ansible.
    from ansible.cli.playbook import main as ansible_playbook

    ansible_playbook([sys.argv[0], *joined(sys.argv[1:])])
