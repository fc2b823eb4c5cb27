"""Content in a private bucket: presigned addresses, and publishing to it."""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import S3_SETTINGS
from ansible_collections.probcomp.stack.plugins.module_utils.content.checked_archive import MIB
from ansible_collections.probcomp.stack.plugins.module_utils.content.download import download
from ansible_collections.probcomp.stack.plugins.module_utils.content.presign import client_of_bucket, presign
from ansible_collections.probcomp.stack.plugins.module_utils.content.s3_object import S3Object
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.api import faults
from rehearsal.settings import SETTINGS
from tests.support.content_world import files
from tests.support.s3_world import CLOSED, S3World, s3_world

ONE, TWO = files(notebook__a="a1"), files(notebook__a="a2")


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[S3World]:
    with s3_world(tmp_path) as made:
        yield made
    faults.clear()


def test_an_s3_address_needs_neither_policy_nor_acl(closed: S3World) -> None:
    settings: dict[str, Any] = {"object": CLOSED, "url": str(CLOSED)}
    assert closed.publish(ONE, check_mode=True, **settings) and closed.puts() == 0
    assert closed.publish(ONE, **settings) and not closed.publish(ONE, **settings)
    assert closed.puts() == 1
    with pytest.raises(MachineError, match=r"machines cannot read it: .* 40[03] ") as raised:
        closed.publish(ONE, object=CLOSED, url=f"{closed.api}/{CLOSED.bucket}/{urllib.parse.quote(CLOSED.key)}")
    assert "policy like this" in str(raised.value)


def test_what_these_credentials_may_not_read_is_said_without_a_policy(closed: S3World) -> None:
    faults.add({"service": "s3", "action": "GetObject", "code": "AccessDenied", "message": "no", "status": 403})
    with pytest.raises(MachineError, match=r"These credentials need s3:GetObject on .* kms:Decrypt") as raised:
        closed.publish(ONE, object=CLOSED, url=str(CLOSED))
    assert "X-Amz" not in str(raised.value) and "Principal" not in str(raised.value)


def test_a_presigned_address_answers_not_modified_to_the_kept_etag(closed: S3World, tmp_path: Path) -> None:
    closed.publish(ONE, object=CLOSED, url=str(CLOSED))
    s3 = client_of_bucket(closed.clients(), CLOSED)
    assert s3.meta.region_name == "eu-west-1"
    first, second = presign(s3, CLOSED), presign(closed.s3, CLOSED)
    arrived = download(first, tmp_path / "archive", ("", ""), MIB, 20)
    assert first != second and arrived is not None and arrived.sha256 == hashlib.sha256(ONE).hexdigest()
    assert download(second, tmp_path / "archive", (arrived.etag, arrived.last_modified), MIB, 20) is None
    closed.publish(TWO, object=CLOSED, url=str(CLOSED))
    assert download(second, tmp_path / "archive", (arrived.etag, arrived.last_modified), MIB, 20) is not None


@pytest.mark.parametrize(
    ("region", "bucket", "host"),
    [
        ("us-east-1", "lab", "lab.s3.amazonaws.com/"),
        ("eu-west-1", "lab", "lab.s3.eu-west-1.amazonaws.com/"),
        ("eu-west-1", "a.lab.org", "s3.eu-west-1.amazonaws.com/a.lab.org/"),
        ("cn-north-1", "lab", "lab.s3.cn-north-1.amazonaws.com.cn/"),
    ],
)
def test_a_presigned_address_is_of_the_buckets_region(region: str, bucket: str, host: str) -> None:
    """Presign an address at the host of the bucket's own region.

    S3's general host redirects to another one, for which the signature does not hold.
    """
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    s3 = boto3.client("s3", region_name=region, config=Config(**S3_SETTINGS), **keys)
    address = urllib.parse.urlsplit(presign(s3, S3Object(bucket, "a b/ü+?&#")))
    assert f"{address.netloc}{address.path}" == f"{host}a%20b/%C3%BC%2B%3F%26%23"
    query = urllib.parse.parse_qs(address.query)
    assert query["X-Amz-SignedHeaders"] == ["host"] and query["X-Amz-Expires"] == ["900"]


def test_the_region_is_known_without_the_right_to_list(closed: S3World) -> None:
    refused = {"x-amz-bucket-region": "eu-west-1"}

    class Refusing(AwsClients):
        def read(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
            metadata = {"HTTPHeaders": refused, "HTTPStatusCode": 403}
            raise ClientError({"Error": {"Code": "403"}, "ResponseMetadata": metadata}, operation)

    clients = Refusing(closed.clients()._make_client, SETTINGS.region)
    assert client_of_bucket(clients, S3Object("theirs", "k")).meta.region_name == "eu-west-1"
    refused.clear()
    with pytest.raises(ClientError):
        client_of_bucket(clients, S3Object("theirs", "k"))
