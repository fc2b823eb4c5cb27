"""The rehearsal's S3: whom it lets read, and by which signatures."""

import json
from collections.abc import Iterator

import pytest
import requests
from botocore.exceptions import ClientError

from rehearsal.account.seed import public_policy
from rehearsal.api.supported_calls import CARRIED
from tests.support.rehearsal_process import Server, running

BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("s3"), requests_per_second=0) as started:
        yield started


@pytest.mark.parametrize("version", [None, "s3v4"])
def test_presigned_links_hold_for_one_object_and_a_time(server: Server, version: str | None) -> None:
    s3 = server.client("s3", version=version)
    bucket = f"signed-{version}".lower()
    s3.create_bucket(Bucket=bucket)
    for key in ("a b+ü", "other"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

    def link(seconds: int) -> str:
        parameters = {"Bucket": bucket, "Key": "a b+ü"}
        return str(s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))

    assert requests.get(link(60), timeout=10).content == "a b+ü".encode()
    assert requests.get(link(60).replace("a%20b%2B%C3%BC", "other"), timeout=10).status_code == 403
    assert requests.get(link(-1), timeout=10).status_code == 403


def test_objects_are_private_unless_made_public(server: Server) -> None:
    s3 = server.client("s3")
    for bucket in ("things", "open"):
        s3.create_bucket(Bucket=bucket)
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(BLOCK, False))
    s3.put_object(Bucket="things", Key="mine", Body=b"1")
    s3.put_object(Bucket="things", Key="everybodys", Body=b"2", ACL="public-read")
    s3.put_object(Bucket="open", Key="by-policy", Body=b"3")
    s3.put_bucket_policy(
        Bucket="open",
        Policy=json.dumps(public_policy("open")),
    )
    statuses = {
        path: requests.get(f"{server.described['object_store']}/{path}", timeout=10).status_code
        for path in ("things/mine", "things/everybodys", "things/absent", "things", "open/by-policy", "nowhere/at-all")
    }
    assert statuses == {
        "things/mine": 403,
        "things/everybodys": 200,
        "things/absent": 403,
        "things": 403,
        "open/by-policy": 200,
        "nowhere/at-all": 404,
    }
    assert requests.get(f"{server.described['object_store']}/rehearsal/status", timeout=10).status_code == 404
    put = requests.put(f"{server.described['object_store']}/things/mine", data=b"theirs", timeout=10)
    assert put.status_code == 403
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": "things", "Key": "mine"})
    assert requests.get(signed, timeout=10).content == b"1"


def test_a_new_bucket_can_be_read_by_its_account_alone(server: Server) -> None:
    """Block Public Access refuses to open it, and ignores what opened it before."""
    s3, url = server.client("s3"), f"{server.described['object_store']}/new"
    s3.create_bucket(Bucket="new")

    def block(value: bool) -> None:
        s3.put_public_access_block(Bucket="new", PublicAccessBlockConfiguration=dict.fromkeys(BLOCK, value))

    def open_it() -> None:
        s3.put_bucket_policy(Bucket="new", Policy=json.dumps(public_policy("new")))

    def read() -> list[int]:
        return [requests.get(f"{url}/{key}", timeout=10).status_code for key in ("by-acl", "by-policy")]

    assert s3.get_public_access_block(Bucket="new")["PublicAccessBlockConfiguration"] == dict.fromkeys(BLOCK, True)
    for change in (open_it, lambda: s3.put_object(Bucket="new", Key="by-acl", Body=b"1", ACL="public-read")):
        with pytest.raises(ClientError) as error:
            change()
        assert error.value.response["Error"]["Code"] == "AccessDenied"
    block(False)
    s3.put_object(Bucket="new", Key="by-acl", Body=b"1", ACL="public-read")
    assert read() == [200, 403]
    s3.put_object(Bucket="new", Key="by-policy", Body=b"1")
    open_it()
    assert read() == [200, 200]
    block(True)
    assert read() == [403, 403]


