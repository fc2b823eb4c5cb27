"""The presigned address of content, which later tasks have and nobody sees."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT
from tests.support.in_process import environment
from tests.support.rehearsal_process import Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("presign"), requests_per_second=0) as started:
        yield started


def play(folder: Path, server: Server, url: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Presign in one task and read in the next, which says nothing but the status."""
    tasks = [
        {"content_address": {"url": url}, "register": "signed"},
        {"uri": {"url": "{{ signed.address }}"}, "no_log": True},
        {"debug": {"msg": "{{ signed.address | length > 100 }}, and it was read"}},
    ]
    playbook = folder / "play.yml"
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    here = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-vvvvv", *here, str(playbook)],
        cwd=ROOT,
        env={**os.environ, **environment(server), **changes},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_can_be_read_and_is_not_shown(server: Server, tmp_path: Path) -> None:
    done = play(tmp_path, server, server.described["content_url"])
    assert done.returncode == 0 and "True, and it was read" in done.stdout, done.stdout + done.stderr
    assert "X-Amz" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "changes", "words"),
    [
        ("s3://nobodys/k", {}, "there is no bucket nobodys for s3://nobodys/k: correct content_url"),
        ("s3://probcomp-content", {}, "names no file in a bucket"),
        ("", {"ANSIBLE_PIPELINING": "0"}, "leave pipelining on"),
        ("", {"ANSIBLE_KEEP_REMOTE_FILES": "1"}, "unset ANSIBLE_KEEP_REMOTE_FILES"),
    ],
)
def test_why_there_is_none_is_shown(
    server: Server, tmp_path: Path, url: str, changes: dict[str, str], words: str
) -> None:
    done = play(tmp_path, server, url or server.described["content_url"], **changes)
    assert done.returncode != 0 and words in done.stdout + done.stderr, done.stdout + done.stderr
    assert "X-Amz" not in done.stdout + done.stderr
