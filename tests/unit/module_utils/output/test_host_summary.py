"""Summaries of commands: few lines, each machine.

They show no text of a machine's own, and an answer that makes no sense is one machine's.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.output import host_summary

SIMULATED = """Inst python-cgpm [0.2.1] (0.3.0 probcomp:probcomp [all])
Inst python-new:amd64 (1:2.0-1~rc1 probcomp:probcomp [all])
"""


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["alice"], "alice"),
        ([f"ws-{n}" for n in (10, 9, 11)], "ws-9 to ws-11"),
        (["ws-2", "ws-1"], "ws-1, ws-2"),
        (["ws-1", "ws-2", "ws-3", "ws-5", "alice"], "alice, ws-1 to ws-3, ws-5"),
        (["ws-1", "lab-2", "ws-3"], "lab-2, ws-1, ws-3"),
        ([f"u{n}x" for n in range(10)], "u0x, u1x, u2x, u3x, u4x, u5x, u6x, u7x and 2 more"),
    ],
)
def test_names(names: list[str], short: str) -> None:
    assert host_summary.short_names(names) == short


def test_what_is_the_same_is_said_once() -> None:
    lines = {f"ws-{n}": "same" for n in range(1, 41)} | {"ws-7": "other"}
    assert host_summary.said_once(lines) == ["ws-1 to ws-6, ws-8 to ws-40: same", "ws-7: other"]


def upgrades(outputs: dict[str, str], check_mode: bool = False) -> list[str]:
    return host_summary.upgrades({name: {"stdout": output} for name, output in outputs.items()}, check_mode)


def test_upgrades() -> None:
    lines = upgrades({"ws-1": SIMULATED, "ws-2": "", "ws-3": "unknown", "ws-4": SIMULATED})
    assert lines[:-1] == [
        "ws-1, ws-4: python-cgpm 0.2.1 -> 0.3.0, python-new 1:2.0-1~rc1 (new)",
        "ws-2: all packages are in their newest version",
        "ws-3: apt could not tell beforehand what is newer",
    ]
    assert "restart" in lines[-1]
    assert len(upgrades({"ws-1": SIMULATED}, check_mode=True)) == 1
    skipped = {"changed": False, "skipped": True}
    assert host_summary.upgrades({"ws-1": skipped}) == ["ws-1: all packages are in their newest version"]


def test_nothing_else_that_a_machine_says_is_shown() -> None:
    hostile = "Inst \x1b[31mevil [1] (2 x)\nInst a{{b}} [1] (2 x)\nInst good [1\x07] (2 x)\nInst fine [1] (2 x)\n"
    assert upgrades({"ws-1": hostile}, check_mode=True) == ["ws-1: fine 1 -> 2"]
    long = "".join(f"Inst {'a' * 9999}{number} [{'1' * 9999}] ({'2' * 9999} x)\n" for number in range(40))
    (line,) = upgrades({"ws-1": long}, check_mode=True)
    assert len(line) < 520 and line.startswith(f"ws-1: {'a' * 60} {'1' * 60} -> 2")


def test_contents() -> None:
    lists = {"new": [f"n{n}" for n in range(50)], "updated": ["a", "b"], "kept": ["mine"], "removed": []}
    counts = {"new": 60, "updated": 2, "kept": 1, "removed": 0}
    result = {"changed": True, "version": "f" * 64, "counts": counts, **lists}
    nothing = {**result, "counts": dict.fromkeys(counts, 0)}
    lines = host_summary.contents(
        {
            "ws-1": result,
            "ws-2": {"changed": False, "version": "f" * 64},
            "ws-3": {"changed": True},
            "ws-4": nothing,
        }
    )
    assert lines == [
        "ws-1: content ffffffffffff: files 60 new (n0, n1, n2 and 57 more), 2 updated (a, b), "
        "1 kept because their user changed them (mine)",
        "ws-2: content ffffffffffff is there, unchanged",
        "ws-3: other content would be laid down",
        "ws-4: content ffffffffffff: no file differs",
    ]


FORGED = "40 machines: 40 ok, 0 changed, 0 failed"
NAME = f"a\n{FORGED}\u202e\x1b[2J\u2028{FORGED}\r{FORGED}"
ONE_FILE = {"new": 1, "updated": 0, "kept": 0, "removed": 0}
GOOD = {"changed": True, "version": "f" * 64, "counts": ONE_FILE, "new": ["n"]}


def test_a_files_name_makes_no_line_of_its_own() -> None:
    (line,) = host_summary.contents({"ws-3": {**GOOD, "new": [NAME]}})
    assert line.startswith(r"ws-3: content ffffffffffff: files 1 new ('a\n40 machines")
    assert line.isprintable() and len(line) < 520
    (line,) = host_summary.contents({"ws-3": {**GOOD, "new": ["a), 7 removed (b"]}})
    assert line == "ws-3: content ffffffffffff: files 1 new ('a), 7 removed (b')", "a name is told from our own words"
    (line,) = host_summary.messages({"ws-3": {"msg": f"gen/install.sh ran\n{NAME}"}})
    assert line.startswith("ws-3: gen/install.sh ran a 40 machines") and line.isprintable()
    (line,) = host_summary.messages({"ws-3": {"msg": "x" * 10**7}})
    assert len(line) < 250


NO_RESULTS: list[Any] = [None, 7, "text", [], [{}], True]
NO_TEXTS: list[Any] = [None, 7, ["a"], {"a": "b"}, True]


@pytest.mark.parametrize(
    "answer",
    [
        *NO_RESULTS,
        *({**GOOD, "version": version} for version in [*NO_TEXTS, NAME, "F" * 64, "f" * 999]),
        *({**GOOD, "counts": counts} for counts in ("many", [1], 7, {"new": 1})),
        *({**GOOD, "counts": {**ONE_FILE, "new": count}} for count in ("1", "1\n", -1, 1.0, True, None, 10**12, [1])),
        *({**GOOD, "new": names} for names in (None, "n", {"n": 1}, 7, [7], [None], [["n"]])),
        {"changed": "yes"},
    ],
)
def test_content_that_makes_no_sense_is_one_machines(answer: Any) -> None:
    lines = host_summary.contents({"ws-1": GOOD, "ws-3": answer})
    assert lines == ["ws-1: content ffffffffffff: files 1 new (n)", "ws-3: its answer was not understood"]


@pytest.mark.parametrize("answer", [*NO_RESULTS, *({"msg": text} for text in NO_TEXTS), {}])
def test_a_message_that_is_none_is_one_machines(answer: Any) -> None:
    lines = host_summary.messages({"ws-1": {"msg": "it ran"}, "ws-2": {"msg": "it ran"}, "ws-3": answer})
    assert lines == ["ws-1, ws-2: it ran", "ws-3: its answer was not understood"]


@pytest.mark.parametrize("answer", [*NO_RESULTS, *({"stdout": text} for text in NO_TEXTS)])
def test_an_apt_that_makes_no_sense_is_one_machines(answer: Any) -> None:
    lines = host_summary.upgrades({"ws-1": {"stdout": ""}, "ws-3": answer})
    assert lines == ["ws-1: all packages are in their newest version", "ws-3: its answer was not understood"]
