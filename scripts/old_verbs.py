"""Translate the verbs of the former shell scripts stack and fleet to Ansible.

Syntax: `stack VERB USER ...` for one machine, `fleet VERB BASE LOW HIGH ...` for BASE-LOW to BASE-HIGH and no others.
The script checks the names, prints the command as it can be typed, and becomes it. It changes nothing itself.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from ansible_collections.probcomp.stack.plugins.module_utils.commands import extra_vars
from ansible_collections.probcomp.stack.plugins.module_utils.common import names as probcomp_names
from ansible_collections.probcomp.stack.plugins.module_utils.output.machine_names import range_for_shell

ROOT = Path(__file__).resolve().parents[1]

Script = Literal["stack", "fleet"]
SCRIPTS: tuple[Script, ...] = ("stack", "fleet")


class Refused(ValueError):
    """Refused command line.

    str() is one line: the problem, and what to do.
    """


@dataclass(frozen=True)
class Verb:
    """Translation of a verb.

    `playbook` may differ between the scripts ({script}). `names` is the option that passes the machines: -e for those
    to be created or deleted, -l for existing ones, none if it takes no names. `settings` may follow the names, in this
    order.
    """

    playbook: str
    names: Literal["-e", "-l", "none"]
    says: str
    settings: tuple[str, ...] = ()


VERBS = {
    "plan": Verb("fleet_plan.yml", "-e", "what it would need and cost; changes nothing", ("instance", "ami")),
    "create-passwords": Verb("create_passwords.yml", "-e", "pass phrases that are missing"),
    "create": Verb("{script}_create.yml", "-e", "make, configure and check", ("instance", "ami")),
    "delete": Verb("{script}_delete.yml", "-e", "shows what would go; with confirm=yes saves the homes and deletes"),
    "cards": Verb("url_cards.yml", "-e", "cards with address and pass phrase"),
    "update": Verb("stack_update.yml", "-l", "another type, same disk; or owner=... expires=...", ("instance",)),
    "start": Verb("stack_start.yml", "-l", "start, and put the names right"),
    "stop": Verb("stack_stop.yml", "-l", "stop; homes and disks stay"),
    "check": Verb("fleet_check.yml", "-l", "do what a student does"),
    "set-passwords": Verb("set_password.yml", "-l", "from the password files to the machines"),
    "restart-jupyter": Verb("restart_jupyter.yml", "-l", "ends all kernels"),
    "deb-upgrade": Verb("deb_upgrade.yml", "-l", "upgrade the lab's packages"),
    "grab-content": Verb("grab_content.yml", "-l", "the present content"),
    "marco-install": Verb("marco_install.yml", "-l", "run the content's installer"),
    "fetch-logs": Verb("fetch_logs.yml", "-l", "to logs/<user>/"),
    "list": Verb("stack_list.yml", "none", "who has what; no names"),
    "burn-rate": Verb("burn_rate.yml", "none", "dollars now; no names"),
}
"""Verbs of both scripts, in the order of a workshop."""
SAME = {
    "set-password": "set-passwords",
    "create-password": "create-passwords",
    "card": "cards",
    "fetch-log": "fetch-logs",
}
"""Alternative verbs: the old stack script handled one machine."""

_NAMES = {"stack": "USER", "fleet": "BASE LOW HIGH"}
_EXAMPLES = {
    "stack": ["create alice t3.micro", "update alice c5.4xlarge", "delete alice confirm=yes"],
    "fleet": ["create ws 1 40 t3.large", "deb-upgrade ws 1 40", "delete ws 1 40 confirm=yes"],
}
_SETTING = re.compile(r"([a-z_][a-z0-9_]*)=(.*)", re.DOTALL)
_BARE = re.compile(r"[A-Za-z0-9_.:/,@%+-]+")
# These options of ansible-playbook often have their value in the next word.
_WITH_VALUE = frozenset(["-f", "--forks", "-i", "--inventory", "-t", "--tags", "--skip-tags"])
_LIMIT = re.compile(r"-v*l.*|--lim(it?)?(=.*)?", re.DOTALL)
_EXTRA_VARS = re.compile(r"-v*e|--extra")
_NAMING = frozenset(["user", "users", "base", "low", "high", "roster"])


def translate(script: Script, words: Sequence[str]) -> list[str]:
    """Return the ansible-playbook command for the arguments `words` of `script`.

    Raises Refused.
    """
    given, *rest = words
    name = SAME.get(given, given)
    verb = VERBS.get(name)
    if verb is None:
        near = probcomp_names.nearest(given, [*VERBS, *SAME])
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise Refused(f"no such verb: {probcomp_names.shown(given)}{hint}; there are {', '.join(VERBS)}")
    first_extra = next((at for at, word in enumerate(rest) if word.startswith("-") or _SETTING.fullmatch(word)), None)
    plain, extra = rest[:first_extra], rest[first_extra:] if first_extra is not None else []
    named = _NAMES[script].split() if verb.names != "none" else []
    if script == "stack" and len(plain) >= 3 and plain[1].isdigit() and plain[2].isdigit():
        raise Refused(f"several machines: scripts/fleet {shlex.join(words)}")
    if not len(named) <= len(plain) <= len(named) + len(verb.settings):
        raise Refused(" ".join([f"it is: scripts/{script} {given}", *named, *_shown_settings(verb)]))
    command = ["ansible-playbook"]
    playbook = verb.playbook.format(script=script)
    try:
        if verb.names == "-l":
            command += ["-l", ",".join(_users(script, plain)), playbook]
        elif verb.names == "-e":
            command += [playbook, "-e", _names(script, plain)]
        else:
            command += [playbook]
    except probcomp_names.InvalidName as error:
        raise Refused(str(error)) from None
    for setting, value in zip(verb.settings, plain[len(named) :], strict=False):
        command += ["-e", _assignment(setting, value)]
    return [*command, *_extra(extra)]


def as_typed(command: Sequence[str], folder: Path, has_playbook_command: bool) -> str:
    """Return `command` as it can be typed in `folder`, with a fleet's names folded.

    `has_playbook_command` is whether an ansible-playbook is on the search path.
    """
    words = list(command) if has_playbook_command else [".venv/bin/ansible-playbook", *command[1:]]
    line = shlex.join(words)
    for option, names in itertools.pairwise(command):
        if option == "-l":
            line = line.replace(f" -l {names} ", f" -l {range_for_shell(names.split(','))} ", 1)
    return line if folder == ROOT else f"(cd {shlex.quote(str(ROOT))} && {line})"


def usage(script: Script) -> str:
    """Return the help, a table of verbs."""
    width = max(len(f"{verb} {' '.join(_shown_settings(VERBS[verb]))}") for verb in VERBS)
    lines = [f"usage: scripts/{script} VERB {_NAMES[script]} [...] [name=value...] [options of ansible-playbook]"]
    lines += [f"  scripts/{script} {example}" for example in _EXAMPLES[script]]
    lines.append(f"The verbs, what follows {_NAMES[script]}, and the command that each is:")
    for name, verb in VERBS.items():
        shown = " ".join([name, *_shown_settings(verb)])
        lines.append(f"  {shown:{width}}  {verb.playbook.format(script=script):20}  {verb.says}")
    return "\n".join(lines)


def main(script: Script, words: Sequence[str]) -> int:
    """Print the command and become it.

    It returns an exit status only for help and for a refused command line.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage(script), file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    try:
        command = translate(script, words)
        _become(command)
    except Refused as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 1


