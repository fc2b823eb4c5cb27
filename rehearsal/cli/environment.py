"""Print shell commands that direct AWS clients to the rehearsal.

The clients are the aws CLI, Ansible and boto3. The commands lead away from any real account. `scripts/rehearsal env`
prints them; they are safe for eval.
"""

import os
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rehearsal.account import inventories as account_inventory
from rehearsal.settings import Settings

_HIDDEN = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CA_BUNDLE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)


def aws_config(described: dict[str, Any]) -> str:
    """Return an AWS configuration file with the profile `rehearsal`.

    Its path is known before there is an address. Molecule's scenarios select it by AWS_CONFIG_FILE and AWS_PROFILE.
    """
    values = {
        "endpoint_url": described["api"],
        "services": "rehearsal",
        "region": described["region"],
        "aws_access_key_id": described["access_key"],
        "aws_secret_access_key": described["secret_key"],
    }
    lines = ["[profile rehearsal]", *(f"{name} = {value}" for name, value in values.items())]
    # Machines have this address of S3, and it is part of what a presigned address signs.
    lines += ["[services rehearsal]", "s3 =", f"  endpoint_url = {described['object_store']}"]
    return "\n".join(lines) + "\n"


def commands(home: Path, described: dict[str, Any], own_settings: bool = False) -> str:
    """Return the commands for a rehearsal in this folder with this rehearsal.json.

    The settings of its account come from an inventory of its own, or with `own_settings` from the checkout's.
    """
    settings = Settings()
    inventories = [
        settings.root / "inventory" if own_settings else account_inventory.inventory(home),
        account_inventory.endpoint(home),
    ]
    # Paths are relative to the root, where commands run, because a folder above it may have a comma in its name, which
    # ends a path here.
    paths = [path.relative_to(settings.root) if path.is_relative_to(settings.root) else path for path in inventories]
    exports = {
        "AWS_ENDPOINT_URL": described["api"],
        # Machines have this address of S3, and it is part of what a presigned address signs.
        "AWS_ENDPOINT_URL_S3": described["object_store"],
        "AWS_ACCESS_KEY_ID": described["access_key"],
        "AWS_SECRET_ACCESS_KEY": described["secret_key"],
        "AWS_REGION": described["region"],
        "AWS_DEFAULT_REGION": described["region"],
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PROBCOMP_REHEARSAL": str(home / "rehearsal.json"),
        "ANSIBLE_INVENTORY": ",".join(map(str, paths)),
    }
    store = urlsplit(described["object_store"]).hostname or ""
    # The computer's HTTP proxy must not be asked for addresses on this computer.
    direct = [name for name in os.environ.get("NO_PROXY", "").split(",") if name]
    exports["NO_PROXY"] = ",".join(dict.fromkeys([*direct, "127.0.0.1", "localhost", store]))
    # A shell that has not activated .venv must still find the locked ansible-playbook and aws.
    tools = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "").split(os.pathsep)
    exports["PATH"] = os.pathsep.join(path if tools in path else [tools, *path])
    hidden = [*_HIDDEN, *(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL_"))]
    lines = [f"unset {name}" for name in hidden if name.replace("_", "").isalnum()]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    return "\n".join(lines)
