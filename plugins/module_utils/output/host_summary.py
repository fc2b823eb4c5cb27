"""Summarise what a command did to each machine in few lines.

A text that is the same for many machines is printed once, with the machines' names before it. Pure functions, standard
library only. Output from a machine is parsed and never shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..common.names import by_number

_NAMES_IN_A_LINE = 8
_PACKAGES_IN_A_LINE = 8
_FILES_IN_A_LINE = 3
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


def short_names(names: Iterable[str]) -> str:
    """Return the names on one line.

    Three or more names with consecutive numbers become `ws-1 to ws-40`.
    """
    runs: list[list[str]] = []
    for name in sorted(names, key=by_number):
        if runs and _follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    parts: list[str] = []
    for run in runs:
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else run
    return listed(parts, _NAMES_IN_A_LINE)


def said_once(lines: Mapping[str, str]) -> list[str]:
    """Return `machines: line` for each different line of `lines`.

    `lines` has one line by machine. The result follows the order of the first machine of each line.
    """
    machines: dict[str, list[str]] = {}
    for name in sorted(lines, key=by_number):
        machines.setdefault(lines[name], []).append(name)
    return [f"{short_names(names)}: {line}" for line, names in machines.items()]


def upgrades(simulated: Mapping[str, str], check_mode: bool = False) -> list[str]:
    """Return the packages that apt upgraded on each machine, from its simulation.

    In check mode these are the packages that apt would upgrade.
    """
    by_machine = {name: _SIMULATED.findall(text) for name, text in simulated.items()}
    lines = said_once({name: _upgrade_line(found, simulated[name]) for name, found in by_machine.items()})
    if any(old for found in by_machine.values() for _, old, _ in found) and not check_mode:
        lines.append("Kernels that run keep the old versions until their users restart them (Kernel > Restart Kernel).")
    return lines


def contents(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what the module content_deploy did on each machine, from its results."""
    return said_once({name: _content_line(result) for name, result in results.items()})


def _upgrade_line(found: list[tuple[str, str, str]], simulated: str) -> str:
    if not found:
        unknown = "unknown" in simulated.splitlines()
        return "apt could not tell beforehand what is newer" if unknown else "all packages are in their newest version"
    parts = [f"{package} {old} -> {new}" if old else f"{package} {new} (new)" for package, old, new in found]
    return listed(parts, _PACKAGES_IN_A_LINE)


def _content_line(result: Mapping[str, Any]) -> str:
    content = f"content {str(result.get('version', ''))[:12]}".rstrip()
    counts = result.get("counts")
    if not counts:
        # Check mode can report nothing more.
        return "other content would be laid down" if result.get("changed") else f"{content} is there, unchanged"
    parts = [
        f"{counts[kind]} {words} ({listed(result[kind], _FILES_IN_A_LINE, counts[kind])})"
        for kind, words in _CONTENT_WORDS.items()
        if counts[kind]
    ]
    return f"{content}: files {', '.join(parts)}" if parts else f"{content}: no file differs"


def _follows(first: str, second: str) -> bool:
    """Return whether the second name has the first one's text and the next number."""
    one, other = _NUMBERED.fullmatch(first), _NUMBERED.fullmatch(second)
    return bool(one and other and one[1] == other[1] and int(one[2]) + 1 == int(other[2]))


def people(users: Iterable[str]) -> str:
    """Return the names for one line: all when they are few, else the first names.

    A count of the remaining names follows the first ones.
    """
    names = list(users)
    return listed(names, 4 if len(names) <= 4 else 3)