def _become(command: list[str]) -> NoReturn:
    ours = Path(sys.executable).parent
    found = shutil.which(command[0])
    print(as_typed(command, Path.cwd(), found is not None and Path(found).parent == ours), file=sys.stderr, flush=True)
    os.chdir(ROOT)
    os.execv(ours / command[0], command)  # noqa: S606 (without a shell is how it is meant)


def _users(script: Script, names: Sequence[str]) -> list[str]:
    if script == "fleet":
        base, low, high = names[:3]
        return probcomp_names.fleet_users(base, low, high)
    probcomp_names.check_user_name(names[0])
    return [names[0]]


def _names(script: Script, names: Sequence[str]) -> str:
    _users(script, names)
    return f"base={names[0]} low={names[1]} high={names[2]}" if script == "fleet" else f"user={names[0]}"


def _shown_settings(verb: Verb) -> list[str]:
    words = {"instance": "[TYPE]", "ami": "[AMI]"}
    return [words[name] for name in verb.settings]


def _extra(words: Sequence[str]) -> list[str]:
    """Return `words` in ansible-playbook's form.

    name=value becomes -e; options and their values stay.
    """
    done: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        found = _SETTING.fullmatch(word)
        if _LIMIT.fullmatch(word) or (found and found[1] in _NAMING):
            raise Refused(f"{probcomp_names.shown(word)}: the names say already which machines: leave it out")
        if _EXTRA_VARS.match(word):
            # The extra variables could include another name, and the last one counts.
            raise Refused(f"{probcomp_names.shown(word)}: give settings as name=value, without -e")
        if word in _WITH_VALUE and rest:
            done += [word, rest.pop(0)]
        elif word.startswith("-"):
            done.append(word)
        elif found:
            done += ["-e", _assignment(*found.groups())]
        else:
            raise Refused(f"{probcomp_names.shown(word)} is neither name=value nor an option (--option=value)")
    return done


def _assignment(name: str, value: str) -> str:
    """Return the argument of -e that gives `name` the whole `value`.

    Raises Refused for an invalid value.
    """
    if problem := extra_vars.setting_problem(name, value):
        raise Refused(problem)
    # -e splits at blanks and interprets quotes; JSON keeps any text.
    return f"{name}={value}" if _BARE.fullmatch(value) else json.dumps({name: value}, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main(SCRIPTS[SCRIPTS.index(sys.argv[1])], sys.argv[2:]))
