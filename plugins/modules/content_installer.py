#!/usr/bin/python
"""Run the content's installer once per version of the content.

Runs on the machine as root.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: content_installer
short_description: Run the content's own installer once per version of the content
description:
  - Runs a script of the installed content (see M(content_deploy)) with the script's folder as working directory,
    no input, and the environment of a login of its account. What it prints goes to a log on the machine.
  - Runs again when the content's version changed, when the last run failed or was cut off, or with O(force).
  - Of the files that it writes, those that M(jupyter_password) would take for an intruder's are recorded, if the script
    and all else of the content in its folder are as the content brought them. Keys and timers in the home are not.
  - What remains is that the user can change what the script reads between that check and the script's end; with
    O(become_root) only the script itself is safe from that. What others write meanwhile counts as the script's. What
    the script reads elsewhere (pip's settings, Python's packages in the home), and files in its folder that the content
    did not bring, are not checked.
  - Without content, or when the content has no such script, nothing is run and the message says so.
options:
  script:
    description:
      - Path of the script in the home of O(owner). It is run by the program that its first line names, else by bash,
        and need not be executable. One that is empty, or has Windows line endings or a byte-order mark, is refused.
    type: str
    default: gen/install.sh
  owner:
    description: Account that the content belongs to.
    type: str
    required: true
  become_root:
    description:
      - Run the script as root instead of as O(owner). It is then refused when it is not as the content brought it, and
        what runs is root's copy of what was checked; its first line says by which program.
      - Whatever else it reads in the home, its working directory included, is still the user's to change.
    type: bool
    default: false
  path:
    description: Folders to put first on the script's path; as root only those in which nobody but root can write.
    type: list
    elements: path
    default: []
  environment:
    description: More variables for the script.
    type: dict
    default: {}
  log:
    description: File on the machine that gets the output of the last run, at most 10 MiB of it.
    type: path
    default: /var/log/probcomp/marco.log
  timeout:
    description: Seconds after which the script and what it started are ended.
    type: int
    default: 1800
  force:
    description: Run it even when it was run for this version.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
"""

EXAMPLES = r"""
- name: Run the content's installer
  content_installer:
    owner: jupyter
    path: [/opt/jupyter/bin]
"""

RETURN = r"""
version:
  description: sha256 of the content archive that it was run for.
  returned: when there is content
  type: str
"""

import base64
import contextlib
import errno
import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.content import brought
from ansible_collections.probcomp.stack.plugins.module_utils.content.script import interpreter, problem
from ansible_collections.probcomp.stack.plugins.module_utils.content.script_run import run_script
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import (
    NOTES,
    MachineError,
    environment_of,
    find_account,
    last_words,
    one_at_a_time,
    process_as,
    read_note,
    run_as,
    write_note,
)

_LARGEST_SCRIPT = 16 * 1024 * 1024
_LOOK = 60
"""Seconds allowed for reading the script, because a home can hang."""


def look_at(script: Path) -> dict[str, Any] | None:
    """Return interpreter and fault of the script, None without a script.

    Runs as the user. Raises MachineError for anything but a file.
    """
    if not os.path.lexists(script):
        return None
    if not script.is_file():
        raise MachineError(f"{script} is a folder, or a link that leads to no file: nothing was run")
    with script.open("rb") as stream:
        return how_it_runs(stream.read(_LARGEST_SCRIPT), script)


def how_it_runs(data: bytes, script: Path) -> dict[str, Any]:
    """Return interpreter and fault of a script's text."""
    return {"interpreter": interpreter(data), "problem": problem(data, f"{script.parent.name}/{script.name}")}


