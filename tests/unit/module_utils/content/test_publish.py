"""Publishing content: checks, one put where it is new, and a proof.

The machines' own checks come first, and the proof is over plain HTTP.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.content.checked_archive import MIB, check_archive

# Importing content_world makes our module_utils importable by the name that modules use.
from ansible_collections.probcomp.stack.plugins.module_utils.content.presign import client_of_bucket
from ansible_collections.probcomp.stack.plugins.module_utils.content.s3_object import S3Object
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError
from botocore.exceptions import ClientError

from rehearsal.account import seed
from rehearsal.api import faults
from tests.support.content_world import files, member, tar
from tests.support.hostile_archives import HOSTILE
from tests.support.s3_world import PLACE, S3World, s3_world

ONE, TWO = files(notebook__a="a1"), files(notebook__a="a2")


# These tests check the archive itself.


def test_a_good_archive(tmp_path: Path) -> None:
    path = tmp_path / "content.tgz"
    path.write_bytes(ONE)
    found = check_archive(path, MIB, MIB)
    assert (found.size, found.files) == (len(ONE), 1)
    assert check_archive(path, MIB, MIB, known=found.sha256).files is None


@pytest.mark.parametrize("name", HOSTILE)
def test_what_machines_would_refuse_is_refused_here(name: str, tmp_path: Path) -> None:
    path = tmp_path / "content.tgz"
    path.write_bytes(HOSTILE[name][0])
    with pytest.raises(MachineError, match=r"^archive content\.tgz") as raised:
        check_archive(path, 10 * MIB, 4 * MIB)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("setting", "words"), [((1000, MIB), "larger than 0 MiB"), ((MIB, 100), "content_max_unpacked")]
)
def test_too_large(setting: tuple[int, int], words: str, tmp_path: Path) -> None:
    path = tmp_path / "content.tgz"
    path.write_bytes(tar(member("a", bytes(range(256)) * 40), mode="w"))
    with pytest.raises(MachineError, match=words):
        check_archive(path, *setting)


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.tgz", tmp_path):
        with pytest.raises(MachineError, match=r"No such file|Is a directory"):
            check_archive(path, MIB, MIB)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (b"#!/bin/bash\r\necho\r\n", "gen/install.sh has Windows line endings"),
        (b"", "gen/install.sh is empty"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "gen/install.sh begins with a byte-order mark"),
    ],
)
def test_an_installer_that_cannot_run(script: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "content.tgz"
    path.write_bytes(tar(member("notebook/a", b"a"), member("gen/install.sh", script)))
    with pytest.raises(MachineError, match=rf"^archive content\.tgz: {words}"):
        check_archive(path, MIB, MIB)
    assert check_archive(path, MIB, MIB, installer="gen/other.sh").files == 2


# From here on the archive goes to S3, here the rehearsal's.


@pytest.fixture
def world(tmp_path: Path) -> Iterator[S3World]:
    with s3_world(tmp_path) as made:
        yield made


def test_new_unchanged_and_newer(world: S3World) -> None:
    assert world.publish(ONE, check_mode=True)
    assert world.puts() == 0
    assert world.publish(ONE)
    assert not world.publish(ONE)
    assert world.puts() == 1
    assert world.publish(TWO)
    head = world.s3.head_object(Bucket=PLACE.bucket, Key=PLACE.key)
    assert head["ContentType"] == "application/gzip"
    assert head["Metadata"]["sha256"] == world.archive(TWO).sha256
    assert head["Metadata"]["name"] == "Kurs%20%C3%A4nderung.tgz"
    assert head["Metadata"]["published"].startswith("20")


def test_what_was_put_by_hand_is_put_again_with_its_version(world: S3World) -> None:
    world.s3.put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=ONE)
    assert world.target().version() == ""
    assert world.publish(ONE)
    assert not world.publish(ONE)


def test_no_bucket(world: S3World) -> None:
    with pytest.raises(MachineError, match=r"there is no bucket nobodys for s3://nobodys/k: .* make it: aws s3 mb"):
        client_of_bucket(world.clients(), S3Object("nobodys", "k"))


def test_no_policy_is_seen_before_anything_is_put(world: S3World) -> None:
    world.publish(ONE)
    world.s3.delete_bucket_policy(Bucket=PLACE.bucket)
    with pytest.raises(MachineError, match=r"nothing was put: .*has no policy") as raised:
        world.publish(TWO)
    assert json.loads(str(raised.value).partition("admits it: ")[2])["Statement"][0]["Principal"] == "*"
    assert world.puts() == 1


@pytest.mark.parametrize("principal", [{"AWS": "arn:aws:iam::111122223333:root"}, {"Service": "x.amazonaws.com"}])
def test_a_policy_for_others_does_not_let_machines_read(principal: dict[str, str], world: S3World) -> None:
    policy = seed.public_policy(PLACE.bucket)
    policy["Statement"][0]["Principal"] = principal
    world.s3.put_bucket_policy(Bucket=PLACE.bucket, Policy=json.dumps(policy))
    with pytest.raises(MachineError, match=r"machines cannot read it: .* 403 Forbidden.*s3:GetObject"):
        world.publish(ONE)
    # After the policy is mended the same run puts nothing, and proves the content.
    world.open()
    assert not world.publish(ONE)


def test_an_address_that_gives_another_file(world: S3World) -> None:
    world.s3.put_object(Bucket=PLACE.bucket, Key="other", Body=TWO)
    with pytest.raises(MachineError, match=r"gives another file"):
        world.publish(ONE, url=f"{world.api}/{PLACE.bucket}/other")


def test_another_checksum_is_pinned(world: S3World) -> None:
    archive = world.archive(ONE)
    with pytest.raises(MachineError, match=f"content_checksum .*sha256:{archive.sha256}"):
        world.publish(ONE, pinned="0" * 64)
    assert world.puts() == 0
    assert world.publish(ONE, pinned=archive.sha256)


def test_a_file_that_changed_since_its_check_is_refused_by_s3(world: S3World) -> None:
    archive = world.archive(ONE)
    archive.path.write_bytes(TWO)
    with pytest.raises(ClientError, match=r"BadDigest|checksum"):
        world.target().put(archive)
    assert world.target().version() is None


# These tests check that the present object stays readable.


OTHERS_ONLY = {**seed.public_policy(PLACE.bucket)}
OTHERS_ONLY["Statement"] = [{**OTHERS_ONLY["Statement"][0], "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}]


@pytest.fixture
def forbid() -> Iterator[Callable[[str], object]]:
    """Provide a function that takes the right to a call of S3 away."""
    faults.clear()
    yield lambda action: faults.add(
        {"service": "s3", "action": action, "code": "AccessDenied", "message": "no", "status": 403}
    )
    faults.clear()


def public_by_acl(world: S3World, content: bytes, policy: dict[str, Any] | None = OTHERS_ONLY) -> None:
    world.s3.put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=content, ACL="public-read")
    world.s3.delete_bucket_policy(Bucket=PLACE.bucket)
    if policy:
        world.s3.put_bucket_policy(Bucket=PLACE.bucket, Policy=json.dumps(policy))
    assert world.target().is_public()


@pytest.mark.parametrize("policy", [OTHERS_ONLY, None])
def test_an_object_that_is_public_by_its_acl_alone_stays_so(policy: dict[str, Any] | None, world: S3World) -> None:
    public_by_acl(world, ONE, policy)
    puts = world.puts()
    assert world.publish(TWO, check_mode=True) and world.puts() == puts
    assert world.publish(TWO) and world.puts() == puts + 1
    assert world.target().read() == world.archive(TWO).sha256
    assert not world.publish(TWO)


def test_no_new_acl_where_the_policy_admits_machines(world: S3World) -> None:
    world.s3.put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=ONE, ACL="public-read")
    assert world.publish(TWO)
    grants = world.s3.get_object_acl(Bucket=PLACE.bucket, Key=PLACE.key)["Grants"]
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]


@pytest.mark.parametrize("call", ["GetObjectAcl", "PutObject"])
def test_what_machines_read_is_not_replaced_by_what_they_cannot(
    call: str, world: S3World, forbid: Callable[[str], object]
) -> None:
    public_by_acl(world, ONE)
    forbid(call)
    with pytest.raises(
        MachineError, match=rf"^nothing was put: .*s3:{call}.* on arn:aws:s3:::lab/folder/content\.tgz"
    ) as raised:
        world.publish(TWO)
    assert str(raised.value).isprintable() and world.target().is_public()
    assert world.target().read() == hashlib.sha256(ONE).hexdigest()


def test_an_acl_that_the_bucket_ignores_is_not_kept(world: S3World) -> None:
    """An ACL that Block Public Access ignores is not kept.

    Block Public Access refuses a new ACL; a cache in front reads by the policy for itself.
    """
    world.s3.put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=ONE, ACL="public-read")
    policy = {**OTHERS_ONLY, "Statement": [*OTHERS_ONLY["Statement"], {**json.loads(PLACE.policy)["Statement"][0]}]}
    policy["Statement"][1]["Effect"] = "Deny"
    world.s3.put_bucket_policy(Bucket=PLACE.bucket, Policy=json.dumps(policy))
    assert not world.target().is_public() and world.target().acl_to_keep(is_taken=True) == ""


def test_what_nobody_could_read_needs_no_look_at_its_acl(world: S3World, forbid: Callable[[str], object]) -> None:
    world.publish(ONE)
    world.s3.put_bucket_policy(Bucket=PLACE.bucket, Policy=json.dumps(OTHERS_ONLY))
    forbid("GetObjectAcl")
    with pytest.raises(MachineError, match=r"machines cannot read it: .* 403 Forbidden"):
        world.publish(TWO)
    assert world.target().version() == world.archive(TWO).sha256


def test_without_the_right_to_look_nothing_is_put(world: S3World, forbid: Callable[[str], object]) -> None:
    forbid("HeadObject")
    with pytest.raises(MachineError, match=r"^nothing was put: .*s3:GetObject on .* s3:ListBucket on ") as raised:
        world.publish(ONE)
    assert str(raised.value).isprintable() and world.puts() == 0
