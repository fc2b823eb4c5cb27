"""Define the ssh options that accept only a machine's pinned host key.

The connection plugin, the modules and the scripts share this list. Standard library only.
"""

from __future__ import annotations


def pinned_options(ssh_name: str, pin_file: str) -> dict[str, str]:
    """Return ssh options that accept only the host key of `ssh_name` in `pin_file`.

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
    """Return `path` quoted for ssh_config(5), with percent signs escaped.

    Raises ValueError if that is not possible.
    """
    if '"' in path:
        raise ValueError("ssh's configuration cannot hold a path with quotation marks")
    return '"' + path.replace("%", "%%") + '"'
