#!/usr/bin/python
"""Install a content archive into a user's home and keep the user's changes.

The archive is installed completely or not at all. Runs on the machine as root. All work in the home runs as its
account; root writes only its own records.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: content_deploy
short_description: Lay an archive of notebooks into a home, keeping what its user changed
description:
  - Fetches a tar archive (gzip, bzip2, xz or plain) and unpacks it in a folder beside its place. Only when all of it
    is there and harmless are its files moved into the home, each in one step. Names and links that lead outside,
    devices, half archives, HTML pages and wrong checksums are refused, and nothing is unpacked.
  - Files that the user changed, and files of her own under such a name, are kept. Files that she deleted come back, so
    that the original of a spoilt notebook can be had again. Files that a new version no longer has are removed, unless
    she changed them. A file can become a folder, and a folder a file or a link, unless something of hers is in the way.
  - An archive that the server says is unchanged, or whose checksum is that of the installed one, is not fetched again
    unless a file of it is missing.
  - An interrupted run is completed by the next one.
options:
  url:
    description: Address of the archive, s3, http or https. What follows a C(?) of the last two is never shown.
    type: str
    required: true
  address:
    description:
      - Address to download from, where it is secret, or O(url) is one of s3. M(content_address) presigns those. It is
        neither shown nor kept; O(url) is.
    type: str
    default: ""
  checksum:
    description: C(sha256:) and the sum of the archive in hexadecimal digits. Empty to take what comes.
    type: str
    default: ""
  allow_plain_http:
    description: Whether an archive without a checksum may come over http without TLS, where it can be replaced.
    type: bool
    default: false
  owner:
    description: Account whose home it is laid into, and as which all work in the home is done.
    type: str
    required: true
  max_size:
    description: Largest archive, in MiB.
    type: int
    default: 2048
  max_unpacked_size:
    description: Most that the archive may unpack to, in MiB.
    type: int
    default: 8192
  timeout:
    description: Seconds that fetching may take, and again that unpacking may take.
    type: int
    default: 900
attributes:
  check_mode:
    support: partial
    description: Tells whether the archive would be laid down. What is in it is not known without unpacking it.
"""

EXAMPLES = r"""
- name: Lay the workshop's notebooks into the home
  content_deploy:
    url: https://lab-content.s3.amazonaws.com/content-package.tgz
    owner: jupyter
"""

RETURN = r"""
version:
  description: sha256 of the archive that is installed.
  returned: when one is
  type: str
counts:
  description: How many files are C(new), C(updated), C(kept) and C(removed).
  returned: when an archive was laid down
  type: dict
new:
  description: Files laid down that were not there; at most fifty.
  returned: when an archive was laid down
  type: list
  elements: str
updated:
  description: Files replaced by their new version; at most fifty.
  returned: when an archive was laid down
  type: list
  elements: str
kept:
  description: Files not replaced because the user changed them; at most fifty.
  returned: when an archive was laid down
  type: list
  elements: str
removed:
  description: Files of the earlier version that this one no longer has; at most fifty.
  returned: when an archive was laid down
  type: list
  elements: str
"""

import dataclasses
import pwd
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.addresses import ALLOW, unverified
from ansible_collections.probcomp.stack.plugins.module_utils.content.archive import FOLDER, bare_checksum, unpack
from ansible_collections.probcomp.stack.plugins.module_utils.content.install import (
    STAGING_PREFIX,
    Plan,
    install,
    make_plan,
    missing,
    new_notes,
    notes_while_installing,
)
from ansible_collections.probcomp.stack.plugins.module_utils.content.wanted import (
    MIB,
    Wish,
    is_current,
    known_version,
    would_change,
)
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import (
    NOTES,
    MachineError,
    find_account,
    one_at_a_time,
    read_note,
    run_as,
    write_note,
)

_MOST_NAMES = 50


