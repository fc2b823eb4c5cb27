"""Summaries of commands: few lines, each machine.

They show no text of a machine's own.
"""

from __future__ import annotations

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


def test_upgrades() -> None:
    lines = host_summary.upgrades({"ws-1": SIMULATED, "ws-2": "", "ws-3": "unknown", "ws-4": SIMULATED})
    assert lines[:-1] == [
        "ws-1, ws-4: python-cgpm 0.2.1 -> 0.3.0, python-new 1:2.0-1~rc1 (new)",
        "ws-2: all packages are in their newest version",
        "ws-3: apt could not tell beforehand what is newer",
    ]
    assert "restart" in lines[-1]
    assert len(host_summary.upgrades({"ws-1": SIMULATED}, check_mode=True)) == 1
    assert host_summary.upgrades({"ws-1": ""}) == ["ws-1: all packages are in their newest version"]


def test_nothing_else_that_a_machine_says_is_shown() -> None:
    hostile = "Inst \x1b[31mevil [1] (2 x)\nInst a{{b}} [1] (2 x)\nInst good [1\x07] (2 x)\nInst fine [1] (2 x)\n"
    assert host_summary.upgrades({"ws-1": hostile}, check_mode=True) == ["ws-1: fine 1 -> 2"]


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
