#!/usr/bin/python
"""Create a virtual environment and install a pinned, hashed list of packages.

Runs on the machine as root.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: python_environment
short_description: Keep a Python virtual environment at a pinned list of packages
description:
  - Makes the environment, and installs the list into it with uv, which has to be in the list. Every package is checked
    against its hash, and none is built from source.
  - What the system's packages bring of the list is installed in the environment all the same, so that it has the pinned
    version. Packages that somebody else installed there stay.
  - All of it is done as the account that owns the environment.
  - Nothing is done when this list was put in place before and the system's Python is the same.
options:
  path:
    description: Folder of the environment.
    type: path
    required: true
  owner:
    description: Account that owns it.
    type: str
    required: true
  requirements:
    description: The list itself, as uv or pip-compile writes it with hashes.
    type: str
    required: true
  python:
    description: Interpreter that it is made of.
    type: path
    default: /usr/bin/python3
  system_site_packages:
    description: Whether it sees the system's Python packages.
    type: bool
    default: false
  index_url:
    description: Address of a package index instead of the default one; plain http is allowed.
    type: str
    default: ""
  ca_bundle:
    description: File on the machine with the certificates to trust instead of the default ones.
    type: str
    default: ""
  timeout:
    description: Seconds that each of the two steps, uv and the list, may take.
    type: int
    default: 900
attributes:
  check_mode:
    support: full
"""

EXAMPLES = r"""
- name: Install JupyterLab
  python_environment:
    path: /opt/jupyter
    owner: jupyter
    system_site_packages: true
    requirements: "{{ lookup('ansible.builtin.file', 'requirements.txt') }}"
"""

RETURN = r"""
msg:
  description: What was done.
  returned: changed
  type: str
"""

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import urllib.parse
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import (
    NOTES,
    MachineError,
    environment_of,
    find_account,
    last_words,
    one_at_a_time,
    process_as,
    read_note,
    write_note,
)
from ansible_collections.probcomp.stack.plugins.module_utils.machine.python_record import (
    is_current,
    note_file,
    wanted_note,
)

_WHEELS_OF_THE_SYSTEM = Path("/usr/share/python-wheels")
"""Folder with the pip of Debian's python3-venv.

One run of this pip, to install uv, replaces unpacking a separate pip into every environment: 4 of 14 CPU seconds per
machine.
"""
_VENV_SECONDS = 120


def stanza(requirements: str, package: str) -> str:
    """Return the lines of the list that pin `package`, with the hashes that follow."""
    found = re.search(rf"^{re.escape(package)}==(?:[^\n]*\\\n)*[^\n]*$", requirements, re.MULTILINE)
    if found is None:
        raise MachineError(f"python_environment: the list of packages does not pin {package}")
    return found[0] + "\n"


