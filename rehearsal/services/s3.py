"""Add S3's checks that moto lacks: public access, KMS and damaged uploads.

A new bucket has all of Block Public Access on, as on AWS since April 2023.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from moto.core.request import Request
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend, s3_backends

from rehearsal.settings import SETTINGS

_DENIED = ("AccessDenied", "Access Denied", 403)
_NEEDS_VERSION_4 = (
    "InvalidArgument",
    "Requests specifying Server Side Encryption with AWS KMS managed keys require AWS Signature Version 4.",
    400,
)
_DAMAGED = ("BadDigest", "The SHA256 you specified did not match the calculated checksum.", 400)
_READS = ("GetObject", "HeadObject")


class S3Request(NamedTuple):
    """A request to S3 and what it says of itself."""

    action: str
    is_signed: bool
    request: Request
    environ: Mapping[str, Any]
    body: bytes

    @property
    def bucket_name(self) -> str:
        """The bucket that the path names."""
        return self.request.path.lstrip("/").partition("/")[0]

    @property
    def key_name(self) -> str:
        """The key that the path names."""
        return self.request.path.lstrip("/").partition("/")[2]


def refusal(asked: S3Request) -> tuple[str, str, int] | None:
    """Return the code, message and status with which S3 refuses a request.

    None is for a request that moto may answer. Hold the lock.
    """
    if asked.action in _READS:
        if not asked.is_signed and not is_public(asked):
            return _DENIED
        return _NEEDS_VERSION_4 if _is_kms(asked) and not _has_version_4(asked.environ) else None
    bucket = _bucket(asked.bucket_name)
    if bucket is None:
        return None
    if asked.action == "PutBucketPolicy" and _blocks(bucket, "block_public_policy"):
        opens = any(one["Effect"] == "Allow" and "Condition" not in one for one in _statements_for_all(asked.body))
        return _DENIED if opens else None
    is_public_acl = asked.environ.get("HTTP_X_AMZ_ACL", "").startswith("public-")
    if asked.action in ("PutObject", "PutObjectAcl") and is_public_acl and _blocks(bucket, "block_public_acls"):
        return _DENIED
    return _DAMAGED if asked.action == "PutObject" and _arrived_damaged(asked) else None


def block_public_access(bucket_name: str) -> None:
    """Turn on Block Public Access with all four settings, as in a new bucket.

    The caller holds the lock.
    """
    if bucket := _bucket(bucket_name):
        bucket.public_access_block = PublicAccessBlock(*["true"] * 4)


def is_public(asked: S3Request) -> bool:
    """Return whether everybody may read the object of this unsigned GET or HEAD.

    It is also True for a bucket that does not exist, because S3 reports that to everybody; an object that does not
    exist is as forbidden as any other to a client that may not list the bucket. Hold the lock.
    """
    bucket = _bucket(asked.bucket_name)
    if bucket is None:
        return True
    permission = _permission_of_everybody(bucket, f"arn:aws:s3:::{asked.bucket_name}/{asked.key_name}")
    if permission == PermissionResult.DENIED:
        return False
    key = _backend().get_object(asked.bucket_name, asked.key_name)
    if key is None:
        return False
    if permission == PermissionResult.PERMITTED:
        return not _blocks(bucket, "restrict_public_buckets")
    return bool(key.acl and key.acl.public_read) and not _blocks(bucket, "ignore_public_acls")


def _backend() -> S3Backend:
    backend: S3Backend = s3_backends[SETTINGS.account]["aws"]
    return backend


def _bucket(name: str) -> FakeBucket | None:
    try:
        return _backend().get_bucket(name)
    except S3ClientError:
        return None


def _blocks(bucket: FakeBucket, setting: str) -> bool:
    return bucket.public_access_block is not None and bool(getattr(bucket.public_access_block, setting))


def _is_kms(asked: S3Request) -> bool:
    try:
        key = _backend().get_object(asked.bucket_name, asked.key_name)
    except S3ClientError:
        return False
    return key is not None and str(key.encryption).startswith("aws:kms")


def _has_version_4(environ: Mapping[str, Any]) -> bool:
    """Return whether the signature, which was verified before, is of version 4."""
    header = environ.get("HTTP_AUTHORIZATION", "")
    return header.startswith("AWS4-") or "X-Amz-Algorithm=AWS4-" in environ.get("QUERY_STRING", "")


def _arrived_damaged(asked: S3Request) -> bool:
    """Return whether the body of a PutObject differs from its checksum header."""
    expected = asked.environ.get("HTTP_X_AMZ_CHECKSUM_SHA256", "")
    return bool(expected) and base64.b64encode(hashlib.sha256(asked.body).digest()).decode() != expected


def _statements_for_all(policy: bytes | str) -> list[dict[str, Any]]:
    """Return the statements of a bucket policy that are for everybody."""
    statements = json.loads(policy)["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    return [one for one in listed if one.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})]


def _permission_of_everybody(bucket: FakeBucket, resource: str) -> PermissionResult:
    """Return the bucket policy's decision on reading `resource` for everybody.

    moto would apply the statements for any principal.
    """
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    for_all = _statements_for_all(bucket.policy)
    if not for_all:
        return PermissionResult.NEUTRAL
    judge = IAMPolicy(json.dumps({**json.loads(bucket.policy), "Statement": for_all}))
    return judge.is_action_permitted("s3:GetObject", resource)
