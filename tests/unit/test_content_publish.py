"""Publishing content: the machines' own checks first, one put where it is new, and proof over plain HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

# Importing content_world made our module_utils importable by the name that modules know them by.
from ansible.module_utils.probcomp_content_place import Place, place_of
from ansible.module_utils.probcomp_content_publish import MIB, Archive, Shelf, check_archive, publish
from ansible.module_utils.probcomp_machine import MachineError
from botocore.config import Config
from botocore.exceptions import ClientError
from content_world import files, member, tar
from moto.moto_api._internal.models import moto_api_backend
from test_content import HOSTILE
from werkzeug.serving import make_server

from rehearsal import presets
from rehearsal.accounting import Counts
from rehearsal.control import ControlEndpoints
from rehearsal.gate import Gate
from rehearsal.settings import SETTINGS, Settings

PLACE = Place("lab", "folder/content.tgz")
ONE, TWO = files(notebook__a="a1"), files(notebook__a="a2")


# Where content_url takes its file from


@pytest.mark.parametrize(
    "host_and_path",
    [
        "bbb.s3.amazonaws.com/k/e y",
        "bbb.s3.eu-west-1.amazonaws.com/k/e%20y",
        "bbb.s3-eu-west-1.amazonaws.com/k/e%20y",
        "BBB.s3.dualstack.eu-west-1.amazonaws.com/k/e%20y?X-Amz-Signature=1",
        "bbb.s3-accelerate.amazonaws.com/k/e%20y",
        "bbb.s3-website.eu-west-1.amazonaws.com/k/e%20y",
        "bbb.s3-website-eu-west-1.amazonaws.com/k/e%20y",
        "s3.amazonaws.com/bbb/k/e%20y",
        "s3.eu-west-1.amazonaws.com:443/bbb/k/e%20y",
        "s3-eu-west-1.amazonaws.com/bbb/k/e%20y",
        "s3.cn-north-1.amazonaws.com.cn/bbb/k/e%20y",
    ],
)
def test_addresses_of_s3(host_and_path: str) -> None:
    assert place_of(f"https://{host_and_path}") == Place("bbb", "k/e y")


def test_a_bucket_with_dots_and_one_of_an_odd_name() -> None:
    assert place_of("https://a.lab.org.s3.amazonaws.com/k").bucket == "a.lab.org"
    assert place_of("https://my.s3.x.s3.amazonaws.com/k").bucket == "my.s3.x"


@pytest.mark.parametrize(
    ("url", "settings", "words"),
    [
        ("", {}, "no content_url is set"),
        ("ftp://bb.s3.amazonaws.com/k", {}, "no http or https"),
        ("https://content.example.org/k?token=hush", {}, "set content_bucket and content_key"),
        ("https://bbb.s3.amazonaws.com.example.org/k", {}, "set content_bucket and content_key"),
        ("https://bbb.s3.amazonaws.com/", {}, "names no file"),
        ("https://s3.amazonaws.com/bbb", {}, "names no file"),
        ("https://bbb.s3.amazonaws.com/k?versionId=3", {}, "one version"),
        ("https://x.org/k", {"bucket": "bbb"}, "only one is set"),
    ],
)
def test_addresses_that_name_no_place(url: str, settings: dict[str, str], words: str) -> None:
    with pytest.raises(MachineError, match=words) as raised:
        place_of(url, **settings)
    assert "hush" not in str(raised.value) and "\n" not in str(raised.value)


def test_another_address_with_its_bucket_given() -> None:
    assert place_of("https://content.example.org/x", "bbb", "k") == Place("bbb", "k")


# The archive itself


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


# Bringing it to S3, here the rehearsal's


class World:
    """The rehearsal's S3 with the bucket `lab`, and what is asked of it."""

    def __init__(self, folder: Path, api: str, counts: Counts) -> None:
        self.folder, self.api, self._counts = folder, api, counts
        self.s3 = boto3.client(
            "s3",
            region_name=SETTINGS.region,
            endpoint_url=api,
            aws_access_key_id=SETTINGS.access_key,
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def shelf(self, **settings: Any) -> Shelf:
        url = f"{self.api}/{PLACE.bucket}/{PLACE.key}"
        return Shelf(**{"s3": self.s3, "place": PLACE, "url": url, "largest": MIB, "seconds": 20, **settings})

    def archive(self, content: bytes) -> Archive:
        path = self.folder / "Kurs änderung.tgz"
        path.write_bytes(content)
        return check_archive(path, MIB, MIB)

    def publish(self, content: bytes, pinned: str = "", check_mode: bool = False, **settings: Any) -> bool:
        shelf = self.shelf(**settings)
        return publish(self.archive(content), shelf, shelf.version(), pinned, check_mode)

    def open(self, bucket: str = PLACE.bucket) -> None:
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(presets.public_policy(bucket)))

    def puts(self) -> int:
        return len([call for call in self._counts.calls_since(0) if call["call"] == "s3:PutObject"])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    moto_api_backend.reset()
    counts = Counts()
    settings = Settings(home=tmp_path)
    gate = Gate(settings, counts, {}, ControlEndpoints(settings, counts, dict, lambda: None))
    server = make_server("127.0.0.1", 0, gate, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = World(tmp_path, f"http://127.0.0.1:{server.port}", counts)
    made.s3.create_bucket(Bucket=PLACE.bucket)
    made.open()
    yield made
    server.shutdown()
    moto_api_backend.reset()


def test_new_unchanged_and_newer(world: World) -> None:
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


def test_what_was_put_by_hand_is_put_again_with_its_version(world: World) -> None:
    world.s3.put_object(Bucket=PLACE.bucket, Key=PLACE.key, Body=ONE)
    assert world.shelf().version() == ""
    assert world.publish(ONE)
    assert not world.publish(ONE)


def test_no_bucket(world: World) -> None:
    with pytest.raises(MachineError, match=r"there is no bucket nobodys: .* make it: aws s3 mb"):
        world.publish(ONE, place=Place("nobodys", "k"))


def test_no_policy_is_seen_before_anything_is_put(world: World) -> None:
    world.publish(ONE)
    world.s3.delete_bucket_policy(Bucket=PLACE.bucket)
    with pytest.raises(MachineError, match=r"nothing was put: .*has no policy") as raised:
        world.publish(TWO)
    assert json.loads(str(raised.value).partition("admits it: ")[2])["Statement"][0]["Principal"] == "*"
    assert world.puts() == 1


@pytest.mark.parametrize("principal", [{"AWS": "arn:aws:iam::111122223333:root"}, {"Service": "x.amazonaws.com"}])
def test_a_policy_for_others_does_not_let_machines_read(principal: dict[str, str], world: World) -> None:
    policy = presets.public_policy(PLACE.bucket)
    policy["Statement"][0]["Principal"] = principal
    world.s3.put_bucket_policy(Bucket=PLACE.bucket, Policy=json.dumps(policy))
    with pytest.raises(MachineError, match=r"machines cannot read it: .* 403 Forbidden.*s3:GetObject"):
        world.publish(ONE)
    # The same again after the policy was mended puts nothing, and proves it.
    world.open()
    assert not world.publish(ONE)


def test_an_address_that_gives_another_file(world: World) -> None:
    world.s3.put_object(Bucket=PLACE.bucket, Key="other", Body=TWO)
    with pytest.raises(MachineError, match=r"gives another file"):
        world.publish(ONE, url=f"{world.api}/{PLACE.bucket}/other")


def test_another_checksum_is_pinned(world: World) -> None:
    archive = world.archive(ONE)
    with pytest.raises(MachineError, match=f"content_checksum .*sha256:{archive.sha256}"):
        world.publish(ONE, pinned="0" * 64)
    assert world.puts() == 0
    assert world.publish(ONE, pinned=archive.sha256)


def test_a_file_that_changed_since_its_check_is_refused_by_s3(world: World) -> None:
    archive = world.archive(ONE)
    archive.path.write_bytes(TWO)
    with pytest.raises(ClientError, match=r"BadDigest|checksum"):
        world.shelf().put(archive)
    assert world.shelf().version() is None
