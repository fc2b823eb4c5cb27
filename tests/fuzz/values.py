"""Values that a machine or a person at a keyboard may give.

They are texts with odd characters, and JSON of any shape.
"""

from __future__ import annotations

import functools
from typing import Any

from hypothesis import strategies as st

ODD = [
    *("\n", "\r", "\t", "\0", "\x07", "\x08", "\x1b", "\x1b[31m", "\x1b]0;owned\x07", "\x9b2J", "\x85", "\u2028"),
    *("\u202e", "\u2066", "\u200b", "\ufeff", "\xa0", "\u3000", "\u0301", "\ud800", "\udc80", "\ue000", "\U000e0001"),
    *("{{ 7*7 }}", "$(id)", "../", "/", "\\", "'", '"', ",", ";", ":", "%s", "40 machines: 40 ok"),
]
# Choosing from a list takes a fifth of the time of any character.
SIGNS = st.sampled_from([*ODD, *map(chr, range(32, 127)), "é", "ü", "中"])
TEXT: st.SearchStrategy[str] = st.lists(SIGNS, max_size=12).map("".join) | st.text(st.characters(), max_size=5)
LONG: st.SearchStrategy[str] = st.builds(lambda text, times: text * times, TEXT, st.integers(1, 500))
ANY_TEXT = TEXT | TEXT | LONG


@functools.cache
def huge(digits: int) -> int:
    """Return a number that Python does not write in decimal digits."""
    return 10**digits


@functools.cache
def deep(depth: int) -> list[Any]:
    """Return a list in a list, `depth` times."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.sampled_from([4999, 5000]).map(huge))
JSON: st.SearchStrategy[Any] = st.one_of(
    _LEAVES,
    st.recursive(
        _LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from([100, 900, 100_000]).map(deep),
)


def answers(**expected: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return dictionaries with some of the `expected` keys.

    Each key has a fitting value or any other.
    """
    return st.fixed_dictionaries({}, optional={name: fitting | JSON for name, fitting in expected.items()})


def assert_line(line: str, most: int) -> None:
    """Fail unless `line` is one line of at most `most` characters.

    It must have neither control nor bidi characters.
    """
    assert line.isprintable(), ascii(line[:500])
    assert len(line) <= most, len(line)
