"""The bucket behind content_url, and its policy.

The tests check whether the policy lets machines read the file.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.content.s3_object import S3Object, parse_content_url
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError

PLACE = S3Object("lab", "folder/content.tgz")


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
    assert parse_content_url(f"https://{host_and_path}") == S3Object("bbb", "k/e y")


def test_a_bucket_with_dots_and_one_of_an_odd_name() -> None:
    assert parse_content_url("https://a.lab.org.s3.amazonaws.com/k").bucket == "a.lab.org"
    assert parse_content_url("https://my.s3.x.s3.amazonaws.com/k").bucket == "my.s3.x"


@pytest.mark.parametrize(
    ("url", "settings", "words"),
    [
        ("", {}, "no content_url is set"),
        ("ftp://bb.s3.amazonaws.com/k", {}, "no s3, http or https"),
        ("https://content.example.org/k?token=hush", {}, "set content_bucket and content_key"),
        ("https://bbb.s3.amazonaws.com.example.org/k", {}, "set content_bucket and content_key"),
        ("https://bbb.s3.amazonaws.com/", {}, "names no file"),
        ("https://s3.amazonaws.com/bbb", {}, "names no file"),
        ("https://bbb.s3.amazonaws.com/k?versionId=3", {}, "one version"),
        ("s3://lab/k", {"bucket": "bbb"}, "leave both out"),
        ("s3://lab", {}, "names no file"),
        ("s3://lab/folder/", {}, "names no file"),
        ("s3://LAB/k", {}, "names no file"),
        ("s3://lab/a\nb", {}, "names no file"),
        ("https://x.org/k", {"bucket": "bbb"}, "only one is set"),
    ],
)
def test_addresses_that_name_no_place(url: str, settings: dict[str, str], words: str) -> None:
    with pytest.raises(MachineError, match=words) as raised:
        parse_content_url(url, **settings)
    assert "hush" not in str(raised.value) and "\n" not in str(raised.value)


def test_the_key_of_an_s3_address_is_as_it_stands() -> None:
    assert parse_content_url("s3://lab/Kurs ä/a%20b?c#d") == S3Object("lab", "Kurs ä/a%20b?c#d")


def test_another_address_with_its_bucket_given() -> None:
    assert parse_content_url("https://content.example.org/x", "bbb", "k") == S3Object("bbb", "k")


def statement(**changes: Any) -> str:
    return json.dumps({"Statement": [{**json.loads(PLACE.policy)["Statement"][0], **changes}]})


@pytest.mark.parametrize(
    "policy",
    [
        *(PLACE.policy, statement(Principal={"AWS": ["*"]}), statement(Action=["s3:List*", "s3:Get*"])),
        *(statement(Resource="arn:aws:s3:::lab/*"), statement(Action="*", Resource=["x", "arn:aws:s3:::l?b/folder/*"])),
    ],
)
def test_policies_that_admit_everybody(policy: str) -> None:
    assert PLACE.is_admitted_by(policy)


@pytest.mark.parametrize(
    "policy",
    [
        *(
            "",
            "{}",
            statement(Effect="Deny"),
            statement(Principal={"AWS": "111122223333"}),
            statement(Action="s3:Put*"),
        ),
        *(statement(Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}), statement(Principal="arn:x")),
        *(statement(Resource="arn:aws:s3:::lab"), statement(Resource="arn:aws:s3:::lab/folder/content.tg[z]")),
    ],
)
def test_policies_that_do_not(policy: str) -> None:
    assert not PLACE.is_admitted_by(policy)
