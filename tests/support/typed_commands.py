"""Check a command of the manual without running it: would its program take it?

Our own programs decide by their own parsers. Others' commands are only known by name, and those of `aws` by its
services' models.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import botocore.session
import machine_files
import machine_login
import old_verbs
import yaml
from ansible.cli import CLI
from ansible.cli.adhoc import AdHocCLI
from ansible.cli.doc import DocCLI
from ansible.cli.inventory import InventoryCLI
from ansible.cli.playbook import PlaybookCLI
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.splitter import parse_kv
from ansible.parsing.utils.yaml import from_yaml
from ansible_collections.probcomp.stack.plugins.action.fleet_names import Names
from ansible_collections.probcomp.stack.plugins.module_utils.commands import command_line, extra_vars
from ansible_collections.probcomp.stack.plugins.plugin_utils.typed_names import names_in_files
from ansible_playbook import joined
from botocore import xform_name
from machine_access import Refused

from rehearsal.cli import options
from tests.support import ROOT

OTHERS = frozenset(
    [
        *("ansible-builder", "docker", "molecule", "ssh", "ssh-keygen", "tar", ".venv/bin/python"),
        *(".", "cat", "cp", "eval", "export", "less", "mkdir", "rm"),
    ]
)
"""Programs whose arguments nobody checks here."""
_SEPARATORS = frozenset({"&&", "||", "|", ";", "&"})
_REDIRECTIONS = frozenset({"<", ">", ">>"})
_SETTING = re.compile(r"[A-Z_]+=.*", re.DOTALL)
_AWS_OPTIONS = frozenset({"--output", "--query", "--region", "--profile", "--no-cli-pager"})
_HIGH_LEVEL = frozenset({"configure", "s3"})


@cache
def problems(command: str) -> list[str]:
    """Return what is wrong with a shell's command, one line for each fault."""
    # A heredoc is no command.
    return [found for words in _simple(command.partition("\n")[0]) for found in _problems_of(words)]


