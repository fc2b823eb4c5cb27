"""What publish_content says that a new archive leaves out and takes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.content.comparison import lines_about

from tests.support.content_world import files, member, tar
from tests.support.s3_world import MIB, PLACE, S3World, s3_world

ONE, TWO = files(notebook__a="a1"), files(notebook__a="a2")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[S3World]:
    with s3_world(tmp_path) as made:
        yield made


def about(world: S3World, content: bytes) -> list[str]:
    return lines_about(world.archive(content), world.target(), MIB, is_taken=True)


def test_what_goes_is_named(world: S3World) -> None:
    world.publish(files(notebook__a="a1", notebook__b="b1", gen__install="i1"))
    (line,) = about(world, files(notebook__a="a2", notebook__c="c2"))
    assert line.startswith("2 files of the 3 that lie there now are not in it, and go from the homes unless ")
    assert line.endswith(": gen/install, notebook/b")
    assert about(world, files(notebook__a="a2", notebook__b="b1", gen__install="i1", notebook__c="c2")) == []


def test_what_goes_of_many_and_of_an_archive_that_is_refused_now(world: S3World) -> None:
    old = tar(*(member(f"course/notebook/{number}\u202f", b"1") for number in range(9)))
    world.s3.put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=old)
    (line,) = about(world, ONE)
    assert line.startswith("9 files of the 9 ") and line.endswith(" and 4 more") and line.isprintable()


def test_what_lies_there_cannot_be_read(world: S3World) -> None:
    for content in (b"no archive", ONE[:-20]):
        world.s3.put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=content)
        assert about(world, TWO)[0].startswith("what lies there now cannot be read")


def test_what_macos_added_is_said(world: S3World) -> None:
    content = tar(member("notebook/a", b"1"), member("notebook/._a", b"1"), member("__MACOSX/a", b"1"))
    lines = lines_about(world.archive(content), world.target(), MIB, is_taken=False)
    assert lines == ["2 files of macOS's own in it are left out: notebook/._a, __MACOSX/a"]
