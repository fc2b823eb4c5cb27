"""What content_deploy refuses before it asks for anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from tests.support.content_world import load_module

content_deploy = load_module("content_deploy")
SUM = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("options", "is_refused"),
    [
        ({"url": "http://content.invalid/x.tgz?token=secret"}, True),
        ({"url": "HTTP://content.invalid/x.tgz"}, True),
        ({"url": "http://content.invalid/x.tgz", "checksum": SUM}, False),
        ({"url": "http://content.invalid/x.tgz", "allow_plain_http": True}, False),
        ({"url": "https://content.invalid/x.tgz"}, False),
    ],
)
def test_an_archive_that_could_be_replaced_on_the_way_is_not_fetched(
    options: dict[str, Any], is_refused: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch_module_args({"owner": "nobody-has-this-name", **options}), pytest.raises(SystemExit):
        content_deploy.main()
    text = json.loads(capsys.readouterr().out)["msg"]
    assert ("is plain http without a checksum" in text) == is_refused and "secret" not in text
    assert is_refused or "there is no account" in text, "that is what the module says next"
