"""One clean, short line for failures with odd messages.

Such a message has another type, a huge size or line breaks.
"""

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


@pytest.mark.parametrize(
    "result",
    [
        {"msg": "writing /home/jupyter/.jupyter/a.json failed: No space left on device"},
        {"msg": "'/usr/bin/apt-get -y install 'a'' failed: E: You don't have enough free space in /var/cache/apt.\n"},
        {"msg": "non-zero return code", "rc": 1, "stderr": "mktemp: failed: No space left on device\n"},
        {"msg": "writing /home/jupyter/a failed: Disk quota exceeded"},
    ],
)
def test_a_full_disk_has_its_advice(result: dict[str, object]) -> None:
    (line,) = failure_lines(result, "T")
    assert line.endswith("; that disk is full: make room there (df -h; on the machine by scripts/login), and try again")
    assert not line.startswith("'/usr/bin")
