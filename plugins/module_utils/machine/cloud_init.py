"""Wait for the end of a boot's cloud-init, and find what went wrong in it.

Runs on the machine. Python 3.10 and its standard library only.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from .accounts import last_words

RUN = Path("/run/cloud-init")
"""Folder of the present boot's state."""
_PAUSE = 0.5
_SHOW = ("systemctl", "show", "--property=ActiveState", "--property=Job", "cloud-final.service")
_SHOW_SECONDS = 20


def is_done(seconds: float, run: Path = RUN) -> bool:
    """Wait for the end of cloud-init's last stage, and return whether it is over.

    The wait takes at most `seconds`. `cloud-init status --wait` is no help: Debian 12's (22.4) ends at the first error,
    with status 1, while later stages still install packages; and where cloud-init was installed after the boot it waits
    for ever. A boot's result is written at the end of the last stage, also after errors. A last stage that was killed
    writes none, and neither does one that never begins.
    """
    end = time.monotonic() + seconds
    # systemd's generator writes it before any service starts, where cloud-init is there and not disabled; also at a
    # later daemon-reload, after cloud-init was installed.
    while (run / "enabled").exists() and not (run / "result.json").exists():
        if _last_stage() in ("failed", "active", "none"):
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE)
    return True


def failure(run: Path = RUN) -> str:
    """Return what failed in a cloud-init that is over, as one line; '' if nothing did.

    Only errors count, for which `cloud-init status` has exit status 1. Its exit status 2, since 23.4, is for what was
    done all the same, such as a deprecated setting.
    """
    if not (run / "enabled").exists():
        return ""
    try:
        errors = _errors(json.loads((run / "result.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return "" if _last_stage() == "none" else "its last stage ended without a result"
    except (OSError, ValueError) as error:
        return f"its result cannot be read: {error}"
    return last_words("\n".join(errors).replace("\\n", " "))


def _errors(result: Any) -> list[str]:
    answer = result.get("v1") if isinstance(result, dict) else None
    errors = answer.get("errors") if isinstance(answer, dict) else None
    return [str(error) for error in errors] if isinstance(errors, list) else []


def _last_stage() -> str:
    """Return systemd's state of the last stage, "" when it cannot be read.

    It is "none" for a stage that does not run and is not going to.
    """
    try:
        done = subprocess.run(_SHOW, capture_output=True, text=True, timeout=_SHOW_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    shown = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    state = shown.get("ActiveState", "")
    # A boot has it in its queue before the ssh server is up.
    return "none" if state == "inactive" and not shown.get("Job") else state
