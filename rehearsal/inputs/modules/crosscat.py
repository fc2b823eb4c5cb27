"""How strongly the columns of a table depend on each other, by their mutual information."""

from collections import Counter
from collections.abc import Hashable, Sequence
from math import log2


def mutual_information(left: Sequence[Hashable], right: Sequence[Hashable]) -> float:
    """Bits that one column tells about the other; 0 for columns that have nothing to do with each other.

    Raises ValueError for columns of different lengths.
    """
    if len(left) != len(right):
        raise ValueError(f"columns of {len(left)} and {len(right)} rows cannot be compared")
    total = len(left)
    lefts, rights, pairs = Counter(left), Counter(right), Counter(zip(left, right, strict=True))
    return sum(n / total * log2(n * total / (lefts[a] * rights[b])) for (a, b), n in pairs.items())
