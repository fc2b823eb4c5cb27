"""The two inventories of a rehearsal, which its server writes when it starts.

HOME/inventory is that of a person who owns the account: our files, and settings as the README has her write them. A
rehearsal never reads the settings that the checkout has for a real account. HOME/endpoint is laid over it, or over the
checkout's, and holds what no user has: where the rehearsal is, and whom to trust there. All are plain values, for
Ansible evaluates templates anew for each task and machine.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

SETTINGS_FILE = Path("group_vars/all/local.yml")
"""A person's own settings, below the checkout or below the inventory that is written here."""
_ENDPOINT = ("https_port", "ssh_port", "ca_bundle", "jupyter_index_url")
_LINKED = ("group_vars/all/defaults.yml", "group_vars/users.yml")


def account_settings(described: dict[str, Any]) -> dict[str, str]:
    """Return the settings that fit the account in `described` (rehearsal.json): what group_vars/all/local.yml holds."""
    names = ("zone", "certificate_arn", "key_name", "private_key_file", "admin_cidr", "content_url")
    settings = {"account_id": str(described["account"]), **{name: str(described[name]) for name in names}}
    # The store's addresses are none of AWS's, from which bucket and key could be told: /<bucket>/<key>.
    _, settings["content_bucket"], settings["content_key"] = urlsplit(settings["content_url"]).path.split("/", 2)
    if "apt_repository_url" in described:
        settings["apt_probcomp_repository_url"] = str(described["apt_repository_url"])
        settings["apt_probcomp_suite"] = str(described["apt_suite"])
        settings["apt_probcomp_key"] = Path(described["apt_key_file"]).read_text()
    return settings


def inventory(home: Path) -> Path:
    """Return where the inventory of the rehearsal in `home` lies."""
    return home / "inventory"


def endpoint(home: Path) -> Path:
    """Return where the inventory lies that leads to the rehearsal in `home`."""
    return home / "endpoint"


def endpoint_settings(home: Path, described: dict[str, Any]) -> dict[str, Any]:
    """Return what leads to the rehearsal in `home`; one without machines has no index of wheels."""
    settings = {name: described[name] for name in _ENDPOINT if name in described}
    return {
        **settings,
        "ssh_names_resolve": False,
        "state_dir": str(home / "state"),
        # Forty machines that start Jupyter at once share this computer's processors: 3 s of each, in turn.
        "jupyter_password_timeout": 600,
    }


def link_ours(folder: Path, root: Path) -> None:
    """Have the inventory in `folder` read what the checkout `root` has for everybody, and nobody's own settings."""
    (folder / SETTINGS_FILE).parent.mkdir(parents=True, exist_ok=True)
    for name in _LINKED:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(root / name)


def write(home: Path, root: Path, described: dict[str, Any]) -> None:
    """Write both inventories for the checkout `root`; raises OSError."""
    folder = inventory(home)
    link_ours(folder, root)
    # Not a link: in the checkout's own file a region or filters of a real account may be set.
    (folder / "probcomp_ec2.yml").write_text("plugin: probcomp_ec2\n")
    _write_settings(folder / SETTINGS_FILE, account_settings(described))
    # A source of its own is what makes Ansible read the group_vars beside it.
    hosts = endpoint(home) / "hosts.yml"
    _write_settings(hosts.parent / "group_vars/all/rehearsal.yml", endpoint_settings(home, described))
    hosts.write_text("all: {children: {users: {}}}\n")


def _write_settings(file: Path, settings: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
