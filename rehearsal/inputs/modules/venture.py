"""Sample from small probabilistic programs."""

import random
from collections import Counter
from collections.abc import Callable, Hashable


def infer(
    program: Callable[[random.Random], tuple[Hashable, bool]], samples: int = 1000, seed: int = 1
) -> dict[Hashable, float]:
    """Return the distribution of a program's value, given its condition.

    It is found by rejection sampling. The program takes a source of randomness and returns (value, condition). Raises
    ValueError when the condition never held.
    """
    source = random.Random(seed)  # noqa: S311 - sampling, not secrets
    accepted = Counter(value for value, holds in (program(source) for _ in range(samples)) if holds)
    if not accepted:
        raise ValueError(f"the condition held in none of {samples} samples")
    total = sum(accepted.values())
    return {value: number / total for value, number in accepted.items()}
