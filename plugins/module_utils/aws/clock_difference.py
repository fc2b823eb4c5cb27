"""Tell from an error of AWS how far this computer's clock differs from AWS's.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_CODES = frozenset(
    {"SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "AuthFailure"}
)
"""Errors that a wrong clock can cause."""
_COMPARED = re.compile(
    r"Signature (?:expired|not yet current): (\d{8}T\d{6}Z) is (?:now earlier|still later) than \d{8}T\d{6}Z "
    r"\((\d{8}T\d{6}Z) [-+] \d+ min\.?\)"
)
_LEAST_SECONDS = 240
"""A difference below this refuses no request: services bear 5 or 15 minutes."""


def clock_difference(error: BaseException, code: str, message: str) -> str:
    """Return how this computer's clock differs from AWS's, as part of a sentence.

    The result is "" where the clock is not the cause of `error`.
    """
    response = getattr(error, "response", None)
    if code not in _CODES or not isinstance(response, dict):
        return ""
    try:
        ours, theirs = _times(response, message)
    except (KeyError, ValueError, TypeError):
        return ""
    seconds = (theirs - ours).total_seconds()
    if abs(seconds) < _LEAST_SECONDS:
        return ""
    how = "behind" if seconds > 0 else "ahead"
    return f"it is {_text(ours)} on this computer and {_text(theirs)} at AWS, {_length(abs(seconds))} {how}"


def _times(response: dict[str, Any], message: str) -> tuple[datetime, datetime]:
    """Return this computer's time and AWS's at the request.

    Raises KeyError, ValueError or TypeError where they cannot be read.
    """
    fields = response["Error"]
    if match := _COMPARED.search(message):
        return datetime.fromisoformat(match.group(1)), datetime.fromisoformat(match.group(2))
    if "ServerTime" in fields:
        return datetime.fromisoformat(fields["RequestTime"]), datetime.fromisoformat(fields["ServerTime"])
    # EC2 names no times, but every answer has AWS's.
    theirs = parsedate_to_datetime(response["ResponseMetadata"]["HTTPHeaders"]["date"])
    return datetime.fromtimestamp(time.time(), UTC), theirs


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _length(seconds: float) -> str:
    for unit, length in (("days", 86400), ("h", 3600)):
        if seconds >= 2 * length:
            return f"{round(seconds / length)} {unit}"
    return f"{round(seconds / 60)} min"
