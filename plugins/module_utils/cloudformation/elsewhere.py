"""Choose another subnet for a machine that AWS has no capacity for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .job import Job

# EC2's sentence, and its error code, which CloudFormation repeats in some reasons alone.
_NO_CAPACITY = re.compile(r"sufficient \S+ capacity|Insufficient(?:Instance|Host)Capacity", re.IGNORECASE)
_THROTTLED = re.compile(r"Rate exceeded|RequestLimitExceeded|Throttling", re.IGNORECASE)


def is_without_capacity(reason: str) -> bool:
    """Return whether a failure reason means that a zone has no room for an instance."""
    return bool(_NO_CAPACITY.search(reason))


def is_throttled(reason: str) -> bool:
    """Return whether a failure reason means that AWS throttled CloudFormation itself."""
    return bool(_THROTTLED.search(reason))


@dataclass(frozen=True)
class Elsewhere:
    """The subnets that each user's machine may lie in; `zones` names the zone of each."""

    parameter: str
    subnets: Mapping[str, list[str]]
    zones: Mapping[str, str]

    def move(self, job: Job) -> str:
        """Give the job another subnet and return what to say, "" when there is none."""
        current = job.parameters.get(self.parameter, "")
        others = [subnet for subnet in self.subnets.get(job.user, []) if subnet != current]
        if not others or not current:
            return ""
        job.parameters[self.parameter] = others[0]
        where, there = self.zones.get(current, current), self.zones.get(others[0], others[0])
        return f"AWS has no room in {where}; tried in {there}"
