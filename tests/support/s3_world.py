"""The rehearsal's S3 for tests of what is published to it and read from it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import S3_SETTINGS
from ansible_collections.probcomp.stack.plugins.module_utils.content.checked_archive import MIB, Archive, check_archive
from ansible_collections.probcomp.stack.plugins.module_utils.content.publish import ContentTarget, publish
from ansible_collections.probcomp.stack.plugins.module_utils.content.s3_object import S3Object
from botocore import UNSIGNED
from botocore.config import Config
from moto.moto_api._internal.models import moto_api_backend
from werkzeug.serving import make_server

from rehearsal.account import seed
from rehearsal.api.accounting import Counts
from rehearsal.api.control import ControlEndpoints
from rehearsal.api.gateway import Gate
from rehearsal.settings import SETTINGS, Settings

PLACE = S3Object("lab", "folder/content.tgz")
CLOSED = S3Object("closed", "Kurs ä+?&#/content package.tgz")
_BY_KMS = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}


class S3World:
    """The rehearsal's S3 with the bucket `lab`, and the requests to it."""

    def __init__(self, folder: Path, api: str, counts: Counts) -> None:
        self.folder, self.api, self._counts = folder, api, counts
        self.s3 = self._client(**{**S3_SETTINGS, "retries": {"total_max_attempts": 1}})
        self.anonymous = self._client(signature_version=UNSIGNED)

    def _client(self, region: str = SETTINGS.region, **settings: Any) -> Any:
        keys = {"aws_access_key_id": SETTINGS.access_key, "aws_secret_access_key": SETTINGS.secret_key}
        return boto3.client("s3", region_name=region, endpoint_url=self.api, config=Config(**settings), **keys)

    def target(self, **settings: Any) -> ContentTarget:
        url = f"{self.api}/{PLACE.bucket}/{PLACE.key}"
        given = {"object": PLACE, "url": url, "largest": MIB, "seconds": 20, **settings}
        return ContentTarget(s3=self.s3, anonymous=self.anonymous, **given)

    def archive(self, content: bytes) -> Archive:
        path = self.folder / "Kurs änderung.tgz"
        path.write_bytes(content)
        return check_archive(path, MIB, MIB)

    def publish(self, content: bytes, pinned: str = "", check_mode: bool = False, **settings: Any) -> bool:
        target = self.target(**settings)
        return publish(self.archive(content), target, target.version(), pinned, check_mode)

    def clients(self) -> AwsClients:
        return AwsClients(lambda _, region: self._client(region, **S3_SETTINGS), SETTINGS.region)

    def open(self, bucket: str = PLACE.bucket) -> None:
        access = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False
        )
        self.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=access)
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(seed.public_policy(bucket)))

    def puts(self) -> int:
        return len([call for call in self._counts.calls_since(0) if call["call"] == "s3:PutObject"])

    def close(self) -> None:
        """Make a bucket as new ones are, in another region.

        It is closed by Block Public Access, and encrypts with KMS.
        """
        elsewhere = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket=CLOSED.bucket, CreateBucketConfiguration=elsewhere)
        self.s3.put_bucket_encryption(Bucket=CLOSED.bucket, ServerSideEncryptionConfiguration=_BY_KMS)


@contextmanager
def s3_world(folder: Path) -> Iterator[S3World]:
    """Serve S3 with the public bucket of PLACE and the closed one of CLOSED."""
    moto_api_backend.reset()
    counts = Counts()
    settings = Settings(home=folder, access_key=SETTINGS.access_key, secret_key=SETTINGS.secret_key)
    gate = Gate(settings, counts, {}, ControlEndpoints(settings, counts, dict, lambda: None))
    server = make_server("127.0.0.1", 0, gate, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = S3World(folder, f"http://127.0.0.1:{server.port}", counts)
    made.s3.create_bucket(Bucket=PLACE.bucket)
    made.open()
    made.close()
    yield made
    server.shutdown()
    moto_api_backend.reset()
