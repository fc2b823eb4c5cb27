"""Measure how strongly a table's columns depend on each other.

The measure is their mutual information.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import log2


def mutual_information(left: Sequence[Hashable], right: Sequence[Hashable]) -> float:
    """Return the bits of information that one column gives about the other.

    The result is 0 for independent columns. Raises ValueError for columns of different lengths.
    """
    if len(left) != len(right):
        raise ValueError(f"columns of {len(left)} and {len(right)} rows cannot be compared")
    total = len(left)
    lefts, rights, pairs = Counter(left), Counter(right), Counter(zip(left, right, strict=True))
    return sum(n / total * log2(n * total / (lefts[a] * rights[b])) for (a, b), n in pairs.items())