def fetch_and_unpack(home: Path, wish: Wish, known: tuple[str, str]) -> dict[str, Any] | None:
    """Download and unpack the archive; return folder, fingerprints and version.

    The folder is the staging folder; the fingerprints are those of its contents. The result is None when the archive
    has not changed. Runs as the user.

    Raises MachineError; nothing is left in the home then.
    """
    for leftover in home.glob(f"{STAGING_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=home))
    try:
        # A file without a name cannot be replaced between the check of its checksum and the unpacking.
        with tempfile.TemporaryFile(dir=staging) as stream:
            archive = Path(f"/proc/self/fd/{stream.fileno()}")
            fetched = wish.download(archive, known)
            if fetched is None:
                staging.rmdir()
                return None
            if wish.checksum not in ("", fetched.sha256):
                raise MachineError(
                    f"content: {wish.source} has the checksum sha256:{fetched.sha256}, not the one given"
                )
            unpacked = staging / "unpacked"
            unpacked.mkdir()
            content = unpack(archive, unpacked, wish.max_unpacked_size * MIB)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return {"staging": str(staging), "content": content, **dataclasses.asdict(fetched)}


def lay_down(home: Path, wish: Wish, account: pwd.struct_passwd, note_file: Path) -> dict[str, Any]:
    """Bring `home` to the requested state and return the module's result.

    Raises MachineError.
    """
    note = read_note(note_file)
    notes: dict[str, list[str]] = note.get("files", {})
    lost = run_as(account, lambda: missing(home, notes), wish.timeout, "looking at the home")
    if is_current(wish, note) and not lost:
        return {"changed": False, "version": note["version"]}
    known = known_version(wish, note, not lost)
    # Download and unpacking each have their own limit, and report more when they reach it, so this limit is twice the
    # time and a little.
    fetched = run_as(
        account, lambda: fetch_and_unpack(home, wish, known), 2 * wish.timeout + 60, f"unpacking {wish.source}"
    )
    if fetched is None:
        return {"changed": False, "version": note["version"]}
    content: dict[str, str] = fetched["content"]
    staging = Path(fetched["staging"])
    described = run_as(account, lambda: vars(make_plan(home, content, notes)), wish.timeout, "comparing the home")
    plan = Plan(**described)
    write_note(note_file, {**note, "files": notes_while_installing(content, notes, plan), "under_way": True})

    def move() -> None:
        install(home, staging / "unpacked", plan, content, notes)
        shutil.rmtree(staging, ignore_errors=True)

    run_as(account, move, wish.timeout, "moving the content into place")
    done = {
        "version": fetched["sha256"],
        "source": wish.source,
        "etag": fetched["etag"],
        "last_modified": fetched["last_modified"],
        "files": new_notes(content, notes, plan),
    }
    write_note(note_file, done)
    changed = bool(plan.new or plan.updated or plan.removed) or note.get("version") != fetched["sha256"]
    return report(plan, content, fetched["sha256"], changed)


def report(plan: Plan, content: Mapping[str, str], version: str, changed: bool) -> dict[str, Any]:
    """Return the module's result for a plan that was carried out.

    New folders are not listed, and long lists are cut.
    """
    lists = {name: sorted(paths) for name, paths in vars(plan).items()}
    for name in ("new", "updated"):
        lists[name] = [path for path in lists[name] if content[path] != FOLDER]
    return {
        "changed": changed,
        "version": version,
        "counts": {name: len(paths) for name, paths in lists.items()},
        **{name: paths[:_MOST_NAMES] for name, paths in lists.items()},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "address": {"type": "str", "default": "", "no_log": True},
            "checksum": {"type": "str", "default": ""},
            "allow_plain_http": {"type": "bool", "default": False},
            "owner": {"type": "str", "required": True},
            "max_size": {"type": "int", "default": 2048},
            "max_unpacked_size": {"type": "int", "default": 8192},
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    owner, is_allowed = options.pop("owner"), options.pop("allow_plain_http")
    account = find_account(owner)
    try:
        options["checksum"] = bare_checksum(options["checksum"])
        wish = Wish(**options)
        if unverified(wish.address or wish.url, wish.checksum, is_allowed):
            raise MachineError(
                f"content: {wish.source} is plain http without a checksum: give an https address, or content_checksum; "
                f"{ALLOW} takes the risk"
            )
        if account is None:
            if module.check_mode:
                module.exit_json(changed=True, msg=f"the account {owner} would be made first")
            raise MachineError(f"content: there is no account {owner}: the role jupyter makes it")
        home, note_file = Path(account.pw_dir), NOTES / "content.json"
        if module.check_mode:
            module.exit_json(changed=would_change(home, wish, account, note_file))
        with one_at_a_time(NOTES / "content.lock", wish.timeout, "laying down content"):
            result = lay_down(home, wish, account, note_file)
    except (MachineError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