def _simple(text: str) -> Iterator[list[str]]:
    """Return the simple commands of a line, those within $(...) too."""
    for inner in re.findall(r"\$\(([^)]*)\)", text):
        yield from _simple(inner)
    lexer = shlex.shlex(re.sub(r"<<'\w+'$", "", text), posix=True, punctuation_chars=";<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    tokens = iter(lexer)
    for token in tokens:
        if token in _SEPARATORS:
            yield words
            words = []
        elif token in _REDIRECTIONS:
            next(tokens)
        elif words or not _SETTING.fullmatch(token):
            words.append(token)
    yield words


def _problems_of(words: list[str]) -> Iterator[str]:
    if not words:
        yield "no command"
        return
    program, rest = words[0], words[1:]
    check = _CHECKS.get(program)
    if check:
        yield from check(rest)
    elif program not in OTHERS and not (program.startswith("scripts/") and (ROOT / program).is_file()):
        yield f"no such program: {program}"
    # Whatever the program, what looks like a file of this repository is one.
    for word in rest:
        if re.match(r"(tests|docs|docker|playbooks)/", word) and not (ROOT / word).exists():
            yield f"no such file: {word}"


def _parsed(cli: type[CLI], words: Sequence[str]) -> Any:
    """Return the options of an Ansible program, or its parser's complaint as text."""
    said = io.StringIO()
    program = cli([cli.name or "ansible", *words])
    program.init_parser()
    try:
        with contextlib.redirect_stderr(said):
            return program.parser.parse_args(list(words))
    except SystemExit:
        return said.getvalue().strip().splitlines()[-1]


def _check_cli(cli: type[CLI]) -> Callable[[list[str]], Iterator[str]]:
    def check(words: list[str]) -> Iterator[str]:
        if isinstance(parsed := _parsed(cli, words), str):
            yield parsed

    return check


@cache
def _own_variables() -> set[str]:
    return names_in_files((ROOT,), DataLoader())


def _given(texts: Sequence[str]) -> dict[str, Any]:
    """Return the variables of -e, as Ansible's load_extra_vars reads them."""
    found: dict[str, Any] = {}
    for text in texts:
        found.update(from_yaml(text) if text.startswith(("{", "[")) else parse_kv(text))
    return found


def _check_playbook(words: list[str]) -> Iterator[str]:
    parsed = _parsed(PlaybookCLI, joined(words))
    if isinstance(parsed, str):
        yield parsed
        return
    for name in parsed.args:
        path = ROOT / name
        if path.suffix != ".yml" or not path.is_file():
            yield f"no such playbook: {name}"
            continue
        given = _given(parsed.extra_vars or [])
        message = command_line.misuse([path], parsed.subset, given)
        message = message or extra_vars.unknown_variable(given, ROOT, _own_variables)
        if message:
            yield message
            continue
        yield from _name_problems(path.name, given)


def _name_problems(playbook: str, given: dict[str, Any]) -> list[str]:
    """Return what the playbook's own task `fleet_names` says of the variables."""
    wants = _wishes(playbook)
    found = Names(given, wants["names_required"])
    found.check_settings(given)
    if taken := wants.get("settings_taken"):
        found.check_taken(given, taken)
    lacking = [name for name in wants.get("settings_required", []) if name not in given]
    return [*found.problems, *(f"say which {name}: -e {name}=..." for name in lacking)]


@cache
def _wishes(playbook: str) -> dict[str, Any]:
    """Return the options of the task that checks the names of -e."""
    play = command_line.first_play(ROOT / playbook)
    tasks = play.get("tasks") or []
    if playbook == "stack_update.yml":
        tasks = yaml.safe_load((ROOT / "roles/stack/tasks/update.yml").read_text(encoding="utf-8"))
    options = next((task["fleet_names"] or {} for task in tasks if "fleet_names" in task), {})
    # A command with -l begins without that task.
    return {"names_required": play["hosts"] == "localhost", **options}


def _check_login(words: list[str]) -> Iterator[str]:
    with _refusals() as said:
        machine_login.arguments(words)
    yield from said


def _check_files(verb: str) -> Callable[[list[str]], Iterator[str]]:
    def check(words: list[str]) -> Iterator[str]:
        _, *paths = words[: words.index("--")] if "--" in words else words
        # What put sends is here; the place where it goes is not.
        here = {"get": [], "put": paths if len(paths) == 1 else paths[:-1]}[verb]
        with _refusals() as said:
            machine_files.arguments(verb, words, lambda path: "file" if path in here else "nothing")
        yield from said

    return check


def _check_verb(script: old_verbs.Script) -> Callable[[list[str]], Iterator[str]]:
    def check(words: list[str]) -> Iterator[str]:
        if words == ["--help"]:
            return
        try:
            command = old_verbs.translate(script, words)
        except old_verbs.Refused as error:
            yield str(error)
            return
        yield from _check_playbook(command[1:])

    return check


@contextlib.contextmanager
def _refusals() -> Iterator[list[str]]:
    said: list[str] = []
    try:
        yield said
    except Refused as error:
        said.append(str(error))


def _check_rehearsal(words: list[str]) -> Iterator[str]:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options.parser().parse_args(words)
    except SystemExit:
        yield said.getvalue().strip().splitlines()[-1]


def _check_make(words: list[str]) -> Iterator[str]:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for word in words:
        if "=" not in word and word not in targets:
            yield f"no such target: {word}"


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def _check_aws(words: list[str]) -> Iterator[str]:
    service, *rest = words
    if service in _HIGH_LEVEL:
        return
    session = _session()
    if service not in session.get_available_services():
        yield f"no such service: {service}"
        return
    model = session.get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if not rest or rest[0] not in operations:
        yield f"no such command of aws {service}: {' '.join(rest[:1])}"
        return
    shape = model.operation_model(operations[rest[0]]).input_shape
    members = {f"--{xform_name(name, '-')}" for name in (shape.members if shape else ())}
    # The tool's own words for lists, as `--owners` and `--filters`.
    members |= {f"{name}s" for name in members}
    for word in rest[1:]:
        if word.startswith("--") and word not in members | _AWS_OPTIONS:
            yield f"aws {service} {rest[0]} has no option {word}"


def _check_navigator(words: list[str]) -> Iterator[str]:
    if words[:1] != ["run"] or not (ROOT / words[1]).is_file():
        yield f"no such playbook: {' '.join(words[:2])}"


_CHECKS: dict[str, Callable[[list[str]], Iterator[str]]] = {
    "ansible-playbook": _check_playbook,
    "ansible": _check_cli(AdHocCLI),
    "ansible-doc": _check_cli(DocCLI),
    "ansible-inventory": _check_cli(InventoryCLI),
    "ansible-navigator": _check_navigator,
    "aws": _check_aws,
    "make": _check_make,
    "scripts/login": _check_login,
    "scripts/get": _check_files("get"),
    "scripts/put": _check_files("put"),
    "scripts/stack": _check_verb("stack"),
    "scripts/fleet": _check_verb("fleet"),
    "scripts/rehearsal": _check_rehearsal,
}
