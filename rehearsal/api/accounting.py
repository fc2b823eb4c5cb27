"""Count the requests; throttle CloudFormation and Route 53 as AWS does."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from rehearsal.api.requests import Call

LOG_LENGTH = 5000
"""Number of calls whose details are kept."""


class TokenBucket:
    """Token bucket that limits the rate of requests.

    `burst` requests pass at once and `rate` a second from then on; a rate of 0 lets all pass.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._filled = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Return whether one more request may pass now."""
        if not self._rate:
            return True
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Counts:
    """Counters of API calls, and a log of the last mutating ones.

    Counts each call by name and kind, and the requests of the busiest second.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._mark = 0
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self._clear()

    def add(self, call: Call, outcome: str, status: int) -> None:
        """Count one request.

        `outcome` is `answered`, `throttled`, `fault` or `refused`; `status` 0 means no answer.
        """
        with self._lock:
            self._mark += 1
            self._count_second()
            (self._reads if call.reads else self._mutating)[call.name] += 1
            if outcome != "answered":
                self._outcomes.setdefault(outcome, Counter())[call.name] += 1
            if not call.reads:
                entry = {"mark": self._mark, "time": round(time.time(), 3), "call": call.name}
                self._log.append({**entry, "subject": call.subject, "outcome": outcome, "status": status})

    def as_dict(self) -> dict[str, Any]:
        """Return totals, counts by name, the most requests in one second, and a `mark`.

        `calls_since(mark)` later returns the calls after this moment.
        """
        with self._lock:
            return {
                "mark": self._mark,
                "read": dict(sorted(self._reads.items())),
                "mutating": dict(sorted(self._mutating.items())),
                "reads": self._reads.total(),
                "changes": self._mutating.total(),
                "peak_per_second": self._peak,
                **{name: dict(counter) for name, counter in sorted(self._outcomes.items())},
            }

    def calls_since(self, mark: int) -> list[dict[str, Any]]:
        """Return the mutating calls after the mark, oldest first.

        Calls that the log no longer holds are missing.
        """
        with self._lock:
            return [entry for entry in self._log if entry["mark"] > mark]

    def reset(self) -> None:
        """Reset all counts to zero; marks continue."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._last_second: deque[float] = deque()
        self._peak = 0
        self._reads: Counter[str] = Counter()
        self._mutating: Counter[str] = Counter()
        self._outcomes: dict[str, Counter[str]] = {}

    def _count_second(self) -> None:
        now = self._clock()
        self._last_second.append(now)
        while self._last_second[0] <= now - 1:
            self._last_second.popleft()
        self._peak = max(self._peak, len(self._last_second))
