"""Presign the address of an archive in S3 for one run.

Runs on the controller. The address is a secret: whoever has it can read the archive until it expires.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ..aws.client import AwsClients
from ..aws.errors import error_code
from ..machine.accounts import MachineError
from .s3_object import S3Object

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports a missing library.
    from botocore.exceptions import ClientError

LIFETIME = 900
"""Seconds within which a machine must begin to download."""
_REGION = "x-amz-bucket-region"


def client_of_bucket(clients: AwsClients, location: S3Object) -> Any:
    """Return the S3 client for the bucket's region.

    That may be another region than the machines'. Raises MachineError for a bucket that does not exist, and botocore's
    errors.
    """
    try:
        answer = clients.read("s3", "head_bucket", Bucket=location.bucket)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchBucket"):
            raise MachineError(
                f"there is no bucket {location.bucket} for {location}: correct content_url (or content_bucket), or "
                f"make it: aws s3 mb s3://{location.bucket}"
            ) from None
        answer = error.response
        # S3 names the region also to those who may not list the bucket.
        if _REGION not in answer["ResponseMetadata"]["HTTPHeaders"]:
            raise
    return clients.client("s3", answer["ResponseMetadata"]["HTTPHeaders"].get(_REGION, ""))


def presign(s3: Any, location: S3Object) -> str:
    """Return the address from which anybody can read the object for LIFETIME seconds.

    `s3` is boto3's client of the bucket's region. Only the host is signed, so that a machine can add conditions.
    """
    parameters = {"Bucket": location.bucket, "Key": location.key}
    return str(s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=LIFETIME))


def rights(location: S3Object) -> str:
    """Return which rights reading the object needs."""
    return f"s3:GetObject on {location.arn}, and kms:Decrypt where the bucket encrypts with a KMS key of your own"
