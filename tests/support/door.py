"""A user's way in: a clone of the working tree with the manual's settings.

The settings are those of step 3 in docs/account.md. Tests of whole commands run in such a clone, so that wrong
instructions there fail them.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from rehearsal.account.inventories import SETTINGS_FILE
from tests.support import ROOT
from tests.support.manual import section

_SHARED = (".venv", ".cache")
"""Folders that take minutes to make and are equal in all clones of this computer."""


def working_tree() -> bytes:
    """Return a tar archive of the working tree's files.

    They are all files that git tracks, or would add.
    """
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    # git still lists a file that was deleted without a commit; a link may lead to a missing file.
    files = [name for name in known.split("\0") if name and ((ROOT / name).is_file() or (ROOT / name).is_symlink())]
    tar = ["tar", "--create", "--null", "--files-from=-"]
    return subprocess.run(tar, cwd=ROOT, input="\0".join(files).encode(), check=True, capture_output=True).stdout


def clone(target: Path) -> None:
    """Clone this repository to `target` with the working tree's files.

    Replaces what is there.
    """
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, target], check=True, timeout=120)
    subprocess.run(["tar", "--extract", "--directory", target], input=working_tree(), check=True, timeout=120)
    subprocess.run(["git", "reset", "--quiet"], cwd=target, check=True, timeout=120)
    for name in _SHARED:
        (ROOT / name).mkdir(exist_ok=True)
        (target / name).symlink_to(ROOT / name)


def manual_settings() -> dict[str, str]:
    """Return the settings of the manual's step 3, with its example values.

    The step is in docs/account.md, below "Once".
    """
    (block,) = (block for block in section("docs/account.md", "Once") if block.language == "yaml")
    settings: dict[str, str] = yaml.safe_load(block.text)
    return settings


def write_settings(root: Path, values: Mapping[str, object]) -> Path:
    """Write the user's own settings of the clone `root`; return the file."""
    file = root / SETTINGS_FILE
    file.write_text(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))
    return file


def settings_for(account: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that a user of `account` writes.

    The manual's settings come first, then the others that the account needs. Raises KeyError for a setting of the
    manual that the account has no value for.
    """
    return {name: account[name] for name in manual_settings()} | dict(account)
