"""Model single columns: predict the value of the next row."""

from collections import Counter
from collections.abc import Hashable


class Categorical:
    """A categorical column with a symmetric Dirichlet prior.

    Each value seen has the given weight.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha
        self.counts: Counter[Hashable] = Counter()

    def incorporate(self, value: Hashable) -> None:
        """Learn from one more row."""
        self.counts[value] += 1

    def probability(self, value: Hashable) -> float:
        """Return the predictive probability that the next row has this value.

        All values that were never seen share one prior weight.
        """
        kinds = len(self.counts) + 1
        total = sum(self.counts.values()) + self.alpha * kinds
        return (self.counts[value] + self.alpha) / total
