"""Prepare a machine for an image: read versions and remove its private files.

Files that no second machine may have are removed.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_clean
short_description: Clean a machine of which an image will be made
description:
  - Removes what makes a machine one of a kind or lets somebody in, so that no machine made of the image has it as well.
    Host keys, authorized keys, credentials and shell histories in all homes, Jupyter's password, cookie secret and
    runtime files, the machine's id, cloud-init's state, all logs and the notes of what was fetched of them, temporary
    files, package lists.
  - What was installed stays, and the notes of it.
  - Afterwards nobody can log in to the machine any more, and it must be started only as another instance.
  - Looks once more at what must be gone, and fails when something is there.
options:
  account:
    description: Account that Jupyter runs as. Its processes are ended.
    type: str
    default: jupyter
  venv:
    description: Its virtual environment, for the version of JupyterLab.
    type: path
    default: /opt/jupyter
  packages:
    description: Debian packages whose versions are told.
    type: list
    elements: str
    default: []
  lock_timeout:
    description: Seconds that a package installation may still take.
    type: int
    default: 300
attributes:
  check_mode:
    description: Tells the versions, and removes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Clean the machine
  image_clean:
    packages: [python-venture]
  register: cleaned
"""

RETURN = r"""
versions:
  description: "What is installed: C(system), C(jupyterlab), C(content), and the packages by name."
  type: dict
  returned: success
removed:
  description: How many things went, by what they are.
  type: dict
  returned: success
"""

import fcntl
import os
import platform
import re
import signal
import subprocess
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import locked_within
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import (
    NOTES,
    MachineError,
    find_account,
    last_words,
    read_note,
)
from ansible_collections.probcomp.stack.plugins.module_utils.machine.image_cleanup import Root

_SECONDS = 120
_PACKAGE_LOCK = Path("/var/lib/dpkg/lock-frontend")
_VERSION = re.compile(r"[A-Za-z0-9.+~:_-]{1,64}")
_UPDATERS = [
    *("apt-daily.timer", "apt-daily-upgrade.timer", "apt-daily.service", "apt-daily-upgrade.service"),
    "unattended-upgrades.service",
]
_WRITERS_OF_LOGS = ["syslog.socket", "rsyslog.service"]


def run(*command: str, seconds: int = _SECONDS) -> str:
    """Return the output of the command.

    Raises MachineError when it fails or takes longer than `seconds`.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise MachineError(f"image_clean: {' '.join(command[:3])} took longer than {seconds} s") from None
    if done.returncode:
        message = last_words(done.stderr or done.stdout)
        raise MachineError(f"image_clean: {' '.join(command[:3])} failed with status {done.returncode}: {message}")
    return done.stdout


def stop(units: list[str], seconds: int = _SECONDS) -> None:
    """Stop those of the units that exist on the machine.

    Raises MachineError.
    """
    states = {unit: run("systemctl", "show", "--property=LoadState", "--value", unit).strip() for unit in units}
    if present := [unit for unit, state in states.items() if state == "loaded"]:
        run("systemctl", "stop", *present, seconds=seconds)


def versions(venv: Path, packages: list[str]) -> dict[str, str]:
    """Return the installed versions that can be determined."""
    found = {"python": platform.python_version()}
    for line in Path("/etc/os-release").read_text(encoding="utf-8").splitlines():
        if line.startswith("PRETTY_NAME="):
            found["system"] = re.sub(r"[^\w .()/-]", "", line.partition("=")[2])[:64]
    # The folder's name gives the version, because the environment is the user's and root runs nothing in it.
    for folder in venv.glob("lib/python*/site-packages/jupyterlab-*.dist-info"):
        found["jupyterlab"] = folder.name.removeprefix("jupyterlab-").removesuffix(".dist-info")
    found["content"] = str(read_note(NOTES / "content.json").get("version", ""))
    for package in packages:
        query = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package]
        done = subprocess.run(query, capture_output=True, text=True, timeout=_SECONDS, check=False)
        status, _, version = done.stdout.partition(" ")
        if status == "installed":
            found[package] = version
    return {name: value for name, value in found.items() if name == "system" or _VERSION.fullmatch(value)}


def settle_packages(seconds: int) -> None:
    """Complete package installations so that none is partial in the image.

    Raises MachineError.
    """
    stop(_UPDATERS, seconds)
    # dpkg's own lock is a POSIX lock.
    with _PACKAGE_LOCK.open("w") as lock:
        if not locked_within(lock, seconds, fcntl.lockf):
            raise MachineError(f"packages are still being installed after {seconds} s")
        if unfinished := run("dpkg", "--audit").strip():
            raise MachineError(f"packages are half installed: {last_words(unfinished)}")
    run("apt-get", "clean")


def end_processes(uid: int) -> None:
    """End all processes of an account.

    They could write the removed files again.
    """
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == uid:
                    os.kill(int(entry.name), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                continue


def stop_writing_logs() -> None:
    """Keep further logs in memory only, where they end with the machine.

    Raises MachineError.
    """
    stop(_WRITERS_OF_LOGS)
    run("journalctl", "--relinquish-var")


def clean(account_name: str, lock_timeout: int) -> dict[str, int]:
    """Remove all files that the image must not contain and count them.

    Raises MachineError and OSError.
    """
    settle_packages(lock_timeout)
    if account := find_account(account_name):
        stop(["jupyter.service"])
        end_processes(account.pw_uid)
    stop_writing_logs()
    if any(Path(folder, "cloud-init").exists() for folder in ("/usr/bin", "/usr/local/bin")):
        run("cloud-init", "clean", "--logs", "--seed")
    root = Root()
    removed = root.clean()
    if left := root.left():
        raise MachineError(f"still there after the cleaning: {', '.join(left[:5])}: no image is made of it")
    os.sync()
    return removed


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "account": {"type": "str", "default": "jupyter"},
            "venv": {"type": "path", "default": "/opt/jupyter"},
            "packages": {"type": "list", "elements": "str", "default": []},
            "lock_timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        found = versions(Path(options["venv"]), options["packages"])
        removed = {} if module.check_mode else clean(options["account"], options["lock_timeout"])
    except (MachineError, OSError, subprocess.SubprocessError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=True, versions=found, removed=removed)


if __name__ == "__main__":
    main()
