"""Summarise what a command did to each machine in few lines.

A text that is the same for many machines is printed once, with the machines' names before it. Pure functions, standard
library only. Answers of machines are read by results.py and never shown as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..common.names import by_number
from . import results as answers

_NAMES_IN_A_LINE = 8
_PACKAGES_IN_A_LINE = 8
_FILES_IN_A_LINE = 3
_LEFT_IN_A_LINE = 5
_LONGEST_PART = 60
"""Characters of a package's name or version that are shown."""
_VERSION = r"[0-9A-Za-z.+~:-]+"
_SIMULATED = re.compile(
    rf"^Inst ([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9]+)? (?:\[({_VERSION})\] )?\(({_VERSION})[ )]", re.MULTILINE
)
"""Line of `apt-get --simulate`: package, old version if any, new version."""
_NUMBERED = re.compile(r"(.*?)(0|[1-9][0-9]*)")
_CONTENT_WORDS = {
    "new": "new",
    "updated": "updated",
    "kept": "kept because their user changed them",
    "removed": "removed",
}


def listed(parts: Sequence[str], most: int, count: int | None = None) -> str:
    """Return the first `most` parts, and how many of `count` parts follow them."""
    rest = (len(parts) if count is None else count) - min(most, len(parts))
    shown = ", ".join(parts[:most])
    return f"{shown} and {rest} more" if rest > 0 else shown


def short_names(names: Iterable[str], most: int = _NAMES_IN_A_LINE) -> str:
    """Return the names on one line, in the order of their numbers.

    Three or more names with consecutive numbers become `ws-1 to ws-40`. After `most` parts the other names are counted.
    """
    parts: list[tuple[str, int]] = []
    for run in runs(names):
        parts += [(f"{run[0]} to {run[-1]}", len(run))] if len(run) > 2 else [(name, 1) for name in run]
    return listed([text for text, _ in parts], most, min(most, len(parts)) + sum(count for _, count in parts[most:]))


def people(names: Iterable[str]) -> str:
    """Return the names for use within a sentence, shortened.

    There are up to four parts, or else three and the number of the other names.
    """
    every = list(names)
    four = short_names(every, 4)
    return four if four == short_names(every, len(every)) else short_names(every, 3)


def runs(names: Iterable[str]) -> list[list[str]]:
    """Return the names in natural order, those with consecutive numbers together."""
    found: list[list[str]] = []
    for name in sorted(names, key=by_number):
        if found and _follows(found[-1][-1], name):
            found[-1].append(name)
        else:
            found.append([name])
    return found


def said_once(lines: Mapping[str, str]) -> list[str]:
    """Return `machines: line` for each different line of `lines`.

    `lines` has one line by machine. The result follows the order of the first machine of each line.
    """
    machines: dict[str, list[str]] = {}
    for name in sorted(lines, key=by_number):
        machines.setdefault(lines[name], []).append(name)
    return [f"{short_names(names)}: {line}" for line, names in machines.items()]


def upgrades(results: Mapping[str, object], check_mode: bool = False) -> list[str]:
    """Return lines about the packages that apt upgraded on each machine.

    `results` are those of apt's simulation. In check mode these are the packages that apt would upgrade.
    """
    everything: list[tuple[str, str, str]] = []

    def line(result: answers.Answer) -> str:
        # A machine where apt was not asked has no output.
        text = answers.raw_text(result.get("stdout", ""))
        found = _SIMULATED.findall(text)
        everything.extend(found)
        return _upgrade_line(found, text)

    lines = said_once(answers.lines_of(results, line))
    if any(old for _, old, _ in everything) and not check_mode:
        lines.append("Kernels that run keep the old versions until their users restart them (Kernel > Restart Kernel).")
    return lines


def contents(results: Mapping[str, object]) -> list[str]:
    """Return what the module content_deploy did on each machine, from its results."""
    return said_once(answers.lines_of(results, _content_line))


def messages(results: Mapping[str, object]) -> list[str]:
    """Return the message of each machine's result."""
    return said_once(answers.lines_of(results, lambda result: answers.message(result.get("msg"))))


def left_behind(results: Mapping[str, object]) -> list[str]:
    """Return lines about what an intruder may have left on each machine.

    `results` are those of the module jupyter_password.
    """
    lines = answers.lines_of(results, _left_behind_line)
    return said_once({name: line for name, line in lines.items() if line})


def _left_behind_line(result: answers.Answer) -> str:
    found = result.get("left_behind", [])
    names = answers.file_names(found, _LEFT_IN_A_LINE)
    if not names or not isinstance(found, list):
        return ""
    paths = listed(names, _LEFT_IN_A_LINE, len(found))
    return f"found what an intruder may have left, unless it is the user's own: {paths}"


def _upgrade_line(found: list[tuple[str, str, str]], simulated: str) -> str:
    if not found:
        unknown = "unknown" in simulated.splitlines()
        return "apt could not tell beforehand what is newer" if unknown else "all packages are in their newest version"
    packages = [[part[:_LONGEST_PART] for part in package] for package in found[:_PACKAGES_IN_A_LINE]]
    parts = [f"{name} {old} -> {new}" if old else f"{name} {new} (new)" for name, old, new in packages]
    return listed(parts, _PACKAGES_IN_A_LINE, len(found))


def _content_line(result: answers.Answer) -> str:
    content = f"content {answers.checksum(result.get('version', ''))[:12]}".rstrip()
    counts = answers.mapping(result.get("counts"))
    if not counts:
        # Check mode can report nothing more.
        is_changed = answers.flag(result.get("changed"))
        return "other content would be laid down" if is_changed else f"{content} is there, unchanged"
    parts = []
    for kind, words in _CONTENT_WORDS.items():
        if number := answers.count(counts.get(kind)):
            names = answers.file_names(result.get(kind), min(number, _FILES_IN_A_LINE))
            parts.append(f"{number} {words} ({listed(names, _FILES_IN_A_LINE, number)})")
    return f"{content}: files {', '.join(parts)}" if parts else f"{content}: no file differs"


def _follows(first: str, second: str) -> bool:
    """Return whether the second name has the first one's text and the next number."""
    one, other = _NUMBERED.fullmatch(first), _NUMBERED.fullmatch(second)
    return bool(one and other and one[1] == other[1] and int(one[2]) + 1 == int(other[2]))
