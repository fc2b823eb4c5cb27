"""The login check against a fake ssh that floods, hangs or refuses; real servers are in the promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.ssh import login_check
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.client import Machine

_SSH = """#!/bin/bash
for word; do case $word in
  fine) exit 0 ;;
  other) exit 3 ;;
  refused) echo 'Permission denied (publickey).' >&2; exit 255 ;;
  floods) exec cat /dev/zero >&2 ;;
  hangs) exec sleep 600 ;;
esac; done
"""


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("fine", ""),
        ("other", ""),
        ("refused", "Permission denied (publickey)"),
        ("floods", "its ssh server at floods sends messages without end"),
        ("hangs", "its ssh server at hangs did not finish within 1 s"),
        ("", "it has no address to ssh to"),
    ],
)
def test_whatever_a_machine_does_its_check_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    (tmp_path / "ssh").write_text(_SSH)
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(login_check, "_SECONDS", 1)
    machine = Machine("alice", address, 22, "ubuntu", "ssh.alice.stack.example.org", str(tmp_path / "pin"))
    reason = login_check.refusal(machine, "")
    assert says in reason and bool(reason) == bool(says) and len(reason) < 300