def read_script(script: Path) -> str:
    """Return the script in base64, and "" for anything but a regular file of its own.

    Runs as the user. Raises OSError.
    """
    try:
        # Without O_NONBLOCK a pipe of that name would block.
        descriptor = os.open(script, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return ""
        raise
    with os.fdopen(descriptor, "rb") as stream:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        data = stream.read(_LARGEST_SCRIPT + 1) if is_file else b""
    return base64.b64encode(data).decode() if len(data) <= _LARGEST_SCRIPT else ""


def checked_copy(script: Path, account: pwd.struct_passwd, ours: list[str], folder: Path) -> Path:
    """Copy the script to `folder` after checking it, and return the copy.

    Its sha256 must be one of `ours`. It is read once, so that the user cannot replace it between the check and the run.
    Raises MachineError.
    """
    data = base64.b64decode(run_as(account, lambda: read_script(script), _LOOK, f"reading {script}"))
    if hashlib.sha256(data).hexdigest() not in ours:
        raise MachineError(
            f"{script} is not as the content brought it, so it is not run as root: remove it, then "
            "grab_content.yml brings it back"
        )
    copy = folder / script.name
    copy.write_bytes(data)
    copy.chmod(0o700)
    return copy


def of_root_alone(folders: list[str]) -> list[str]:
    """Return the real paths of those `folders` in which nobody but root can write."""
    found = []
    for folder in folders:
        with contextlib.suppress(OSError, RuntimeError):
            # A link on the way may be the user's, so that only the path without links is used.
            real = Path(folder).resolve(strict=True)
            states = [path.lstat() for path in (real, *real.parents)]
            if all(state.st_uid == 0 and not state.st_mode & 0o022 for state in states):
                found.append(str(real))
    return found


def install(options: dict[str, Any], account: pwd.struct_passwd, check_mode: bool) -> dict[str, Any]:
    """Run the installer if needed and return the module's result.

    Raises MachineError.
    """
    name = options["script"]
    content = read_note(NOTES / brought.CONTENT)
    version = content.get("version")
    if not version:
        return {"changed": False, "msg": "no content is installed: grab_content.yml brings it"}
    done_file = NOTES / brought.INSTALLER
    if read_note(done_file).get("version") == version and not options["force"]:
        message = f"{name} ran for content {version[:12]} before (-e force=yes runs it again)"
        return {"changed": False, "version": version, "msg": message}
    script = Path(account.pw_dir) / name
    found = run_as(account, lambda: look_at(script), _LOOK, f"looking at {script}")
    if found is None:
        return {"changed": False, "version": version, "msg": f"the content has no {name}: nothing is run"}
    with contextlib.ExitStack() as stack:
        program = script
        if options["become_root"]:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="installer-", dir=NOTES)))
            program = checked_copy(script, account, content["files"].get(name, []), folder)
            found = how_it_runs(program.read_bytes(), script)
        if found["problem"]:
            raise MachineError(f"{found['problem']}; then publish the content again")
        if found["interpreter"] and not os.access(found["interpreter"][0], os.X_OK):
            raise MachineError(f"{script} begins with #!{found['interpreter'][0]}, and the machine has no such program")
        if check_mode:
            return {"changed": True, "version": version, "msg": f"{name} would run for {version[:12]}"}
        changed = changed_beside(account, name, content)
        with brought.recorded(done_file, account, options["path"], not changed):
            _run(options, [*found["interpreter"], str(program)], account, script.parent)
    write_note(done_file, {**read_note(done_file), "version": version})
    return {"changed": True, "version": version, "msg": f"{name} ran for content {version[:12]}{changed}"}


def changed_beside(account: pwd.struct_passwd, script: str, content: dict[str, Any]) -> str:
    """Return why what the script writes is not taken for the content's, or "".

    See `Records.changed_beside`.
    """
    after = "; set_password.yml names what it wrote as if it were others'"
    records = brought.Records(
        Path(account.pw_dir), content.get("files"), seconds=_LOOK - 10, largest=brought.MOST_BYTES
    )
    try:
        path = run_as(account, lambda: records.changed_beside(script), _LOOK, f"comparing what lies beside {script}")
    except MachineError as error:
        return f"{after}, for {error}"
    return f"{after}, for {path} is not as the content brought it" if path else ""


def _run(options: dict[str, Any], command: list[str], account: pwd.struct_passwd, folder: Path) -> None:
    """Run the installer in `folder` with the environment of its account."""
    runner = pwd.getpwuid(0) if options["become_root"] else account
    environment = environment_of(runner)
    first = of_root_alone(options["path"]) if options["become_root"] else options["path"]
    environment["PATH"] = ":".join((*first, environment["PATH"]))
    environment.update({name: str(value) for name, value in options["environment"].items()})
    log = Path(options["log"])
    status, output = run_script(
        command,
        log,
        options["timeout"],
        cwd=folder,
        env=environment,
        **process_as(runner),
    )
    if status != 0:
        how = f"took longer than {options['timeout']} s" if status is None else f"failed with status {status}"
        raise MachineError(f"{options['script']} {how}: {last_words(output) or 'no output'} (all of it: {log})")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "script": {"type": "str", "default": "gen/install.sh"},
            "owner": {"type": "str", "required": True},
            "become_root": {"type": "bool", "default": False},
            "path": {"type": "list", "elements": "path", "default": []},
            "environment": {"type": "dict", "default": {}},
            "log": {"type": "path", "default": "/var/log/probcomp/marco.log"},
            "timeout": {"type": "int", "default": 1800},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    account = find_account(module.params["owner"])
    try:
        if account is None:
            if module.check_mode:
                module.exit_json(changed=False, msg="no content is installed yet")
            raise MachineError(f"there is no account {module.params['owner']}: the role jupyter makes it")
        if module.check_mode:
            result = install(module.params, account, check_mode=True)
        else:
            with one_at_a_time(NOTES / "content_install.lock", module.params["timeout"], "the content's installer"):
                result = install(module.params, account, check_mode=False)
    except (MachineError, OSError, subprocess.SubprocessError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
