"""Record the queries of a notebook in a folder.

The lab collects the folder from every machine.
"""

import json
import time
from pathlib import Path

import bayeslite

FOLDER = ".iventure_logs"


class Session:
    """A session of queries to a population; each is answered and recorded."""

    def __init__(self, population: bayeslite.Population) -> None:
        self.population = population
        folder = Path.home() / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        self.log = folder / f"{time.strftime('%Y%m%dT%H%M%S')}.jsonl"

    def probability(self, column: str, value: str) -> float:
        """Return the population's estimate, after recording the query."""
        answer = self.population.estimate_probability(column, value)
        self._record("probability", {"column": column, "value": value, "answer": answer})
        return answer

    def _record(self, question: str, details: dict[str, object]) -> None:
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"time": time.time(), "question": question} | details) + "\n")
