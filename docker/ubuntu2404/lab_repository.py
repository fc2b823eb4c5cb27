"""Add the lab's package repository to apt, and print the packages to install.

The packages are those of the role apt_probcomp. docker/ubuntu2404/Dockerfile runs this while it builds, as root, with
the path of the role's defaults. Environment variables named like the role's, in capitals, have precedence over its
defaults. Prints nothing when there is no repository.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path("/etc/apt/sources.list.d/probcomp.sources")
KEY = Path("/etc/apt/keyrings/probcomp.asc")


def settings(defaults: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Return the role's values: from the environment if set, else the defaults."""
    given: dict[str, Any] = {name: environment[name.upper()] for name in defaults if environment.get(name.upper())}
    for name, value in given.items():
        if isinstance(defaults[name], list):
            given[name] = value.split()
    return {**defaults, **given}


def description(values: dict[str, Any], key: Path) -> str:
    """Return the repository in apt's deb822 format.

    A suite that ends with a slash is a path without components.
    """
    lines = ["Types: deb", f"URIs: {values['apt_probcomp_repository_url']}", f"Suites: {values['apt_probcomp_suite']}"]
    if not values["apt_probcomp_suite"].endswith("/"):
        lines.append(f"Components: {' '.join(values['apt_probcomp_components'])}")
    return "\n".join([*lines, f"Signed-By: {key}"]) + "\n"


def put_key(key: str, path: Path) -> None:
    """Write the key, given as text or as an address.

    Raises CalledProcessError when it cannot be fetched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if key.lstrip().startswith("-----BEGIN"):
        path.write_text(key.strip() + "\n")
    else:
        # apt's own downloader fetches the key, so that nothing else need be installed.
        subprocess.run(["/usr/lib/apt/apt-helper", "download-file", key, str(path)], check=True, stdout=sys.stderr)
    path.chmod(0o644)


def main(defaults: str) -> int:
    """Describe the repository and print its packages; return the exit status."""
    values = settings(yaml.safe_load(Path(defaults).read_text()), dict(os.environ))
    if not values["apt_probcomp_repository_url"]:
        print("No APT_PROBCOMP_REPOSITORY_URL was given: this image has none of the lab's packages.", file=sys.stderr)
        return 0
    if not values["apt_probcomp_key"]:
        print("APT_PROBCOMP_KEY is missing: the key that signs the repository, or its address.", file=sys.stderr)
        return 1
    if values["apt_probcomp_key"].strip().lower().startswith("http:"):
        print(
            "APT_PROBCOMP_KEY is plain http, where it can be replaced: give https, or the key as text.", file=sys.stderr
        )
        return 1
    try:
        put_key(values["apt_probcomp_key"], KEY)
    except subprocess.CalledProcessError:
        print("The repository's key cannot be had from the address in APT_PROBCOMP_KEY.", file=sys.stderr)
        return 1
    SOURCE.write_text(description(values, KEY))
    print(*values["apt_probcomp_packages"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