class Environment:
    """Requested environment."""

    def __init__(self, options: dict[str, Any], account: pwd.struct_passwd) -> None:
        self._options = options
        self._account = account
        self._path = Path(options["path"])
        self._note_file = note_file(str(self._path))
        self._note = wanted_note(
            hashlib.sha256(options["requirements"].encode()).hexdigest(),
            options["python"],
            options["system_site_packages"],
        )

    def is_current(self) -> bool:
        """Return whether this list is installed."""
        return is_current(str(self._path), self._note)

    def make(self) -> None:
        """Create the environment and install the list.

        Raises MachineError.
        """
        before = read_note(self._note_file)
        if before and any(before[name] != self._note[name] for name in ("python", "system_site_packages")):
            # Packages for another Python version cannot be used by this one.
            shutil.rmtree(self._path)
        # The record stays absent until the end, so that an interrupted run is detected.
        self._note_file.unlink(missing_ok=True)
        self._path.mkdir(mode=0o755, parents=True, exist_ok=True)
        os.chown(self._path, self._account.pw_uid, self._account.pw_gid, follow_symlinks=False)
        visible = ["--system-site-packages"] if self._options["system_site_packages"] else []
        self._run([self._options["python"], "-m", "venv", "--without-pip", *visible, str(self._path)], _VENV_SECONDS)
        # Only root can write in this folder, because root writes the list.
        with tempfile.TemporaryDirectory(prefix="probcomp-") as folder:
            Path(folder).chmod(0o755)
            self._install(Path(folder))
        write_note(self._note_file, self._note)

    def _install(self, folder: Path) -> None:
        requirements, bootstrap = folder / "requirements.txt", folder / "uv.txt"
        requirements.write_text(self._options["requirements"], encoding="utf-8")
        bootstrap.write_text(stanza(self._options["requirements"], "uv"), encoding="utf-8")
        python, uv = str(self._path / "bin/python"), self._path / "bin/uv"
        # The list is complete: packages that it omits on purpose must not be fetched as dependencies.
        common = ["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r"]
        seconds = self._options["timeout"]
        wheels = sorted(_WHEELS_OF_THE_SYSTEM.glob("pip-*.whl"))
        if not wheels:
            raise MachineError("python_environment: the package python3-venv is not installed")
        # The system's packages are hidden from pip, which would otherwise accept a uv among them.
        quick = ["--disable-pip-version-check", "--no-cache-dir", "--no-compile", "--ignore-installed"]
        self._run([python, f"{wheels[-1]}/pip", *common, str(bootstrap), *quick], seconds)
        # Unlike pip, uv uses the environment's own packages only. Its cache is in the same folder for hard links.
        cache = str(self._path / ".cache")
        self._run([str(uv), "pip", *common, str(requirements), "--python", python, "--cache-dir", cache], seconds)
        self._run(["/bin/rm", "-rf", cache, str(self._path / ".lock")], seconds)

    def _run(self, command: list[str], seconds: int) -> None:
        what = " ".join(Path(word).name if word.startswith("/") else word for word in command[:4])
        try:
            done = subprocess.run(
                command,
                env=self._environment(),
                cwd="/",
                timeout=seconds,
                check=False,
                **process_as(self._account),
            )
        except subprocess.TimeoutExpired:
            raise MachineError(f"python_environment: {what} took longer than {seconds} s") from None
        if done.returncode != 0:
            words = last_words(done.stdout.decode(errors="replace"))
            raise MachineError(f"python_environment: {what} failed with status {done.returncode}: {words}")

    def _environment(self) -> dict[str, str]:
        """Return settings as environment variables.

        An index URL may hold a password, which `ps` would show.
        """
        settings = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": os.devnull}
        if url := self._options["index_url"]:
            settings |= {"PIP_INDEX_URL": url, "UV_DEFAULT_INDEX": url}
            if url.startswith("http:"):
                host = urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
                settings |= {"PIP_TRUSTED_HOST": host, "UV_INSECURE_HOST": host}
        if bundle := self._options["ca_bundle"]:
            settings |= {"PIP_CERT": bundle, "SSL_CERT_FILE": bundle}
        return environment_of(self._account) | settings


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "owner": {"type": "str", "required": True},
            "requirements": {"type": "str", "required": True},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "system_site_packages": {"type": "bool", "default": False},
            "index_url": {"type": "str", "default": ""},
            "ca_bundle": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    # The list has over a thousand lines of hashes, too many for the output of -vvv.
    shown = {"module_args": {**module.params, "requirements": "(the list)"}}
    account = find_account(module.params["owner"])
    if account is None and module.check_mode:
        module.exit_json(changed=True, invocation=shown)
    try:
        if account is None:
            raise MachineError(f"python_environment: there is no account {module.params['owner']}")
        environment = Environment(module.params, account)
        if environment.is_current() or module.check_mode:
            module.exit_json(changed=not environment.is_current(), invocation=shown)
        with one_at_a_time(NOTES / "python_environment.lock", module.params["timeout"], "installing Python packages"):
            environment.make()
    except (MachineError, OSError, subprocess.SubprocessError) as error:
        module.fail_json(msg=str(error), invocation=shown)
    module.exit_json(changed=True, msg="the list of Python packages was installed", invocation=shown)


if __name__ == "__main__":
    main()
