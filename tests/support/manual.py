"""The manual's pages, with their links, headings and commands.

Commands stand in code blocks for a shell, and within sentences between backquotes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support import ROOT

_PROGRAMS = ("ansible-playbook ", "scripts/", "make ")
# `scripts/get --with-tool-files alice ...` is no whole command, and neither is NAME.
_PLACEHOLDER = re.compile(r"\.\.\.|\b[A-Z]{4,}\b")


def pages() -> list[Path]:
    """Return all pages of the manual."""
    front = [ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*front, *sorted(ROOT.glob("docs/*.md"))]


@dataclass(frozen=True)
class Block:
    """A code block of a page, below its nearest heading."""

    page: Path
    heading: str
    language: str
    text: str

    def commands(self) -> list[str]:
        """Return the block's commands as they are typed, without comments.

        One of several lines becomes one line; a heredoc stays with its command.
        """
        found: list[str] = []
        end = ""
        for line in self.text.replace("\\\n", " ").splitlines():
            if end:
                found[-1] += f"\n{line}"
                end = "" if line == end else end
            elif text := re.sub(r"(^|\s+)# .*|^#.*", "", line).strip():
                found.append(text)
                end = mark[1] if (mark := re.search(r"<<'(\w+)'$", text)) else ""
        return [re.sub(r"  +", " ", command) if "\n" not in command else command for command in found]


@cache
def _tokens(page: Path) -> list[Token]:
    return MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text(encoding="utf-8"))


def blocks(page: Path) -> Iterator[Block]:
    """Return the code blocks of `page`; an indented one is for a shell."""
    heading = ""
    tokens = _tokens(page)
    for number, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[number + 1].content
        elif token.type in ("fence", "code_block"):
            yield Block(page, heading, token.info.strip() if token.type == "fence" else "sh", token.content)


def commands(page: Path) -> list[str]:
    """Return the commands in the code blocks of `page`."""
    return [command for block in blocks(page) if block.language == "sh" for command in block.commands()]


def mentioned(page: Path) -> list[str]:
    """Return the whole commands of our own within the sentences of `page`."""
    texts = [
        child.content
        for token in _tokens(page)
        for child in token.children or ()
        if child.type == "code_inline" and child.content.startswith(_PROGRAMS)
    ]
    # Without arguments a program is only named.
    whole = [text for text in texts if any(not word.startswith("-") for word in text.split()[1:])]
    return [text for text in whole if not _PLACEHOLDER.search(text)]


def file_names(page: Path) -> list[str]:
    """Return the names of YAML files in the sentences of `page`, such as playbooks."""
    texts = [child.content for token in _tokens(page) for child in token.children or () if child.type == "code_inline"]
    return [text for text in texts if re.fullmatch(r"[\w/]+\.yml", text)]


def links(page: Path) -> list[str]:
    """Return the targets of all links and pictures of `page`."""
    children = [child for token in _tokens(page) for child in token.children or ()]
    targets = [child.attrGet("href") or child.attrGet("src") for child in children]
    return [str(target) for target in targets if target]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of `page`."""
    tokens = _tokens(page)
    headings = [tokens[number + 1].content for number, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(page: str, heading: str) -> list[Block]:
    """Return the code blocks of a page below `heading`."""
    found = [block for block in blocks(ROOT / page) if block.heading == heading]
    assert found, f"{page} has no code below {heading!r}"
    return found


FIRST_MACHINE = "The first machine on your account"
CLASS = "A class in twelve commands"


def plays(heading: str) -> list[str]:
    """Return the README's ansible-playbook commands below `heading`, unchanged."""
    found = [command for block in section("README.md", heading) for command in block.commands()]
    return [command for command in found if shlex.split(command)[0] == "ansible-playbook"]


def first_machine(playbook: str) -> str:
    """Return the README's command with `playbook` for its first machine."""
    (command,) = (command for command in plays(FIRST_MACHINE) if f" {playbook}" in command)
    return command


def of_class(playbook: str, high: int = 40, one: str = "ws-7") -> str:
    """Return the README's command with `playbook` for a class.

    The class has `high` machines; `one` replaces the name of a single machine.
    """
    (command,) = (command for command in plays(CLASS) if f" {playbook}" in command)
    return command.replace("high=40", f"high={high}").replace("ws-7", one)


def as_in_the_readme(command: str) -> str:
    """Return a command that was run as it stands in the README, whose class is larger."""
    return re.sub(r"\bws-\d+\b", "ws-7", re.sub(r"\bhigh=\d+", "high=40", command))
