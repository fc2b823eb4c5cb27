"""Commands advised by plugins, roles and playbooks: each is one that is taken.

Nothing is run. A value that is only known at run time is taken for a user's name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.failures import REPAIRS, repair_command

from tests.support import ROOT
from tests.support.typed_commands import problems

VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"',;)`]*[^\s"',;:.)`])"""
WORD = rf"(?:-[el] {VALUE}|--limit {VALUE}|[a-z_]+\.yml)"
# With ansible-playbook before it or without, as sentences have it; a playbook without options is only named.
COMMAND = re.compile(rf"(?<![\w/]){WORD}(?: {WORD})+")
SUFFIXES = {".py", ".yml", ".j2"}
FILES = [
    path
    for folder in ("plugins", "roles", "playbooks")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in SUFFIXES
]
# Documentation writes these where a name is typed, or dots, at which COMMAND ends.
PLACEHOLDER = re.compile(r"=$|\b[A-Z]{3,}\b")
VALUES = {"instance": "t3.medium", "ami": "ami-0123456789abcdef0"}
"""Values of settings that no name can be."""


def texts(path: Path) -> Iterator[str]:
    """Return the texts of a file, with a name in the place of each value."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield re.sub(r"\{\{.*?\}\}", "alice", text, flags=re.DOTALL)
        return
    nodes = list(ast.walk(ast.parse(text)))
    parts = {part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "alice" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield re.sub(r"\{\w*\}", "alice", node.value)


def advised(text: str) -> Iterator[str]:
    """Return the commands in a text that can be judged."""
    for found in COMMAND.findall(text):
        # Names for -e that another function writes.
        command = re.sub(r"-e alice\b", "-e user=alice", found)
        command = re.sub(r"(\w+)=alice\b", lambda match: f"{match[1]}={VALUES.get(match[1], 'alice')}", command)
        if ".yml" in command and not PLACEHOLDER.search(command):
            yield f"ansible-playbook {command}"


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("a new one: stack_delete.yml -l alice saves it, stack_create.yml -e user=alice",
         ["ansible-playbook stack_delete.yml -l alice", "ansible-playbook stack_create.yml -e user=alice"]),
        ('`ansible-playbook stack_create.yml -e "user=ws-1 ami=alice"`; see',
         ['ansible-playbook stack_create.yml -e "user=ws-1 ami=ami-0123456789abcdef0"']),
        ("(ansible-playbook -l ws-1 stack_start.yml)", ["ansible-playbook -l ws-1 stack_start.yml"]),
        ("stack_start.yml puts the names right", []),
        ("stack_create.yml -e user=NAME", []),
        ("-l alice stack_update.yml -e expires=... gives it more time", []),
    ],
)  # fmt: skip
def test_commands_are_found_in_sentences(text: str, commands: list[str]) -> None:
    assert list(advised(text)) == commands


def test_no_advised_command_is_one_that_is_refused() -> None:
    commands = [(path, command) for path in FILES for text in texts(path) for command in advised(text)]
    assert len(commands) > 30
    wrong = {f"{path}: {command}": found for path, command in commands if (found := problems(command))}
    assert wrong == {}


@pytest.mark.parametrize("playbook", sorted(set(REPAIRS.values())))
def test_the_repairs_of_a_check_are_not_refused(playbook: str) -> None:
    assert problems(repair_command(playbook, ["alice"], {})) == []
