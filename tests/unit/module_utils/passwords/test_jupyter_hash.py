"""passlib on the newest Python of this computer.

It must still work there, though nobody maintains it any more. What the hashes are is tested with the module that sets
them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

PROGRAMS = Path(sys.executable).parent
RELEASE = "import sys; print(sys.version_info.releaselevel)"
HASHES = """
from ansible_collections.probcomp.stack.plugins.module_utils.passwords.jupyter_hash import is_hash_of, make_hash
made = make_hash("correct horse battery")
print(is_hash_of(made, "correct horse battery"), is_hash_of(made, "another"))
"""


def newest_python() -> Path:
    """Return the newest released Python on this computer.

    It is this one, or one on the path or among pyenv's.
    """
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/3.*/bin")
    found = {
        path: int(match[1])
        for folder in folders
        for path in folder.glob("python3.*")
        if (match := re.fullmatch(r"python3\.(\d+)", path.name)) and int(match[1]) > sys.version_info.minor
    }
    for path in sorted(found, key=found.__getitem__, reverse=True):
        done = subprocess.run([path, "-c", RELEASE], capture_output=True, text=True, check=False, timeout=60)
        # A name of pyenv's for a version that is not selected ends with an error.
        if (done.returncode, done.stdout) == (0, "final\n"):
            return path
    return Path(sys.executable)


def locked(*names: str) -> str:
    """Return the lines of `names` in the lock, with their hashes."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^[a-z0-9].*\\\n(?: .*\\\n)* .*\n", text, re.MULTILINE)
    return "".join(entry for entry in entries if entry.partition("==")[0] in names)


def test_passlib_works_on_the_newest_python(tmp_path: Path) -> None:
    python = newest_python()
    command = [str(python)]
    if python != Path(sys.executable):
        requirements = tmp_path / "requirements.txt"
        requirements.write_text(locked("passlib", "argon2-cffi", "argon2-cffi-bindings", "cffi", "pycparser"))
        options = ["--quiet", "--no-project", "--isolated", "--with-requirements", str(requirements)]
        command = [str(PROGRAMS / "uv"), "run", *options, "--python", str(python), "python"]
    done = subprocess.run(
        [*command, "-c", HASHES],
        env={**os.environ, "PYTHONPATH": str(ROOT / "collections")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    hint = f"passlib on {python}: docs/dependencies.md says what its fork would take"
    assert (done.returncode, done.stdout) == (0, "True False\n"), f"{hint}\n{done.stdout}{done.stderr}"
