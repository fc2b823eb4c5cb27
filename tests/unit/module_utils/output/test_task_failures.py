"""Failures whose message has another type, another size or line breaks: still one clean, short line."""

from __future__ import annotations

import time

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.output.task_failures import failure_lines


def nested(depth: int) -> list[object]:
    """Return a list in a list, and so on."""
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        ({"msg": ["a", {"b": 1}]}, ["['a', {'b': 1}]"]),
        ({"msg": "", "rc": "1\n40 machines: 40 ok", "stderr": ["x"]}, ["exit status 1 40 machines: 40 ok: ['x']"]),
        ({"msg": "", "argument_errors": ["a\n40 machines: 40 ok", 7]}, ["a 40 machines: 40 ok; 7"]),
        ({"msg": nested(50_000)}, ["its answer was not understood"]),
    ],
)
def test_a_message_of_another_type_is_one_line(result: dict[str, object], lines: list[str]) -> None:
    assert failure_lines(result, "T") == lines


def test_a_huge_message_costs_no_minutes() -> None:
    start = time.monotonic()
    (line,) = failure_lines({"msg": "\u202ex" * 30_000_000}, "T")
    assert line.startswith("xxx") and len(line) < 600 and time.monotonic() - start < 5
