"""Write the two inventories of a rehearsal when its server starts.

HOME/inventory is that of a person who owns the account: the checkout's files, and settings as the manual has the user
write them. A rehearsal never reads the settings that the checkout has for a real account. HOME/endpoint is given to
Ansible after it, or after the checkout's inventory, and holds what no user has: the addresses of the rehearsal, and
the certificate authority to trust there. All are plain values, for Ansible evaluates templates anew for each task and
machine.
"""

from pathlib import Path
from typing import Any

import yaml

SETTINGS_FILE = Path("group_vars/all/local.yml")
"""Path of a person's own settings, below the checkout or the written inventory."""
_ENDPOINT = ("https_port", "ssh_port", "ca_bundle", "jupyter_index_url", "address_service", "dns_resolver")
_LINKED = ("group_vars/all/defaults.yml", "group_vars/users.yml")


def account_settings(described: dict[str, Any]) -> dict[str, Any]:
    """Return the settings for the account described in rehearsal.json.

    They are the contents of group_vars/all/local.yml; `described` holds rehearsal.json.
    """
    names = ("zone", "certificate_arn", "key_name", "private_key_file", "admin_cidr", "content_url")
    settings: dict[str, Any] = {
        "account_id": str(described["account"]),
        **{name: str(described[name]) for name in names},
    }
    # The rehearsal's servers have no TLS, and the content's checksum changes when content is published.
    settings["allow_plain_http"] = True
    if "apt_repository_url" in described:
        settings["apt_probcomp_repository_url"] = str(described["apt_repository_url"])
        settings["apt_probcomp_suite"] = str(described["apt_suite"])
        settings["apt_probcomp_key"] = Path(described["apt_key_file"]).read_text()
    return settings


def inventory(home: Path) -> Path:
    """Return the path of the inventory of the rehearsal in `home`."""
    return home / "inventory"


def endpoint(home: Path) -> Path:
    """Return the path of the inventory with the addresses of the rehearsal in `home`."""
    return home / "endpoint"


def endpoint_settings(home: Path, described: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that direct Ansible to the rehearsal in `home`.

    A rehearsal without machines has no index of wheels.
    """
    settings = {name: described[name] for name in _ENDPOINT if name in described}
    return {
        **settings,
        "ssh_names_resolve": False,
        "state_dir": str(home / "state"),
        # Forty machines that start Jupyter at once share this computer's processors, and each start takes 3 s of
        # processor time.
        "jupyter_password_timeout": 600,
    }


def link_ours(folder: Path, root: Path) -> None:
    """Link the shared settings of the checkout `root` into the inventory in `folder`.

    Nobody's own settings are linked.
    """
    (folder / SETTINGS_FILE).parent.mkdir(parents=True, exist_ok=True)
    for name in _LINKED:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(root / name)


def write(home: Path, root: Path, described: dict[str, Any]) -> None:
    """Write both inventories for the checkout `root`; raise OSError on failure."""
    folder = inventory(home)
    link_ours(folder, root)
    # This file is not a link, because the checkout's own file may set a region or filters of a real account.
    (folder / "probcomp_ec2.yml").write_text("plugin: probcomp_ec2\n")
    _write_settings(folder / SETTINGS_FILE, account_settings(described))
    # Ansible reads the group_vars beside an inventory source only if the folder has a source of its own.
    hosts = endpoint(home) / "hosts.yml"
    _write_settings(hosts.parent / "group_vars/all/rehearsal.yml", endpoint_settings(home, described))
    hosts.write_text("all: {children: {users: {}}}\n")


def _write_settings(file: Path, settings: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
