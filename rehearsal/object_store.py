"""Who may read an object without credentials: moto lets in more than S3 does."""

from moto.core.request import Request
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import S3Backend, s3_backends

from rehearsal.settings import SETTINGS


def is_public(request: Request) -> bool:
    """Whether the object of this unsigned GET or HEAD may be read by everybody; hold the lock.

    True also for a bucket that does not exist, which S3 tells everybody; an object that does not exist is as forbidden
    as any other to who may not list the bucket.
    """
    bucket_name, _, key_name = request.path.lstrip("/").partition("/")
    backend: S3Backend = s3_backends[SETTINGS.account]["aws"]
    try:
        bucket = backend.get_bucket(bucket_name)
    except S3ClientError:
        return True
    permission = bucket.get_permission("s3:GetObject", f"arn:aws:s3:::{bucket_name}/{key_name}")
    if permission == PermissionResult.DENIED:
        return False
    key = backend.get_object(bucket_name, key_name)
    if key is None:
        return False
    if permission == PermissionResult.PERMITTED:
        return True
    return bool(key.acl and key.acl.public_read)
