"""Fetch users' logs from their machines.

Runs on the controller and writes to `directory` only.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: fetch_logs
short_description: Fetches the logs of machines to the controller
description:
  - For each machine and each of O(sources), receives the folder by rsync over ssh, with the pinned host key only, and
    adds what is new to C(<directory>/<user>/<name of the source>/).
  - A machine may be hostile. What it sends arrives in C(<directory>/.incoming/<user>/), within bounds, and only plain
    files with printable names go on from there, as files of mode 0600 in folders of mode 0700. Links, devices, and
    folders more than 16 deep are left out, and so are files on which programs act unasked, such as C(.git), C(.envrc),
    C(.vscode) and the C(HEAD) of a repository. rsync on this computer must have the fixes of version 3.5.0.
  - What was fetched is never deleted. A file that has grown is replaced; one that was rewritten or cut on the machine
    is kept as C(<file>.before-<UTC time>) beside the new one.
  - A machine that fails does not fail the module; RV(failed_users) names it.
extends_documentation_fragment:
  - probcomp_connection
  - probcomp_connection.machines
attributes:
  check_mode:
    description: Logs are received to see what is new, and thrown away. Programs of O(sources) are not called.
    support: full
options:
  sources:
    description: Folders on the machines.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Folder below the user's here.
        type: str
        required: true
      folder:
        description: Folder on the machine. One that is not there has nothing to fetch.
        type: path
        required: true
      account:
        description: Account of the machine that reads it.
        type: str
        default: root
      program:
        description: Program of the machine that root calls in place of rsync.
        type: str
        default: ""
  directory:
    description: Folder of the logs.
    type: path
    required: true
  max_file_bytes:
    description: Bytes that one file may have. Larger ones are left out.
    type: int
    default: 104857600
  max_bytes:
    description: Bytes that the logs of one user may have here, and that may arrive at a time.
    type: int
    default: 1073741824
  max_entries:
    description: Files and folders that the logs of one user may have here, and that may arrive at a time.
    type: int
    default: 10000
  forks:
    description: Machines that are asked at a time.
    type: int
    default: 10
  timeout:
    description: Seconds that one machine may take.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Fetch the logs
  fetch_logs:
    machines:
      - user: ws-1
        address: 203.0.113.10
        admin_user: ubuntu
        ssh_name: ssh.ws-1.stack.example.org
        pin_file: known_hosts/ws-1
    sources:
      - name: sessions
        folder: /home/jupyter/.iventure_logs
        account: jupyter
    directory: logs
  register: logs
"""

RETURN = r"""
machines:
  description: What became of each machine's logs, by user.
  returned: success
  type: dict
  contains:
    reason: {description: "Why some or all logs are missing, in one line; empty when none is.", type: str}
    files: {description: Files that are here now., type: int}
    bytes: {description: Their size., type: int}
    newest: {description: "Time of the latest change, seconds since 1970.", type: float}
    new_files: {description: Files that came or grew., type: int}
    new_bytes: {description: By how much., type: int}
    skipped: {description: "What was left out, and why.", type: list}
    aside: {description: Files that were rewritten on the machine; the former ones are kept., type: list}
    seconds: {description: How long it took., type: float}
failed_users:
  description: Users of whom some or all logs are missing.
  returned: success
  type: list
  elements: str
lines:
  description: The summary, for a terminal.
  returned: success
  type: list
  elements: str
"""

import re
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import CONNECTION, MACHINES
from ansible_collections.probcomp.stack.plugins.module_utils.common.names import InvalidName, check_user_name, shown
from ansible_collections.probcomp.stack.plugins.module_utils.logs.fetch import Fetched, fetch_all
from ansible_collections.probcomp.stack.plugins.module_utils.logs.folder import Bounds
from ansible_collections.probcomp.stack.plugins.module_utils.logs.rsync_command import Settings, Source
from ansible_collections.probcomp.stack.plugins.module_utils.logs.summary import table
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.client import Machine
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.rsync import NoRsync, require_rsync

SOURCE = {
    "name": {"type": "str", "required": True},
    "folder": {"type": "path", "required": True},
    "account": {"type": "str", "default": "root"},
    "program": {"type": "str", "default": ""},
}
ARGUMENTS: dict[str, Any] = {
    **CONNECTION,
    **MACHINES,
    "sources": {"type": "list", "elements": "dict", "required": True, "options": SOURCE},
    "directory": {"type": "path", "required": True},
    "max_file_bytes": {"type": "int", "default": 100 << 20},
    "max_bytes": {"type": "int", "default": 1 << 30},
    "max_entries": {"type": "int", "default": 10_000},
    "forks": {"type": "int", "default": 10},
    "timeout": {"type": "int", "default": 600},
}
# The machine's shell sees the path too, and rsync before 3.2.4 does not quote it.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./-]+")
PLAIN_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def problem(parameters: dict[str, Any]) -> str:
    """Return the problem of the module's parameters, or an empty text."""
    try:
        # The user's name becomes the name of a folder.
        for machine in parameters["machines"]:
            check_user_name(machine["user"])
    except InvalidName as error:
        return str(error)
    for name in ("max_file_bytes", "max_bytes", "max_entries", "forks", "timeout"):
        if parameters[name] < 1:
            return f"{name} must be 1 or more"
    for source in parameters["sources"]:
        for path in filter(None, (source["folder"], source["program"])):
            if not PLAIN_PATH.fullmatch(path):
                return f"{shown(path)}: give an absolute path of letters, digits, dots, dashes and underscores"
        for name in (source["name"], source["account"]):
            if not PLAIN_NAME.fullmatch(name):
                return f"{shown(name)}: a source and an account are named by lower-case letters, digits and dashes"
    return ""


def described(fetched: Fetched) -> dict[str, Any]:
    """Return `fetched` in the form that RETURN documents."""
    return {
        "reason": fetched.reason,
        "files": fetched.content.files,
        "bytes": fetched.content.bytes,
        "newest": fetched.content.newest,
        "new_files": fetched.new.files,
        "new_bytes": fetched.new.bytes,
        "skipped": fetched.new.skipped,
        "aside": fetched.new.aside,
        "seconds": fetched.seconds,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    parameters = module.params
    if wrong := problem(parameters):
        module.fail_json(msg=wrong)
    try:
        rsync = require_rsync(for_hostile=True)
    except NoRsync as error:
        module.fail_json(msg=str(error))
    bounds = Bounds(parameters["max_file_bytes"], parameters["max_bytes"], parameters["max_entries"])
    settings = Settings(
        Path(parameters["directory"]).absolute(),
        parameters["private_key_file"],
        rsync,
        bounds,
        parameters["timeout"],
        module.check_mode,
    )
    machines = [Machine(**item) for item in parameters["machines"]]
    sources = [Source(**item) for item in parameters["sources"]]
    results = fetch_all(machines, sources, settings, parameters["forks"])
    module.exit_json(
        changed=any(result.new.files for result in results),
        machines={result.user: described(result) for result in results},
        failed_users=[result.user for result in results if result.problems],
        lines=table(results, time.time(), module.check_mode),
    )


if __name__ == "__main__":
    main()