@pytest.mark.parametrize("version", [None, "s3v4"])
def test_what_kms_encrypts_needs_a_signature_of_version_4(server: Server, version: str | None) -> None:
    s3, bucket = server.client("s3", version=version), f"kms-{version}".lower()
    s3.create_bucket(Bucket=bucket)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(BLOCK, False))
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(public_policy(bucket)))
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", ServerSideEncryption="aws:kms")
    unsigned = requests.get(f"{server.described['object_store']}/{bucket}/k", timeout=10)
    signed = requests.get(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}), timeout=10)
    assert unsigned.status_code == 400 and "require AWS Signature Version 4" in unsigned.text
    assert signed.status_code == (200 if version else 400)


def test_large_objects_go_up_and_down_whole(server: Server) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="large")
    content = bytes(range(256)) * 40_000
    s3.put_object(Bucket="large", Key="folder/name with spaces", Body=content)
    assert s3.get_object(Bucket="large", Key="folder/name with spaces")["Body"].read() == content
    assert s3.head_object(Bucket="large", Key="folder/name with spaces")["ContentLength"] == len(content)


def test_each_supported_call_is_answered(server: Server) -> None:
    s3, counted = server.client("s3"), server.counts()
    bucket, thing = {"Bucket": "all-calls"}, {"Bucket": "all-calls", "Key": "k"}
    s3.create_bucket(**bucket)
    assert s3.list_buckets()["Buckets"][-1]["Name"] and s3.get_bucket_location(**bucket)
    s3.delete_public_access_block(**bucket)
    s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration=dict.fromkeys(BLOCK, False))
    assert not any(s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values())
    s3.put_bucket_policy(**bucket, Policy=json.dumps(public_policy("all-calls")))
    assert "all-calls" in s3.get_bucket_policy(**bucket)["Policy"]
    assert s3.get_bucket_policy_status(**bucket)["PolicyStatus"]["IsPublic"]
    s3.delete_bucket_policy(**bucket)
    s3.put_bucket_ownership_controls(**bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    assert s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
    s3.put_bucket_acl(**bucket, ACL="public-read")
    assert len(s3.get_bucket_acl(**bucket)["Grants"]) == 2
    tags = [{"Key": "a", "Value": "b"}]
    s3.put_bucket_tagging(**bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(**bucket)["TagSet"] == tags
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(**bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]

    s3.put_object(**thing, Body=b"1", Tagging="a=b")
    s3.put_object_acl(**thing, ACL="public-read")
    assert len(s3.get_object_acl(**thing)["Grants"]) == 2 and s3.get_object_tagging(**thing)["TagSet"] == tags
    assert s3.get_object_attributes(**thing, ObjectAttributes=["ObjectSize"])["ObjectSize"] == 1
    s3.copy_object(**bucket, Key="copy", CopySource=thing)
    assert (
        s3.get_object(**bucket, Key="copy")["Body"].read() == b"1"
        and s3.head_object(**thing)
        and s3.head_bucket(**bucket)
    )
    upload = {**thing, "UploadId": s3.create_multipart_upload(**thing)["UploadId"]}
    part = {"PartNumber": 1, "ETag": s3.upload_part(**upload, PartNumber=1, Body=b"2")["ETag"]}
    assert len(s3.list_parts(**upload)["Parts"]) == len(s3.list_multipart_uploads(**bucket)["Uploads"]) == 1
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    s3.abort_multipart_upload(**{**thing, "UploadId": s3.create_multipart_upload(**thing)["UploadId"]})
    assert [len(s3.list_objects(**bucket)["Contents"]), len(s3.list_objects_v2(**bucket)["Contents"])] == [2, 2]
    assert len(s3.list_object_versions(**bucket)["Versions"]) == 2
    s3.delete_object(**thing)
    s3.delete_objects(**bucket, Delete={"Objects": [{"Key": "copy"}]})
    s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    s3.delete_bucket(**bucket)
    now = server.counts()
    made = {
        call
        for kind in ("read", "mutating")
        for call, number in now[kind].items()
        if number > counted[kind].get(call, 0)
    }
    assert made == {f"s3:{call}" for call in CARRIED["s3"]}
