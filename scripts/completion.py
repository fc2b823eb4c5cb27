"""Complete verbs, users' names and settings at a Tab, in bash and zsh.

`completion bash` and `completion zsh` print the shell's part, which asks `completion words BREAKS LINE` at each Tab.
The answers come from files of this computer: no request is made, no template evaluated, no pass phrase read.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ansible_playbook
import old_verbs
import yaml
from ansible_collections.probcomp.stack.plugins.module_utils.commands import extra_vars
from ansible_collections.probcomp.stack.plugins.module_utils.common import names

ROOT = Path(__file__).resolve().parents[1]
USAGE = """\
usage: eval "$(scripts/completion bash)"      in ~/.bashrc, with the path of this folder before scripts/
       eval "$(scripts/completion zsh)"       in ~/.zshrc"""
OPTIONS = ("--check", "--diff", "--extra-vars", "--limit", "--verbose")
_SCRIPTS = ("stack", "fleet", "login", "get", "put")
_NAMING = ("user", "users", "base", "low", "high", "roster")
_MEMBER = re.compile(r"(.+)-([1-9][0-9]*)")
_PARTS = {
    # Words end in a blank of ours: bash 3.2 cannot be told of a single word that none shall follow.
    "bash": """\
_probcomp_stack() {{
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY[${{#COMPREPLY[@]}}]=$word
  done < <({program} words "$COMP_WORDBREAKS" "${{COMP_LINE:0:$COMP_POINT}}" 2>/dev/null)
  # The names of files, which bash gives in the place of nothing, have their blanks from bash.
  [ "${{#COMPREPLY[@]}}" != 0 ] || compopt +o nospace 2>/dev/null || true
}}
complete -o bashdefault -o default -o nospace -F _probcomp_stack {commands}""",
    "zsh": """\
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit }}
_probcomp_stack() {{
  local -a found
  found=("${{(@f)$({program} words '' "${{(j: :)words[1,CURRENT-1]}} $QIPREFIX$IPREFIX$PREFIX" 2>/dev/null)}}")
  found=(${{found:#}})
  if (( $#found )); then
    compadd -Q -S '' -- ${{found:#* }}
    compadd -Q -- ${{${{(M)found:#* }}% }}
  else
    compset -P '*='
    _files
  fi
}}
compdef _probcomp_stack {commands}""",
}


@dataclass(frozen=True)
class Line:
    """Command line up to the cursor.

    `words` are complete. `current` is the text of the one at the cursor, without quotes; `quote` is the quote that is
    open in it, and `shown_from` the place in `current` from which bash wants an answer.
    """

    words: tuple[str, ...]
    current: str
    quote: str
    shown_from: int


def read_line(text: str, breaks: str) -> Line | None:
    """Return the words of `text`, or None where a backslash would have to be kept.

    `breaks` are the characters at which bash begins a new word to complete (COMP_WORDBREAKS).
    """
    words: list[str] = []
    current = quote = ""
    shown_from = 0
    if "\\" in text:
        return None
    for sign in text:
        if quote:
            if sign == quote:
                quote = ""
            else:
                current += sign
        elif sign in "'\"":
            quote = sign
            shown_from = len(current)
        elif sign.isspace():
            words += [current] if current else []
            current, shown_from = "", 0
        else:
            current += sign
            if sign in breaks:
                shown_from = len(current)
    return Line(tuple(words), current, quote, shown_from)


def state_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of per-user files.

    It is `state_dir` of the inventory in force where that is plain text, else ours.
    """
    found = ROOT
    sources = [source for source in environment.get("ANSIBLE_INVENTORY", "").split(",") if source]
    for source in sources or ["inventory"]:
        path = ROOT / source
        folder = (path if path.is_dir() else path.parent) / "group_vars/all"
        for file in sorted(folder.glob("*.yml")):
            value = settings_in(file).get("state_dir")
            if isinstance(value, str) and not extra_vars.has_template(value):
                found = ROOT / Path(value).expanduser()
    return found


def settings_in(file: Path) -> dict[str, object]:
    """Return the settings in a file of group_vars.

    There are none in a file that is encrypted or broken.
    """
    try:
        found = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  # A safe loader.
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


class _Loader(yaml.SafeLoader):
    """Loader that takes Ansible's tags, such as !vault, for no value."""


_Loader.add_multi_constructor("!", lambda *_: None)


class Known:
    """Names of users, and fleets of two or more, that this computer has files of."""

    def __init__(self, state: Path) -> None:
        files = [path.stem for path in state.glob("jupyter-passwords/*.passwd")]
        files += [path.name for path in state.glob("known_hosts/*")]
        self.users = sorted({name for name in files if _is_user(name)}, key=names.by_number)
        members: dict[str, list[int]] = {}
        for user in self.users:
            if found := _MEMBER.fullmatch(user):
                members.setdefault(found[1], []).append(int(found[2]))
        self.members = {base: numbers for base, numbers in members.items() if len(numbers) > 1}
        # As the inventory calls them; one that is also a user has none.
        self.groups = [base.replace("-", "_") for base in self.members if base not in self.users]

    def after(self, name: str, given: Mapping[str, str]) -> list[str]:
        """Return the values that the setting `name` may have beside the `given` settings."""
        numbers = self.members.get(given.get("base", ""), [])
        values = {
            "user": self.users,
            "users": self.users,
            "base": list(self.members),
            "low": [str(number) for number in numbers[:1]],
            "high": [str(number) for number in numbers[-1:]],
        }
        return values.get(name, list(extra_vars.CHOICES.get(name, ())))


def _is_user(name: str) -> bool:
    # A file may have any name, and what a Tab writes is run by the shell.
    return names.USER_NAME.fullmatch(name) is not None and name not in names.RESERVED


def complete(line: Line, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Return the words that the current one may become.

    `folder` is the one in which the line is typed.
    """
    if not line.words:
        return []
    program, given = Path(line.words[0]).name, line.words[1:]
    known = Known(state_folder(environment))
    if program in old_verbs.SCRIPTS:
        found = _of_old_verbs(program, given, line.current, known)
    elif program == "ansible-playbook":
        found = _of_playbook(given, line.current, known, folder)
    else:
        found = known.users if all(word.startswith("-") for word in given) else []
    return [word for word in found if word.startswith(line.current)]


def _of_old_verbs(script: str, given: Sequence[str], current: str, known: Known) -> list[str]:
    if not given:
        return list(old_verbs.VERBS)
    verb = old_verbs.VERBS.get(old_verbs.SAME.get(given[0], given[0]))
    rest = given[1:]
    if verb is None:
        return []
    wanted = {"stack": ("user",), "fleet": ("base", "low", "high")}[script] if verb.names != "none" else ()
    if len(rest) < len(wanted):
        return known.after(wanted[len(rest)], dict(zip(wanted, rest, strict=False)))
    if current.startswith("-"):
        return [option for option in OPTIONS if option not in ("--extra-vars", "--limit")]
    return _settings(current, {}, known, [name for name in extra_vars.SETTINGS if name not in _NAMING])


def _of_playbook(given: Sequence[str], current: str, known: Known, folder: Path) -> list[str]:
    playbooks = [word for word in given if word.endswith((".yml", ".yaml"))]
    commands = [path.name for path in sorted(ROOT.glob("*.yml")) if (ROOT / "playbooks" / path.name).is_file()]
    places = [(folder / word).parent.resolve() for word in playbooks] or [folder.resolve()]
    if not all(place in (ROOT, ROOT / "playbooks") for place in places):
        return []
    before = given[-1] if given else ""
    if before in ("-l", "--limit"):
        return _in_list(current, [*known.users, *known.groups, "users"])
    if before in ("-e", "--extra-vars"):
        head, blank, last = current.rpartition(" ")
        return [head + blank + word for word in _settings(last, _pairs(head.split()), known)]
    # A bare name=value after the value of an -e is a setting too.
    if ansible_playbook.joined([*given, "x=1"])[-1] != "x=1" and not current.startswith("-"):
        found = [
            word for word in _settings(current, _pairs(" ".join(given).split()), known) if word.startswith(current)
        ]
        return found if playbooks or found else commands
    if current.startswith("-"):
        return list(OPTIONS)
    return [] if playbooks else commands


def _pairs(words: Iterable[str]) -> dict[str, str]:
    return {name: value for name, equals, value in (word.partition("=") for word in words) if equals}


def _settings(current: str, given: Mapping[str, str], known: Known, offered: Iterable[str] = ()) -> list[str]:
    """Return the settings that the current word may become.

    They are name=, or name=value for a name that has a list of values. All that -e takes would be a hundred and fifty
    names: those of roles and of the account come where no setting of a command begins so.
    """
    name, equals, value = current.partition("=")
    if equals:
        values = known.after(name, given)
        return [f"{name}={one}" for one in (_in_list(value, values) if name == "users" else values)]
    first = [one for one in offered or extra_vars.SETTINGS if one.startswith(name) and one not in given]
    account = {one for file in ROOT.glob("group_vars/all/*.yml") for one in settings_in(file)}
    return [f"{one}=" for one in first or sorted(extra_vars.variables(ROOT) | account)]


def _in_list(current: str, values: Iterable[str]) -> list[str]:
    """Return `current` once for each of `values`, with that as its last part.

    Parts are separated by commas and signs of Ansible's patterns. Values that it has already are left out.
    """
    head = re.sub(r"[^,:!&]*\Z", "", current)
    used = re.split(r"[,:!&]+", head)
    return [head + value for value in values if value not in used]


def shell_part(shell: str) -> str:
    """Return the code for `shell` to evaluate."""
    places = ("scripts", "./scripts", str(ROOT / "scripts"))
    paths = [f"{place}/{name}" for place in places for name in _SCRIPTS]
    # Not by their names alone: others have a program `stack`, too.
    programs = ["ansible-playbook", ".venv/bin/ansible-playbook", *paths]
    program = shlex.quote(str(ROOT / "scripts/completion"))
    return _PARTS[shell].format(program=program, commands=shlex.join(programs))


def answers(text: str, breaks: str) -> list[str]:
    """Return what a shell may put in the place of the current word of `text`.

    A blank at its end ends the word. `breaks` is empty for zsh, which takes words as a whole.
    """
    line = read_line(text, breaks)
    if line is None:
        return []
    shown_from = line.shown_from if breaks else 0
    words = complete(line, Path.cwd(), os.environ)
    if line.quote:
        # After a single word bash closes the quote, in which a value or the next setting comes: it gets a second one.
        open_ended = [f"{word} " for word in words if "=" in word] if breaks and len(words) == 1 else []
        return [word[shown_from:] for word in words + open_ended]
    return [word[shown_from:] + ("" if word.endswith("=") else " ") for word in words]


def main(arguments: Sequence[str]) -> int:
    """Print a shell's part, or the words for a line; return the exit status."""
    if len(arguments) == 3 and arguments[0] == "words":
        sys.stdout.writelines(f"{word}\n" for word in answers(arguments[2], arguments[1]))
        return 0
    if len(arguments) == 1 and arguments[0] in _PARTS:
        print(shell_part(arguments[0]))
        return 0
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
