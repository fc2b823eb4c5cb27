"""Presign the address s3://bucket/key of a content archive."""

from __future__ import annotations

DOCUMENTATION = r"""
module: content_address
short_description: Presign the address of a content archive in S3
description:
  - Machines have no credentials, and a bucket need not be public. Whoever has the address that this module answers can
    read that one archive for some minutes, with the rights of the credentials that presigned it.
  - Runs on the controller. Its result is shown at no verbosity.
options:
  url:
    description: Address of the archive, s3://bucket/key. The bucket may be in any region.
    type: str
    required: true
extends_documentation_fragment:
  - probcomp_account
  - probcomp_aws
attributes:
  check_mode:
    description: It changes nothing in any mode.
    support: full
"""

EXAMPLES = r"""
- name: Presign the archive's address
  content_address:
    url: s3://lab-content/content-package.tgz
  register: content_presigned
"""

RETURN = r"""
address:
  description: The presigned address, a secret.
  returned: success
  type: str
"""

from ansible_collections.probcomp.stack.plugins.module_utils.aws.account import resolve_account
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import ACCOUNT
from ansible_collections.probcomp.stack.plugins.module_utils.content.presign import client_of_bucket, presign
from ansible_collections.probcomp.stack.plugins.module_utils.content.s3_object import parse_s3_address
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError


def main() -> None:
    """Run the module."""
    module = AwsModule({"url": {"type": "str", "required": True}, **ACCOUNT})
    try:
        location = parse_s3_address(module.params["url"])
        with module.explained(f"content {location}"):
            account = resolve_account(module, module.params["account_id"])
            address = presign(client_of_bucket(account.clients, location), location)
    except MachineError as error:
        module.fail_json(msg=f"content: {error}")
    module.exit_json(changed=False, address=address)


if __name__ == "__main__":
    main()
