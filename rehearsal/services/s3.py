"""Add S3's checks that moto lacks: public access and damaged uploads."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from moto.core.request import Request
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, S3Backend, s3_backends

from rehearsal.settings import SETTINGS


def is_public(request: Request) -> bool:
    """Return whether everybody may read the object of this unsigned GET or HEAD.

    It is also True for a bucket that does not exist, because S3 reports that to everybody; an object that does not
    exist is as forbidden as any other to a client that may not list the bucket. Hold the lock.
    """
    bucket_name, _, key_name = request.path.lstrip("/").partition("/")
    backend: S3Backend = s3_backends[SETTINGS.account]["aws"]
    try:
        bucket = backend.get_bucket(bucket_name)
    except S3ClientError:
        return True
    permission = _permission_of_everybody(bucket, f"arn:aws:s3:::{bucket_name}/{key_name}")
    if permission == PermissionResult.DENIED:
        return False
    key = backend.get_object(bucket_name, key_name)
    if key is None:
        return False
    if permission == PermissionResult.PERMITTED:
        return True
    return bool(key.acl and key.acl.public_read)


def arrived_damaged(environ: Mapping[str, Any], body: bytes) -> bool:
    """Return whether the body of this PutObject differs from its checksum header.

    S3 answers BadDigest then.
    """
    expected = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256", "")
    return bool(expected) and base64.b64encode(hashlib.sha256(body).digest()).decode() != expected


def _permission_of_everybody(bucket: FakeBucket, resource: str) -> PermissionResult:
    """Return the bucket policy's decision on reading `resource` for everybody.

    moto would apply the statements for any principal.
    """
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy: dict[str, Any] = json.loads(bucket.policy)
    statements = policy["Statement"]
    listed = statements if isinstance(statements, list) else [statements]
    for_all = [one for one in listed if one.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})]
    if not for_all:
        return PermissionResult.NEUTRAL
    judge = IAMPolicy(json.dumps({**policy, "Statement": for_all}))
    return judge.is_action_permitted("s3:GetObject", resource)
