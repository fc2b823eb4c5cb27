"""Upload a content archive to the location from which machines download it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: content_publish
short_description: Put a content archive where machines take it from
description:
  - Makes the checks that machines make (see M(content_deploy)), puts the archive into S3 with its version as metadata
    (C(sha256), C(published), C(name)), and reads it back at O(url), as a machine does, without credentials or at
    a presigned address of s3. Only when what arrives is what was put, it succeeds.
  - In check mode it also says which files machines leave out, and which of the present archive are not in the new one.
  - An archive that lies there already is not put again. One that is public by its ACL, in a bucket whose policy does
    not admit everybody, is replaced by one with the same ACL.
  - amazon.aws.s3_object compares ETags, which are no sums of the content in a bucket encrypted by KMS, sets an ACL by
    default, and cannot tell whether machines get what it put.
options:
  archive:
    description: The archive on this computer.
    type: str
    required: true
  url:
    description: Address at which machines find it, s3, http or https.
    type: str
    required: true
  checksum:
    description: C(sha256:) and the only sum that machines accept; empty when they take what comes.
    type: str
    default: ""
  bucket:
    description: Bucket that O(url) takes it from, when it is no address of S3. Together with O(key).
    type: str
    default: ""
  key:
    description: Key of the object in O(bucket).
    type: str
    default: ""
  checked:
    description: sha256 of an archive that passed the checks just before. It is not unpacked again.
    type: str
    default: ""
  installer:
    description: Path in the archive of the content's own installer. One that cannot be run is refused.
    type: str
    default: gen/install.sh
  max_size:
    description: Largest archive that machines take, in MiB.
    type: int
    default: 2048
  max_unpacked_size:
    description: Most that it may unpack to, in MiB.
    type: int
    default: 8192
  timeout:
    description: Seconds that reading it back may take.
    type: int
    default: 900
extends_documentation_fragment:
  - probcomp_account
  - probcomp_aws
attributes:
  check_mode:
    description: Makes all checks, with read-only requests alone.
    support: full
"""

EXAMPLES = r"""
- name: Put the archive where machines take it from
  content_publish:
    archive: content-package.tgz
    url: s3://lab-content/content-package.tgz
"""

RETURN = r"""
sha256:
  description: The archive's sha256, its version.
  returned: success
  type: str
is_new:
  description: Whether it did not lie there yet.
  returned: success
  type: bool
lines:
  description: "For people: where this acts, what the archive is, and where it lies or would lie."
  returned: success
  type: list
  elements: str
"""

import contextlib
from pathlib import Path

from ansible_collections.probcomp.stack.plugins.module_utils.aws.account import banner, is_rehearsal
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import CLIENT_SETTINGS
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import ACCOUNT
from ansible_collections.probcomp.stack.plugins.module_utils.content.archive import bare_checksum
from ansible_collections.probcomp.stack.plugins.module_utils.content.checked_archive import MIB, Archive, check_archive
from ansible_collections.probcomp.stack.plugins.module_utils.content.comparison import lines_about
from ansible_collections.probcomp.stack.plugins.module_utils.content.presign import client_of_bucket
from ansible_collections.probcomp.stack.plugins.module_utils.content.publish import ContentTarget, publish
from ansible_collections.probcomp.stack.plugins.module_utils.content.s3_object import parse_content_url
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports a missing library.
    from botocore import UNSIGNED

ARGUMENTS = {
    "archive": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "checksum": {"type": "str", "default": ""},
    "bucket": {"type": "str", "default": ""},
    "key": {"type": "str", "default": "", "no_log": False},
    **ACCOUNT,
    "checked": {"type": "str", "default": ""},
    "installer": {"type": "str", "default": "gen/install.sh"},
    "max_size": {"type": "int", "default": 2048},
    "max_unpacked_size": {"type": "int", "default": 8192},
    "timeout": {"type": "int", "default": 900},
}


def where_it_acts(module: AwsModule) -> str:
    """Return the line that names the AWS account.

    Raises MachineError when it is not the configured account.
    """
    sts = module.client("sts", config=CLIENT_SETTINGS)
    account = sts.get_caller_identity()["Account"]
    if module.params["account_id"] not in ("", account):
        raise MachineError(
            f"the credentials belong to account {account}, not to {module.params['account_id']}: change the profile, "
            "or account_id in group_vars/all"
        )
    return banner(account, module.region or "", is_rehearsal(sts.meta.endpoint_url))


def described(archive: Archive) -> str:
    """Return a description of the archive for people."""
    files = "" if archive.files is None else f", {archive.files} files"
    size = f"{archive.size / MIB:.1f} MiB" if archive.size >= MIB else f"{archive.size / 1024:.1f} KiB"
    return f"{archive.path.name}: {size}{files}, sha256:{archive.sha256}"


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    options = module.params
    try:
        with module.explained():
            pinned = bare_checksum(options["checksum"])
            location = parse_content_url(options["url"], options["bucket"], options["key"])
            largest = options["max_size"] * MIB
            path = Path(options["archive"]).expanduser()
            unpacked = options["max_unpacked_size"] * MIB
            archive = check_archive(path, largest, unpacked, options["checked"], options["installer"])
            lines = [where_it_acts(module), described(archive)]
            s3 = client_of_bucket(module.clients(), location)
            anonymous = module.client("s3", config={**CLIENT_SETTINGS, "signature_version": UNSIGNED})
            target = ContentTarget(s3, anonymous, location, options["url"], largest, options["timeout"])
            found = target.version()
            changed = publish(archive, target, found, pinned, module.check_mode)
            about = []
            if changed and module.check_mode:
                about = lines_about(archive, target, unpacked, found is not None)
    except MachineError as error:
        module.fail_json(msg=str(error))
    before = {None: "nothing", "": "an archive of unknown version"}.get(found, f"version {str(found)[:12]}")
    if not changed:
        lines.append(f"lies in {location} already, and machines get it")
    elif module.check_mode:
        lines.append(f"to be put to {location}, where {before} lies now")
        lines += about
    else:
        lines.append(f"was put to {location}, where {before} lay")
    module.exit_json(changed=changed, sha256=archive.sha256, is_new=changed, lines=lines)


if __name__ == "__main__":
    main()
