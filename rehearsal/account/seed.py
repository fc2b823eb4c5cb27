"""Fill the account: zone, certificate, key pair, images and content.

The account has these before the first command. The server calls `install` once when it starts, before it answers. Acts
on moto's backends in this process and writes keys below the rehearsal's folder.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import moto.settings
from moto.acm.models import acm_backends
from moto.ec2.models import ec2_backends
from moto.route53.models import route53_backends
from moto.s3.models import s3_backends

from rehearsal.account import pki
from rehearsal.inputs import content_archive
from rehearsal.lock import LOCK
from rehearsal.services import s3
from rehearsal.services.ec2 import amis
from rehearsal.settings import Settings

KEY_NAME = "rehearsal"
BUCKET = "probcomp-content"
ADMIN_CIDR = "127.0.0.1/32"
TEN_YEARS = 10 * 365 * 24 * 3600


def install(settings: Settings, account: str, region: str) -> dict[str, str]:
    """Fill the account and return the entries that belong in rehearsal.json."""
    # moto reads this when a backend is first used; it would load its own list of images only for them to be replaced.
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    # Nobody here answers a validation by DNS, so a requested certificate stays PENDING_VALIDATION.
    moto.settings.ACM_VALIDATION_WAIT = TEN_YEARS
    signer = pki.authority(settings.home / "ca")
    private_key = settings.home / "key"
    public_key = pki.ssh_key(private_key, KEY_NAME)
    archive = content_archive.build(settings.home / "content-package.tgz")
    domain = f"stack.{settings.zone}"
    with LOCK:
        amis.install(account, region)
        ec2_backends[account][region].import_key_pair(KEY_NAME, public_key.encode(), tags={})
        route53_backends[account]["aws"].create_hosted_zone(
            f"{settings.zone}.", private_zone=False, comment="rehearsal"
        )
        issued = pki.issue(signer, [f"*.{domain}", domain])
        certificate_arn = acm_backends[account][region].import_certificate(
            issued.certificate, issued.private_key, issued.chain, arn=None, tags=[]
        )
        content_url = _publish(account, region, archive)
    return {
        "zone": settings.zone,
        "certificate_arn": certificate_arn,
        "key_name": KEY_NAME,
        "private_key_file": str(private_key),
        "admin_cidr": ADMIN_CIDR,
        "ca_bundle": str(signer.certificate_file),
        "content_url": content_url,
        "content_checksum": f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}",
    }


def _publish(account: str, region: str, archive: Path) -> str:
    """Publish the archive as a private S3 object, and return its address.

    Only the account may read it. The bucket is as new ones are, with Block Public Access on, and encrypts by KMS.
    """
    store = s3_backends[account]["aws"]
    store.create_bucket(BUCKET, region)
    s3.block_public_access(BUCKET)
    by_kms = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    store.put_bucket_encryption(BUCKET, {"Rule": by_kms})
    content = archive.read_bytes()
    # publish_content.yml notes the archive's version in the same way.
    store.put_object(BUCKET, archive.name, content).set_metadata({"sha256": hashlib.sha256(content).hexdigest()})
    return f"s3://{BUCKET}/{archive.name}"


def public_policy(bucket: str) -> dict[str, Any]:
    """Return a bucket policy that lets everybody read objects and nobody list them."""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
