"""The inventory of a person who owns the rehearsal's account: our files, and settings as the README has her write them.

`make demo` and `scripts/rehearsal env` use it, so that a rehearsal never reads the settings that the checkout has for
a real account. The server writes it when it starts, below the rehearsal's folder.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

SETTINGS_FILE = Path("group_vars/all/local.yml")
"""A person's own settings, below the checkout or below the inventory that is written here."""
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


def link_ours(folder: Path, root: Path) -> None:
    """Have the inventory in `folder` read what the checkout `root` has for everybody, and nobody's own settings."""
    (folder / SETTINGS_FILE).parent.mkdir(parents=True, exist_ok=True)
    for name in _LINKED:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(root / name)


def write(home: Path, root: Path, described: dict[str, Any]) -> None:
    """Write the inventory for the checkout `root`; raises OSError."""
    folder = inventory(home)
    link_ours(folder, root)
    # Not a link: in the checkout's own file a region or filters of a real account may be set.
    (folder / "probcomp_ec2.yml").write_text("plugin: probcomp_ec2\n")
    (folder / SETTINGS_FILE).write_text(yaml.safe_dump(account_settings(described), sort_keys=False))
