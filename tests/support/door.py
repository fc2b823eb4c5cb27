"""The way in that a user has: a clone of the working tree, and settings given as step 3 of the README tells.

Tests of whole commands run in such a clone. What the README says and does not work fails them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from rehearsal.account.inventories import SETTINGS_FILE
from tests.support import ROOT

_SHARED = (".venv", ".cache")
"""What takes minutes to make and is the same in every clone of this computer."""


def working_tree() -> bytes:
    """Return all files that git has, or would take, as they are in the working tree: a tar archive."""
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    # One that was deleted and not committed yet is known still; a link may lead to what is not there.
    files = [name for name in known.split("\0") if name and ((ROOT / name).is_file() or (ROOT / name).is_symlink())]
    tar = ["tar", "--create", "--null", "--files-from=-"]
    return subprocess.run(tar, cwd=ROOT, input="\0".join(files).encode(), check=True, capture_output=True).stdout


def clone(target: Path) -> None:
    """Make `target` a clone of this repository with the working tree's files, replacing what is there."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, target], check=True, timeout=120)
    subprocess.run(["tar", "--extract", "--directory", target], input=working_tree(), check=True, timeout=120)
    subprocess.run(["git", "reset", "--quiet"], cwd=target, check=True, timeout=120)
    for name in _SHARED:
        (ROOT / name).mkdir(exist_ok=True)
        (target / name).symlink_to(ROOT / name)


def readme_settings() -> dict[str, str]:
    """Return the settings that step 3 of "Once, for your AWS account" has the user write, with its example values."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("\n## Once, for your AWS account\n")[2].partition("\n## ")[0]
    step = re.search(r"^3\. .*?\n\n((?: {7}[^\n]*\n)+)", section, re.MULTILINE | re.DOTALL)
    assert step and str(SETTINGS_FILE) in step[0], "step 3 of the README shows no settings"
    settings: dict[str, str] = yaml.safe_load(step[1])
    return settings


def write_settings(root: Path, values: Mapping[str, object]) -> Path:
    """Write the user's own settings of the clone `root`; return the file."""
    file = root / SETTINGS_FILE
    file.write_text(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))
    return file


def settings_for(account: Mapping[str, str]) -> dict[str, str]:
    """Return what a user writes whose account is `account`: the README's settings first, then those that it needs too.

    Raises KeyError for a setting of the README that the account has no value for.
    """
    return {name: account[name] for name in readme_settings()} | dict(account)
