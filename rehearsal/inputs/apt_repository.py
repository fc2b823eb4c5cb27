"""Build a signed apt repository with real packages that have the lab's names.

It is built on this computer and needs the programs dpkg-deb and gpg. Writes only into the folders that it is given; no
gpg process is left running.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import yaml

from rehearsal.inputs import InputError

DATA = Path(__file__).parent / "packages.yml"
MODULES = Path(__file__).parent / "modules"
ARCHITECTURES = ("amd64", "arm64")
KEY_OWNER = "Rehearsal archive signing key"
KEYRING = "usr/share/keyrings/probcomp-archive-keyring.gpg"
KEYRING_PACKAGE = "probcomp-ubuntu-keyring"
VERSION = re.compile(r"[0-9][A-Za-z0-9.+~]*(-[A-Za-z0-9.+~]+)?")
"""Debian's rule for versions, without epochs.

An epoch ends in a colon, which no file name has.
"""


@dataclass(frozen=True)
class AptRepository:
    """An apt repository as a deb822 source describes it."""

    path: Path
    key_file: Path
    """The public key, ASCII-armoured."""
    suite: str
    component: str
    packages: dict[str, str]
    """Versions by package name."""


def build(target: Path, gpg_home: Path, versions: dict[str, str] | None = None) -> AptRepository:
    """Build the repository in `target`, and sign it with the key in `gpg_home`.

    What is in `target` is replaced; the key is made when missing. `versions` overrides the versions of packages, to
    publish an upgrade under the same key. Raises InputError when a program is missing or fails, ValueError for an
    unknown package.
    """
    data = yaml.safe_load(DATA.read_text())
    if unknown := set(versions or {}) - set(data["packages"]):
        raise ValueError(f"unknown packages: {', '.join(sorted(unknown))}")
    for program in ("dpkg-deb", "gpg", "gpgconf"):
        if not shutil.which(program):
            raise InputError(f"{program} is missing: install the packages dpkg and gnupg")
    packages = {
        name: package | {"version": (versions or {}).get(name, package["version"])}
        for name, package in data["packages"].items()
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with _keyring(gpg_home) as gpg, tempfile.TemporaryDirectory(dir=target.parent, prefix=".apt-") as folder:
        fresh = Path(folder) / "repository"
        pool, dist = fresh / "pool", fresh / "dists" / data["suite"]
        pool.mkdir(parents=True)
        binary_key = _run(gpg, "--export")
        (fresh / "archive-key.asc").write_bytes(_run(gpg, "--armor", "--export"))
        for name, package in packages.items():
            _package(pool, name, package, data["maintainer"], binary_key, Path(folder))
        index = _index(fresh, pool)
        for architecture in ARCHITECTURES:
            binary = dist / data["component"] / f"binary-{architecture}"
            binary.mkdir(parents=True)
            (binary / "Packages").write_bytes(index)
            (binary / "Packages.gz").write_bytes(gzip.compress(index, mtime=0))
        (dist / "Release").write_text(_release(dist, data["suite"], data["component"]))
        _run(gpg, "--clearsign", "--output", str(dist / "InRelease"), str(dist / "Release"))
        _run(gpg, "--armor", "--detach-sign", "--output", str(dist / "Release.gpg"), str(dist / "Release"))
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    chosen = {name: package["version"] for name, package in packages.items()}
    return AptRepository(target, target / "archive-key.asc", data["suite"], data["component"], chosen)


def publish(target: Path, gpg_home: Path, versions: dict[str, str]) -> AptRepository:
    """Publish new `versions` of packages in the repository in `target`.

    The other packages stay as they are there. Raises InputError and ValueError, as `build` does, and ValueError for an
    invalid version.
    """
    for name, version in versions.items():
        if not VERSION.fullmatch(version):
            raise ValueError(f"{name}: {version!r} is no version of a Debian package, like 0.3.1")
    return build(target, gpg_home, {**published(target), **versions})


def published(target: Path) -> dict[str, str]:
    """Return the versions, by name, of the packages in the repository in `target`."""
    return dict(file.name.removesuffix("_all.deb").split("_", 1) for file in sorted((target / "pool").glob("*.deb")))


@contextmanager
def _keyring(home: Path) -> Iterator[list[str]]:
    """Provide a gpg command with a signing key in this home; end its agent afterwards.

    The command uses a short link to the home: gpg's sockets lie in it, and a socket's path has at most 107 characters.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        link = Path(folder) / "home"
        link.symlink_to(home.resolve())
        gpg = ["gpg", "--homedir", str(link), "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback"]
        try:
            if not _run(gpg, "--list-secret-keys", "--with-colons"):
                _run(gpg, "--passphrase", "", "--quick-generate-key", KEY_OWNER, "ed25519", "sign", "never")
            yield gpg
        finally:
            subprocess.run(["gpgconf", "--homedir", str(link), "--kill", "all"], capture_output=True, check=False)


