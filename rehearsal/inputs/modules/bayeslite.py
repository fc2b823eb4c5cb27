"""Estimate probable answers to questions about a table."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from cgpm import Categorical
from crosscat import mutual_information

__version__ = "0.3.3"


class Population:
    """The rows of a table, with a model of every column."""

    def __init__(self, rows: Iterable[Mapping[str, str]]) -> None:
        self.rows = list(rows)
        self.models: dict[str, Categorical] = {}
        for row in self.rows:
            for column, value in row.items():
                self.models.setdefault(column, Categorical()).incorporate(value)

    def estimate_probability(self, column: str, value: str) -> float:
        """Return the probability that another row has this value.

        Raises KeyError for an unknown column.
        """
        return self.models[column].probability(value)

    def estimate_dependence(self, left: str, right: str) -> float:
        """Return the mutual information of two columns, in bits."""
        return mutual_information([row[left] for row in self.rows], [row[right] for row in self.rows])


def read_csv(path: str) -> Population:
    """Return the population of a CSV file whose first line names the columns."""
    with Path(path).open(newline="", encoding="utf-8") as stream:
        return Population(csv.DictReader(stream))
