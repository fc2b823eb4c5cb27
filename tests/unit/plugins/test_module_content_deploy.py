"""What content_deploy refuses before it asks for anything."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.probcomp.stack.plugins.module_utils.content.wanted import Wish

from tests.support.content_world import account_with, load_module, member, repeating, serving, tar

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


# The web server is a thread of this process, and holds no lock that the module's child would wait for.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_what_arrived_is_unpacked_and_not_what_the_user_put_in_its_place() -> None:
    """The record tells root later what it may run, so that the user must not write it."""
    archive = tar(member("noise", random.Random(1).randbytes(20_000_000)), member("run.sh", b"ours"))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        account, note_file = account_with(Path(folder) / "home", "nobody"), Path(folder) / "content.json"
        home = Path(account.pw_dir)
        home.mkdir()
        os.chown(home, account.pw_uid, account.pw_gid)

        def swap() -> None:
            """Replace what arrives, and overwrite what the other process has open."""
            for path in home.glob(".content-arriving-*/*"):
                if path.is_file() and path.stat().st_size > 1_000_000:
                    with path.open("r+b") as stream:
                        stream.write(other)
                    (home / "mine").write_bytes(other)
                    (home / "mine").replace(path)
            for opened in Path("/proc").glob("[0-9]*/fd/*"):
                with contextlib.suppress(OSError):
                    if str(opened.readlink()).startswith(f"{home}/.content-arriving-"):
                        opened.write_bytes(other)

        other = tar(member("run.sh", b"hers"))
        checksum = hashlib.sha256(archive).hexdigest()
        with repeating(account, swap), serving(archive) as server:
            content_deploy.lay_down(home, Wish(server.url, checksum, 100, 100, 60), account, note_file)
        record = json.loads(note_file.read_text())
        assert record["files"]["run.sh"] == [hashlib.sha256(b"ours").hexdigest()]
