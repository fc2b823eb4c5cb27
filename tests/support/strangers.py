"""Tell whether what belongs to strangers in the rehearsal's account was touched.

A snapshot is the answer of `GET /rehearsal/strangers`, or of `Strangers.snapshot` in the test's own process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Snapshot = dict[str, dict[str, Any]]
_LONGEST = 200


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """Return a line for every thing of strangers that is not as it was."""
    lines = []
    for kind in sorted({*before, *after}):
        old, new = before.get(kind, {}), after.get(kind, {})
        for identity in sorted({*old, *new}):
            lines += _changes(f"{kind} {identity}", old.get(identity), new.get(identity))
    return lines


def _changes(what: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[str]:
    if old is None or new is None:
        return [f"{what}: {'is gone' if new is None else 'is new'}"] if old != new else []
    keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    return [f"{what}: {key}: {_short(old.get(key))} -> {_short(new.get(key))}" for key in keys]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


@contextmanager
def untouched(read: Callable[[], Snapshot]) -> Iterator[Snapshot]:
    """Check that all that is strangers' is after the block as it was before it.

    `read` returns a snapshot; the block gets the first one. There must be strangers.
    """
    before = read()
    assert before["instances"] and before["stacks"], "the account is clean: nothing could be touched"
    yield before
    assert differences(before, read()) == []
