"""Parse content_url into bucket and key by the forms of S3 URLs.

Pure functions, standard library only. Runs on the controller.

Forms: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html and WebsiteEndpoints.html.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ..machine.accounts import MachineError
from ..output.text import redact_url

_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.)?"
    r"s3(?:-(?:accelerate|fips|website))?(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
)
"""Pattern of S3 host names with or without a leading bucket.

Examples: s3.amazonaws.com, s3.eu-west-1..., s3-eu-west-1..., s3-website.eu-west-1..., s3.dualstack.eu-west-1...
"""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class S3Object:
    """Object in S3."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def arn(self) -> str:
        """Return the ARN of the object, as policies have it."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}"

    @property
    def policy(self) -> str:
        """Return a bucket policy on one line that lets machines read the object."""
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": self.arn}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def is_admitted_by(self, policy: str) -> bool:
        """Return whether a statement of `policy` lets everybody read the object.

        `policy` is the bucket's, in JSON, and the statement must have no condition. The result is also False for a
        statement that this function does not understand. It does not check whether another statement denies access.
        """
        statements = json.loads(policy).get("Statement", []) if policy else []
        return any(self._admits(statement) for statement in _listed(statements))

    def _admits(self, statement: dict[str, Any]) -> bool:
        everybody = statement.get("Principal") == "*" or (
            isinstance(statement.get("Principal"), dict) and "*" in _listed(statement["Principal"].get("AWS"))
        )
        actions = [str(action).lower() for action in _listed(statement.get("Action"))]
        return (
            statement.get("Effect") == "Allow"
            and everybody
            and not statement.get("Condition")
            and any(_fits("s3:getobject", action) for action in actions)
            and any(_fits(self.arn, str(resource)) for resource in _listed(statement.get("Resource")))
        )


def is_s3_address(url: str) -> bool:
    """Return whether `url` is s3://bucket/key.

    The controller presigns such an address for each run.
    """
    return url.lower().startswith("s3://")


def parse_s3_address(url: str) -> S3Object:
    """Return the S3 object of s3://bucket/key.

    The key is taken as it is, without escapes. Raises MachineError.
    """
    bucket, _, key = url[len("s3://") :].partition("/")
    if not _BUCKET.fullmatch(bucket) or not key or key.endswith("/") or not key.isprintable():
        raise MachineError(
            f"content_url {url[:200]!r} names no file in a bucket: s3://bucket/folder/content-package.tgz"
        )
    return S3Object(bucket, key)


def parse_content_url(url: str, bucket: str = "", key: str = "") -> S3Object:
    """Return the S3 object of `url`.

    `bucket` and `key`, both given, name the object of a URL that is not of S3.

    Raises MachineError with the setting to change.
    """
    if not url:
        raise MachineError("no content_url is set in group_vars/all: the address at which machines find the content")
    if is_s3_address(url):
        if bucket or key:
            raise MachineError("content_bucket and content_key go with an http or https address: leave both out")
        return parse_s3_address(url)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise MachineError(f"content_url {redact_url(url)} is no s3, http or https address")
    if "versionId" in parse_qs(parts.query, keep_blank_values=True):
        raise MachineError(
            f"content_url {redact_url(url)} asks for one version (versionId=), and machines would never get another: "
            "leave that out"
        )
    if bool(bucket) != bool(key):
        raise MachineError("of content_bucket and content_key only one is set: set both, or neither")
    if bucket:
        return S3Object(bucket, key)
    path = unquote(parts.path).lstrip("/")
    match = _HOST.fullmatch((parts.hostname or "").lower())
    if match is None:
        raise MachineError(
            f"content_url {redact_url(url)} is no address of S3: set content_bucket and content_key in group_vars/all "
            "to where it takes its file from, or put the archive there by hand"
        )
    if not match["bucket"]:
        name, _, path = path.partition("/")
        return _complete(S3Object(name, path), url)
    return _complete(S3Object(match["bucket"], path), url)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _fits(text: str, pattern: str) -> bool:
    """Return whether `text` matches the `pattern` of a policy.

    In a pattern * stands for any characters and ? for any one character.
    """
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _complete(location: S3Object, url: str) -> S3Object:
    if not location.bucket or not location.key:
        raise MachineError(f"content_url {redact_url(url)} names no file in a bucket")
    return location
