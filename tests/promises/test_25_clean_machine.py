"""Test promise 25: a clean machine needs only the documented packages.

No tool, package or setting of this computer is needed. There is no release yet from which to upgrade.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rehearsal.machines import images
from tests.support.door import manual_settings, working_tree

# The manual asks for these packages; git brings the files, and pip trusts its index by the certificates.
DOCUMENTED = "make python3 git ca-certificates"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
NAME = f"probcomp-test-clean-{os.getpid()}"
CHECKOUT = "/root/probcomp-stack"


def inside(script: str, timeout: float = 900) -> str:
    """Run bash's `script` in the checkout on the clean machine.

    Returns its output. The script must succeed.
    """
    command = ["docker", "exec", "--workdir", CHECKOUT, NAME, "bash", "-euc", script]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def checkout() -> Iterator[None]:
    """Provide plain Debian 13 with the documented packages and git's files."""
    base = images.ensure("debian13", print).replace("/machine:", "/base:")
    # The route to a package index is this computer's own; its installed packages are not shared.
    index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_INDEX", "PIP_EXTRA", "UV_"))}
    settings = {**index, "PIP_CERT": str(AUTHORITIES), "SSL_CERT_FILE": str(AUTHORITIES), "NO_COLOR": "1"}
    options = [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]
    if AUTHORITIES.exists():
        options += ["--volume", f"{AUTHORITIES}:/authorities.crt:ro"]
    start = ["docker", "run", "--detach", "--rm", "--init", "--name", NAME, *options, "--workdir", CHECKOUT, base]
    subprocess.run([*start, "sleep", "infinity"], check=True, capture_output=True, timeout=120)
    try:
        inside(f"apt-get update -q=2 && apt-get install -q=2 --no-install-recommends {DOCUMENTED}")
        inside(f"if [ -e /authorities.crt ]; then cp /authorities.crt {AUTHORITIES}; fi")
        unpack = ["docker", "exec", "--interactive", NAME, "tar", "--extract", "--directory", CHECKOUT]
        subprocess.run(unpack, input=working_tree(), check=True, capture_output=True, timeout=120)
        yield
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", NAME], capture_output=True, timeout=120)


def test_every_command_runs_with_what_is_documented(checkout: None) -> None:
    inside("make setup")
    assert inside("make setup") == "", "a second time says nothing"
    inside(". .venv/bin/activate; ansible-playbook --syntax-check $(grep -l import_playbook *.yml)")
    # The test goes as far as a machine without an account can: pass phrases and cards, and a line about credentials.
    settings = shlex.quote(yaml.safe_dump(manual_settings()))
    refused = inside(
        ". .venv/bin/activate; export AWS_EC2_METADATA_DISABLED=true AWS_REGION=us-east-1\n"
        f"printf %s {settings} > group_vars/all/local.yml\n"
        "ansible-playbook create_passwords.yml -e 'base=ws low=1 high=3'\n"
        "ansible-playbook url_cards.yml -e 'base=ws low=1 high=3'\n"
        "! ansible-playbook -l ws-1 set_password.yml"
    )
    assert "credentials" in refused and "Traceback" not in refused, refused
    assert len(inside("ls jupyter-passwords/ws-*.passwd cards/*.pdf").split()) == 4
    assert "https://ws-3.stack.example.org," in inside("cat cards/ws.csv")
