"""Copy the fetched logs to the lab's host.

Runs on the controller and changes nothing on it.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: share_logs
short_description: Copies the fetched logs to another host
description:
  - Copies the plain files of O(directory) by rsync over ssh, only what is new or has changed, and then looks whether
    all of it is there. Nothing is deleted on the other host. Modes are what its umask gives.
  - Files on which programs act unasked, such as C(.git), C(.envrc) and C(.vscode), are not copied.
  - ssh goes with the administrator's own settings, key and known_hosts, asks nothing, and takes no unknown host.
attributes:
  check_mode:
    description: Looks what would be copied.
    support: full
options:
  directory:
    description: Folder of the logs.
    type: path
    required: true
  destination:
    description: C(user@host:/path). The folder is made, if the one that it lies in is there.
    type: str
    required: true
  ssh_config:
    description: File for C(ssh -F); empty for the usual one.
    type: path
    default: ""
  timeout:
    description: Seconds that copying may take, and looking afterwards again.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Share the logs
  share_logs:
    directory: logs
    destination: alice@lab.example.org:/srv/logs
"""

RETURN = r"""
files:
  description: Files that were copied, new or changed.
  returned: success
  type: int
bytes:
  description: Their size.
  returned: success
  type: int
summary:
  description: Both in words.
  returned: success
  type: str
"""

import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.logs.destination import destination_problem
from ansible_collections.probcomp.stack.plugins.module_utils.logs.fetch import INCOMING
from ansible_collections.probcomp.stack.plugins.module_utils.output.text import size
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.acting_files import rsync_filters
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.client import CONNECT_SECONDS, NO_CONNECTION
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.rsync import (
    NoRsync,
    reason,
    remote_shell,
    require_rsync,
    run,
    with_status,
)

ARGUMENTS: dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "destination": {"type": "str", "required": True},
    "ssh_config": {"type": "path", "default": ""},
    "timeout": {"type": "int", "default": 3600},
}


# rsync 3.1 and later writes 10,000 where earlier versions write 10000, and names regular files.
FILES = re.compile(r"^Number of (?:regular )?files transferred: ([\d,]+)", re.MULTILINE)
BYTES = re.compile(r"^Total transferred file size: ([\d,]+)", re.MULTILINE)


@dataclass(frozen=True)
class Copied:
    """Number of files that were copied, or would be, and their size in bytes."""

    files: int
    bytes: int


class ShareFailed(Exception):
    """Incomplete copy of the logs; str() is the reason in one line."""


class Share:
    """Copy of `directory` at `destination`, made by the program `rsync`.

    `config` is a file for ssh or empty.
    """

    def __init__(self, rsync: str, directory: Path, destination: str, config: str, seconds: float) -> None:
        self._rsync, self._directory, self._destination = rsync, directory, destination
        self._config, self._seconds = config, seconds

    def copy(self, dry: bool) -> Copied:
        """Copy missing and differing files, or with `dry` only count them.

        Returns the number and size. Raises ShareFailed.
        """
        with tempfile.TemporaryDirectory(prefix="probcomp-share-") as folder:
            status = Path(folder) / "status"
            ran = run(self._command(dry, status), self._directory, time.monotonic() + self._seconds)
            ssh_failed = status.exists() and status.read_text().strip() == str(NO_CONNECTION)
        if ran.stopped:
            raise ShareFailed(f"copying to {self._destination}: {ran.stopped}; the same command goes on where it was")
        if ran.status:
            what = "no ssh connection to" if ssh_failed else f"rsync ended with status {ran.status} at"
            raise ShareFailed(f"{what} {self._destination} ({reason(ran.said)})")
        # rsync's totals are as long for ten thousand files as for one, and contain no file name.
        found = [pattern.search(ran.printed) for pattern in (FILES, BYTES)]
        counts = [int(match[1].replace(",", "")) for match in found if match]
        if len(counts) != len(found):
            raise ShareFailed(f"rsync did not say what it copied to {self._destination}: is it rsync's own program?")
        return Copied(*counts)

    def _command(self, dry: bool, status: Path) -> list[str]:
        ssh = ["ssh", "-T", *(["-F", self._config] if self._config else [])]
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "ForwardAgent": "no",
            "ClearAllForwardings": "yes",
            "ConnectTimeout": str(CONNECT_SECONDS),
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "4",
            "LogLevel": "ERROR",
        }
        ssh += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return [
            self._rsync,
            "--recursive",
            "--times",
            "--omit-dir-times",
            "--no-links",
            "--no-devices",
            "--no-specials",
            "--no-perms",
            # The umask of the remote account decides who may read the logs there.
            "--chmod=ugo=rwX",
            f"--exclude=/{INCOMING}/",
            *rsync_filters(),
            "--timeout=60",
            "--stats",
            *(["--dry-run"] if dry else []),
            f"--rsh={remote_shell(with_status(ssh, status))}",
            "--",
            "./",
            f"{self._destination.rstrip('/')}/",
        ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    destination, config = module.params["destination"], module.params["ssh_config"]
    directory = Path(module.params["directory"])

    def fail(message: str) -> NoReturn:
        module.fail_json(msg=message)
        raise AssertionError("fail_json does not return")

    if problem := destination_problem(destination):
        fail(f"logs_share_destination={destination!r}: {problem}")
    if config and not Path(config).is_file():
        fail(f"logs_share_ssh_config={config!r}: no such file")
    if not any(entry.name != INCOMING for entry in directory.glob("*")):
        fail(f"there is nothing to share in {directory}: fetch_logs.yml -l users fetches logs")
    try:
        share = Share(require_rsync(for_hostile=False), directory, destination, config, module.params["timeout"])
        copied = share.copy(module.check_mode)
        if copied.files and not module.check_mode and (left := share.copy(dry=True).files):
            fail(f"{left} of {copied.files} files still differ at {destination}: run it again; is its disk full?")
    except (NoRsync, ShareFailed) as error:
        fail(str(error))
    summary = f"{destination} has all logs already"
    if copied.files:
        verb = "would be copied" if module.check_mode else "copied"
        count = "1 file" if copied.files == 1 else f"{copied.files} files"
        summary = f"{count} ({size(copied.bytes)}) {verb} to {destination}"
    module.exit_json(changed=copied.files > 0, files=copied.files, bytes=copied.bytes, summary=summary)


if __name__ == "__main__":
    main()
