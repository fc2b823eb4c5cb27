"""AWS client settings, retries after transient errors, and error messages."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clock_difference import clock_difference

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore import exceptions

CLIENT_SETTINGS: dict[str, Any] = {
    "retries": {"mode": "adaptive", "total_max_attempts": 4},
    "connect_timeout": 10,
    "read_timeout": 30,
}
"""botocore settings, for `module.client(..., config=CLIENT_SETTINGS)`, in seconds."""
S3_SETTINGS: dict[str, Any] = {
    **CLIENT_SETTINGS,
    # Objects that KMS encrypts refuse signatures of version 2, with which botocore presigns by default.
    "signature_version": "s3v4",
    # Otherwise a presigned address has S3's general host, which sends machines on to a host that is not signed.
    "s3": {"addressing_style": "virtual"},
}
"""botocore settings for clients of S3."""
RETRY_SECONDS = 90.0
"""Longest time for which a request is tried again."""

_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "SlowDown",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",  # Route 53: the previous change is still pending.
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_WRONG_SECRET = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException"})
_REFUSED = frozenset(
    {
        "InvalidClientTokenId",
        "AuthFailure",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "RequestTimeTooSkewed",
    }
)
_FORBIDDEN = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Client.UnauthorizedOperation", "Forbidden"}
)


@dataclass(frozen=True)
class Clock:
    """Time and sleep for code that waits; tests pass one that does not sleep."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def error_code(error: BaseException) -> str:
    """Return the AWS error code of `error`, "" when it is not an AWS response."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def error_message(error: BaseException) -> str:
    """Return the message of `error` on one line, from AWS's response if there is one."""
    response = getattr(error, "response", None)
    message = response.get("Error", {}).get("Message", "") if isinstance(response, dict) else ""
    return " ".join(str(message or error).split())


def is_credentials_error(error: BaseException) -> bool:
    """Return whether no call can succeed with the current credentials."""
    kinds = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.ProfileNotFound,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
    )
    return isinstance(error, kinds) or error_code(error) in _EXPIRED | _REFUSED | _WRONG_SECRET


def is_temporary(error: BaseException) -> bool:
    """Return whether a retry may succeed: throttling, timeout, AWS fault and the like."""
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return not isinstance(error, (exceptions.SSLError, exceptions.ProxyConnectionError))
    if error_code(error) in _THROTTLED:
        return True
    response = getattr(error, "response", None)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else 0
    return bool(status >= 500)


def retry_transient[T](call: Callable[[], T], clock: Clock | None = None) -> T:
    """Return the result of `call`, retrying transient errors for up to RETRY_SECONDS.

    botocore has already retried a few times before an error arrives here. Pauses double from about 1 s to about 15 s,
    with jitter, so that concurrent commands do not retry in step. `call` must be safe to repeat.
    """
    clock = clock or Clock()
    end = clock.now() + RETRY_SECONDS
    pause = 1.0
    while True:
        try:
            return call()
        except (exceptions.BotoCoreError, exceptions.ClientError) as error:
            wait = pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
            if not is_temporary(error) or clock.now() + wait > end:
                raise
        clock.sleep(wait)
        pause = min(2 * pause, 15.0)


def explain(error: BaseException) -> str:
    """Return a sentence for the user about a botocore error: cause and remedy."""
    code, message = error_code(error), error_message(error)
    operation = getattr(error, "operation_name", "the request")
    if wrong := clock_difference(error, code, message):
        return f"{wrong}: set this computer's clock, and give the same command again ({code})"
    if code in _EXPIRED:
        return "the AWS credentials have expired: get new ones and give the same command again"
    if code in _WRONG_SECRET:
        return f"the secret access key is not that of the access key: copy both again into the profile ({code})"
    if code in _REFUSED:
        return f"AWS does not accept these credentials ({code}): check the profile or the access key"
    if code in _FORBIDDEN:
        return f"the AWS credentials do not allow {operation}: ask for that permission ({_bounded(message)})"
    if code in _THROTTLED:
        return f"AWS takes no more requests at the moment ({operation}: {code}): wait a minute, then the same again"
    if code:
        return f"{operation}: {_bounded(message)} ({code})"
    return _explain_without_answer(error, message)


def _explain_without_answer(error: BaseException, message: str) -> str:
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return "no AWS credentials found: set AWS_PROFILE, or log in with the aws command"
    if isinstance(error, (exceptions.SSOError, exceptions.TokenRetrievalError, exceptions.CredentialRetrievalError)):
        return f"the AWS credentials cannot be had: log in again ({_bounded(message)})"
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{_bounded(message)}: check AWS_PROFILE"
    if isinstance(error, exceptions.NoRegionError):
        return "no AWS region: set `region` in inventory/probcomp_ec2.yml, or AWS_REGION"
    if isinstance(error, exceptions.SSLError):
        return f"the connection to AWS is not trusted: check the certificates and AWS_CA_BUNDLE ({_bounded(message)})"
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return f"cannot connect to AWS: check the network and the region ({_bounded(message)})"
    return f"AWS: {_bounded(message)}"


def _bounded(text: str) -> str:
    return text if len(text) <= 300 else text[:300] + "..."
