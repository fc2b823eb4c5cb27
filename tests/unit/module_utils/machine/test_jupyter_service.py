"""What a Jupyter that does not start says of itself.

Programs in the place of systemctl and journalctl answer as a machine's.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError
from ansible_collections.probcomp.stack.plugins.module_utils.machine.jupyter_service import Service

FAILED = """LoadState=loaded
ActiveState=failed
SubState=failed
Result=exit-code
UnitFileState=enabled
NeedDaemonReload=no
ConditionResult=yes
"""
FULL = "OSError: [Errno 28] No space left on device: '/home/jupyter/.local/share/jupyter/runtime'"


def start(folder: Path, journal: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Start a service that fails; return the reason.

    `journal` is a shell script in the place of journalctl.
    """
    (folder / "state").write_text(FAILED)
    for name, script in (("systemctl", f"cat {folder}/state"), ("journalctl", journal)):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    with pytest.raises(MachineError) as raised:
        # Nothing listens at port 9 of this computer.
        Service("jupyter.service", 9, 5).start(anew=True)
    return str(raised.value)


def test_the_reason_is_the_last_line_of_jupyter_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 'case "$*" in *_SYSTEMD_UNIT=jupyter.service*) ;; *) exit 1;; esac'
    reason = start(tmp_path, f'{asked}\necho "{FULL}"', monkeypatch)
    assert reason == (
        f"jupyter.service is failed (failed, exit-code): {FULL}; journalctl -u jupyter.service on the machine says why"
    )


@pytest.mark.parametrize("journal", ["exit 1", "true"])
def test_without_a_line_the_place_is_named(journal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(tmp_path, journal, monkeypatch).endswith(": journalctl -u jupyter.service on the machine says why")


def test_a_long_line_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(start(tmp_path, "head -c 100000 /dev/zero | tr '\\0' x", monkeypatch)) < 500