def _package(
    pool: Path, name: str, package: dict[str, Any], maintainer: str, binary_key: bytes, workspace: Path
) -> None:
    root = workspace / name
    control = root / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    if name == KEYRING_PACKAGE:
        content = root / KEYRING
        content.parent.mkdir(parents=True)
        content.write_bytes(binary_key)
    else:
        content = root / "usr/lib/python3/dist-packages" / f"{package['module']}.py"
        content.parent.mkdir(parents=True)
        # The added line gives an importer the package's version; it overrides an earlier one in the module.
        content.write_text(f'{(MODULES / content.name).read_text()}\n__version__ = "{package["version"]}"\n')
    fields = {
        "Package": name,
        "Version": package["version"],
        "Architecture": "all",
        "Maintainer": maintainer,
        "Installed-Size": str(content.stat().st_size // 1024 + 1),
        "Depends": ", ".join(package.get("depends", [])),
        "Section": package.get("section", "python"),
        "Priority": "optional",
        "Description": package["description"],
    }
    control.write_text("".join(f"{key}: {value}\n" for key, value in fields.items() if value))
    for path in root.rglob("*"):
        # The caller's umask must not decide who may read a package's files.
        path.chmod(0o755 if path.is_dir() else 0o644)
    file = pool / f"{name}_{package['version']}_all.deb"
    _run(["dpkg-deb"], "--root-owner-group", "-Zxz", "--build", str(root), str(file))


def _index(root: Path, pool: Path) -> bytes:
    """Return the text of `Packages`."""
    entries = []
    for file in sorted(pool.glob("*.deb")):
        control = _run(["dpkg-deb"], "--field", str(file)).decode().rstrip("\n")
        content = file.read_bytes()
        entries.append(
            f"{control}\nFilename: {file.relative_to(root)}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
        )
    return "\n".join(entries).encode()


def _release(dist: Path, suite: str, component: str) -> str:
    """Return the text of `Release`."""
    lines = [
        "Origin: probcomp",
        "Label: probcomp",
        f"Suite: {suite}",
        f"Codename: {suite}",
        # The date is a minute early, because a machine whose clock is behind refuses a Release from its future.
        f"Date: {formatdate(time.time() - 60, usegmt=True)}",
        f"Architectures: {' '.join(ARCHITECTURES)}",
        f"Components: {component}",
        "Description: packages of the rehearsal",
        "SHA256:",
    ]
    for file in sorted(dist.rglob("Packages*")):
        content = file.read_bytes()
        lines.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {file.relative_to(dist)}")
    return "\n".join(lines) + "\n"


def _run(command: list[str], *arguments: str) -> bytes:
    environment = {name: value for name, value in os.environ.items() if name != "GNUPGHOME"} | {"LC_ALL": "C"}
    done = subprocess.run([*command, *arguments], capture_output=True, env=environment, check=False)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise InputError(f"{command[0]} failed: {reason[-1]}")
    return done.stdout
