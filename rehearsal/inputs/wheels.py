"""Build a local package index of the wheels that machines install.

The wheels are downloaded once and kept over runs. The index is made when a rehearsal starts, and extended when it
makes the first machine of another image. Machines need no access to a registry, and forty of them fetch from here what
was downloaded once. pip does the downloading, by hashes.
"""

import fcntl
import hashlib
import html
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from rehearsal.inputs import InputError

PLATFORMS = (
    "manylinux_2_34_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
    "manylinux_2_12_x86_64",
    "manylinux2010_x86_64",
    "manylinux_2_5_x86_64",
    "manylinux1_x86_64",
    "linux_x86_64",
)
TIMEOUT = 600
"""Time limit in seconds for one download of the whole list."""

_ENTRY = re.compile(
    r"^(?P<requirement>[A-Za-z0-9][^\\\n]*?)\s*\\?\n(?P<hashes>(?:\s+--hash=\S+\s*\\?\n?)+)", re.MULTILINE
)


def build(
    requirements: Path,
    target: Path,
    *,
    cache: Path,
    python_version: str,
    progress: Callable[[str], None],
) -> Path:
    """Add the wheels for one more Python to the index in `target` and return it.

    The index has the form of PEP 503 (`target/<project>/`). Machines may fetch from it meanwhile. `python_version` is
    the full one (`3.11.2`); `cache` keeps the wheels, and several rehearsals may share it. Raises InputError when the
    wheels are neither in the cache nor can be downloaded.
    """
    text = requirements.read_text()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        chosen = for_python(text, python_version)
        stamp = cache / f".{hashlib.sha256(f'{python_version} {PLATFORMS} {chosen}'.encode()).hexdigest()[:16]}"
        if not stamp.exists():
            progress(f"downloading the wheels of {requirements.name} for Python {python_version}")
            _download(chosen, python_version, cache)
            stamp.touch()
        _index(cache, target, wanted_hashes(text))
    return target


def for_python(text: str, version: str) -> str:
    """Return the entries of a hashed list for a Linux machine with this Python.

    They are returned without their conditions.
    """
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": version,
        "python_version": ".".join(version.split(".")[:2]),
        "sys_platform": "linux",
    }
    lines = []
    for entry in _ENTRY.finditer(text):
        requirement = Requirement(entry["requirement"])
        if requirement.marker is None or requirement.marker.evaluate(environment):
            hashes = " ".join(re.findall(r"--hash=\S+", entry["hashes"]))
            lines.append(f"{requirement.name}{requirement.specifier} {hashes}\n")
    return "".join(lines)


def wanted_hashes(text: str) -> set[str]:
    """Return all SHA-256 sums of a hashed list."""
    return set(re.findall(r"--hash=sha256:([0-9a-f]{64})", text))


def _download(requirements: str, version: str, cache: Path) -> None:
    file = cache / ".requirements.txt"
    file.write_text(requirements)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={version}", *(f"--platform={name}" for name in PLATFORMS)]
    command += [f"--dest={cache}", f"--requirement={file}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise InputError(f"the wheels for Python {version} did not arrive within {TIMEOUT} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise InputError(f"the wheels for Python {version} cannot be downloaded: {(errors or ['no reason given'])[-1]}")


def _index(cache: Path, target: Path, hashes: set[str]) -> None:
    """Put the wheels of the list into folders by project, and write their pages.

    Older wheels in the cache are left out. The pages are written after the files.
    """
    projects: dict[str, list[str]] = {}
    for wheel in sorted(cache.glob("*.whl")):
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest not in hashes:
            continue
        project = canonicalize_name(parse_wheel_filename(wheel.name)[0])
        served = target / project / wheel.name
        served.parent.mkdir(parents=True, exist_ok=True)
        if not served.exists():
            shutil.copyfile(wheel, served)
        projects.setdefault(project, []).append(f'<a href="{html.escape(wheel.name)}#sha256={digest}">{wheel.name}</a>')
    for name, links in projects.items():
        _write_page(target / name / "index.html", links)
    _write_page(target / "index.html", [f'<a href="{name}/">{name}</a>' for name in projects])


def _write_page(path: Path, links: list[str]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text("<!DOCTYPE html>\n<html><body>\n" + "<br>\n".join(links) + "\n</body></html>\n")
    fresh.replace(path)
