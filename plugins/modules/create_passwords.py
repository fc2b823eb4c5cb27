"""Create missing password files on the controller, in `directory` only."""

from __future__ import annotations

DOCUMENTATION = r"""
module: create_passwords
short_description: Makes missing password files of users on the controller
description:
  - For each user without a file C(<directory>/<user>.passwd), writes one with a pass phrase of five or more random
    words (64 bits or more), mode 0600, in a folder of mode 0700.
  - A file that exists is read and never changed; a faulty one is an error, and then nothing is made.
  - Phrases are not returned, so that they show in no output.
attributes:
  check_mode:
    support: full
options:
  users:
    description: Names of the users.
    type: list
    elements: str
    required: true
  directory:
    description: Folder of the password files; made when missing.
    type: path
    required: true
  minimum_length:
    description: Fewest characters that a password may have.
    type: int
    default: 12
"""

EXAMPLES = r"""
- name: Make the missing passwords of a class
  create_passwords:
    users: [ws-1, ws-2]
    directory: jupyter-passwords
    minimum_length: 12
"""

RETURN = r"""
created:
  description: Users whose file was made, or would be in check mode.
  returned: success
  type: list
  elements: str
existing:
  description: Users who had a file.
  returned: success
  type: list
  elements: str
notes:
  description: Modes of files and folders that were put right, or that are not ours to change, one line each.
  returned: success
  type: list
  elements: str
problems:
  description: One line for each file that exists and cannot be used.
  returned: failure
  type: list
  elements: str
"""

import contextlib
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.files import remove_partial
from ansible_collections.probcomp.stack.plugins.module_utils.common.names import InvalidName, check_user_name
from ansible_collections.probcomp.stack.plugins.module_utils.passwords.files import (
    Decrypt,
    PasswordFileError,
    is_own,
    keep_folder_private,
    new_phrase,
    password_file,
    read_password,
    vault_decrypter,
    write_new_password,
)


def faults(
    users: list[str],
    directory: Path,
    minimum_length: int,
    notes: list[str],
    mend: bool = True,
    decrypt: Decrypt | None = None,
) -> list[str]:
    """Return a line for each user whose password file cannot be used.

    The check covers those of `users` with an existing file in `directory`.
    """
    lines = []
    for user in users:
        path = password_file(directory, user)
        if not path.exists():
            continue
        try:
            read_password(path, minimum_length, notes, mend, decrypt, directory)
        except PasswordFileError as error:
            lines.append(str(error))
    return lines


def clear(paths: list[Path]) -> None:
    """Remove phrases that a killed run left half-written beside `paths`."""
    for path in paths:
        # Another run may be writing this file; one that cannot be removed is reported when it is written.
        with contextlib.suppress(OSError):
            remove_partial(path)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "users": {"type": "list", "elements": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "minimum_length": {"type": "int", "default": 12},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    users = list(dict.fromkeys(parameters["users"]))
    directory = Path(parameters["directory"])
    notes: list[str] = []
    try:
        for user in users:
            check_user_name(user)
    except InvalidName as error:
        module.fail_json(msg=str(error))
    decrypt = vault_decrypter()
    problems = faults(users, directory, parameters["minimum_length"], notes, not module.check_mode, decrypt)
    if problems:
        module.fail_json(msg="; ".join(problems), problems=problems, notes=notes)
    if not module.check_mode:
        clear([password_file(directory, user) for user in users])
    missing = [user for user in users if not password_file(directory, user).exists()]
    created = list(missing)
    if not module.check_mode and missing:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            keep_folder_private(directory, is_own(directory, directory), notes)
            created = [
                user
                for user in missing
                if write_new_password(password_file(directory, user), new_phrase(parameters["minimum_length"]))
            ]
        except PasswordFileError as error:
            module.fail_json(msg=str(error))
        except OSError as error:
            module.fail_json(msg=f"{directory}: password files cannot be written here ({error.strerror})")
    existing = [user for user in users if user not in created]
    module.exit_json(changed=bool(created or notes), created=created, existing=existing, notes=notes)


if __name__ == "__main__":
    main()
