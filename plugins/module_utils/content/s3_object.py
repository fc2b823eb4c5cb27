"""Where content_url takes its file from: bucket and key, by the forms that addresses of S3 have. Pure functions.

Imported by the module content_publish, on the controller. Standard library only.
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
"""s3.amazonaws.com, s3.eu-west-1..., s3-eu-west-1..., s3-website.eu-west-1..., s3.dualstack.eu-west-1..., with or
without a bucket before it."""


@dataclass(frozen=True)
class S3Object:
    """An object of S3."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def arn(self) -> str:
        """How policies name it."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}"

    @property
    def policy(self) -> str:
        """The policy of the bucket by which machines may read the object, on one line."""
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": self.arn}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def is_admitted_by(self, policy: str) -> bool:
        """Tell whether a statement of the bucket's `policy` (JSON) lets everybody read the object, on no condition.

        False is also said of what this does not understand. Whether another statement denies it is not looked at.
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


def parse_content_url(url: str, bucket: str = "", key: str = "") -> S3Object:
    """Return where `url` takes its file from; `bucket` and `key`, given both, say it of an address that is not S3's.

    Raises MachineError with what to set.
    """
    if not url:
        raise MachineError("no content_url is set in group_vars/all: the address at which machines find the content")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise MachineError(f"content_url {redact_url(url)} is no http or https address")
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
    """Tell whether `text` is what the `pattern` of a policy means, where * and ? stand for any characters."""
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _complete(location: S3Object, url: str) -> S3Object:
    if not location.bucket or not location.key:
        raise MachineError(f"content_url {redact_url(url)} names no file in a bucket")
    return location
