"""The options by which ssh accepts a machine's pinned host key and nothing else.

One list for all that connects: the connection plugin, our modules, the scripts. Standard library only.
"""

from __future__ import annotations


def pinned_options(ssh_name: str, pin_file: str) -> dict[str, str]:
    """Return options of ssh that accept the host key in `pin_file` under `ssh_name`, and no other.

    They come first in a command: ssh takes the first value of an option. Raises ValueError for a path with a quotation
    mark.
    """
    return {
        "HostKeyAlias": ssh_name,
        "UserKnownHostsFile": quoted_path(pin_file),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "BatchMode": "yes",
        "ForwardAgent": "no",
    }


def option_arguments(options: dict[str, str]) -> list[str]:
    """Return `options` as arguments of ssh, sftp and scp."""
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def quoted_path(path: str) -> str:
    """Return `path` as ssh_config(5) takes it: quoted, the percent sign without a meaning; ValueError if that fails."""
    if '"' in path:
        raise ValueError("ssh's configuration cannot hold a path with quotation marks")
    return '"' + path.replace("%", "%%") + '"'
