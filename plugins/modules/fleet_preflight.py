"""Report all problems, needs and costs of a planned fleet.

The module only reads.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_preflight
short_description: Finds every problem of a planned fleet at once, and what it needs and costs
description:
  - "Looks at everything that a create depends on, in one sweep of read-only requests, for all machines together:
    programs of this computer, credentials, account and region, certificate, hosted zone, key pair and private key,
    network for ssh, images and instance types, quotas, stacks that exist, names that collide, password files, content."
  - Problems do not fail the module; they are in RV(problems), for the playbook to end with all of them.
  - A password file or its folder that others can read is put right, and RV(notes) says so.
extends_documentation_fragment:
  - probcomp_account
  - probcomp_account.prices
  - probcomp_aws
attributes:
  check_mode:
    description: It changes nothing in either mode.
    support: full
options:
  machines:
    description: The machines that are asked for.
    type: list
    elements: dict
    required: true
    suboptions:
      user:
        description: Whose machine.
        type: str
        required: true
      fleet:
        description: The fleet that it belongs to; empty for a machine alone.
        type: str
        default: ""
      instance:
        description: Instance type.
        type: str
        required: true
      ami:
        description: Image; empty for the default one.
        type: str
        default: ""
      network:
        description: Name of the network.
        type: str
        required: true
      volume_size:
        description: GiB of the disk.
        type: int
        required: true
      cpu_credits:
        description: Credits of a machine of a T type; empty for AWS's own.
        type: str
        choices: ["", standard, unlimited]
        default: ""
      expires:
        description: Date until when it is needed, as 2026-12-01; empty for thirty days from now.
        type: str
        default: ""
      has_password:
        description: Whether a user will log in, so that there must be a password file.
        type: bool
        default: true
  zone:
    description:
      - The hosted zone, with or without the trailing dot, in any case.
      - What is no domain name, not even text, is a problem among others.
    type: raw
    required: true
  dns_resolver:
    description:
      - Name server that is asked who answers for the zone, an address or C(address:port); the system's when empty.
      - In a rehearsal nobody is asked when it is empty.
    type: str
    default: ""
  certificate_arn:
    description: Certificate of the load balancers.
    type: str
    required: true
  key_name:
    description: Key pair of the machines.
    type: str
    required: true
  private_key_file:
    description: File of its private key; empty when the ssh agent holds it.
    type: str
    default: ""
  admin_cidr:
    description: The networks that may open ssh connections, one as text or up to five in a list.
    type: raw
    required: true
  address_service:
    description:
      - Address on the web that answers with the public address of this computer, to compare O(admin_cidr) with.
      - Empty for no comparison.
    type: str
    default: ""
  password_directory:
    description: Folder of the password files.
    type: path
    required: true
  password_min_length:
    description: Fewest characters that a password may have.
    type: int
    default: 12
  passwords_required:
    description: Whether a password file that is missing is a problem; else it is in RV(notes).
    type: bool
    default: true
  content_url:
    description: Where the content comes from; empty for none.
    type: str
    default: ""
  content_checksum:
    description: The sum that the content must have; empty for none.
    type: str
    default: ""
  allow_plain_http:
    description: Whether content without a sum, and the packages' key, may come over http without TLS.
    type: bool
    default: false
  apt_repository_url:
    description: Where the lab's Debian packages come from; empty for none.
    type: str
    default: ""
  apt_repository_key:
    description: Its public key as text, or where that comes from.
    type: str
    default: ""
  image_parameter:
    description: SSM parameter of the default image, with C({architecture}) in place of C(amd64) or C(arm64).
    type: str
    default: /aws/service/canonical/ubuntu/server/24.04/stable/current/{architecture}/hvm/ebs-gp3/ami-id
"""

EXAMPLES = r"""
- name: Look before anything is made
  fleet_preflight:
    machines:
      - {user: ws-1, fleet: ws, instance: t3.medium, network: shared, volume_size: 30}
    zone: example.org
    certificate_arn: arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555
    key_name: lab
    admin_cidr: 203.0.113.7/32
    password_directory: jupyter-passwords
  register: preflight
"""

RETURN = r"""
skipped_users:
  description: Whose machines are stopped, so that a create leaves them alone.
  returned: success
  type: list
  elements: str
problems:
  description: "What must be put right first: C(what), whose (C(user)), what to do (C(fix)), all in a line (C(text))."
  returned: success
  type: list
  elements: dict
notes:
  description: Risks, skipped parts, and what could not be looked at.
  returned: success
  type: list
  elements: str
account:
  description: The account that the credentials belong to; empty when unknown.
  returned: success
  type: str
region:
  description: The region.
  returned: success
  type: str
rehearsal:
  description: Whether AWS is asked at an address of this computer.
  returned: success
  type: bool
machines:
  description: "By user, what a machine is or will be made from: C(image), C(root_device_name), C(architecture),
    C(vcpus), C(instance), C(exists), C(stack_status), C(zones)."
  returned: success
  type: dict
networks:
  description: "By name: C(exists), C(stack_status), C(outputs)."
  returned: success
  type: dict
zones:
  description: "By network, the two zones that it has or will have."
  returned: success
  type: dict
quotas:
  description: "What is needed of each: C(name), C(code), C(used), C(needed), C(limit) (null: not known)."
  returned: success
  type: list
  elements: dict
cost:
  description: "Dollars as texts for all that is asked: C(per_hour), C(per_day), C(per_30_days), C(lines), C(as_of),
    C(unknown), and under C(new) the same for what does not exist yet. Null where no price is known."
  returned: success
  type: dict
plan_lines:
  description: The plan for people, with all of the above.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import ACCOUNT, PRICES
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.request import MachineRequest, Settings
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.run import sweep

MACHINE = {
    "user": {"type": "str", "required": True},
    "fleet": {"type": "str", "default": ""},
    "instance": {"type": "str", "required": True},
    "ami": {"type": "str", "default": ""},
    "network": {"type": "str", "required": True},
    "volume_size": {"type": "int", "required": True},
    "cpu_credits": {"type": "str", "choices": ["", "standard", "unlimited"], "default": ""},
    "expires": {"type": "str", "default": ""},
    "has_password": {"type": "bool", "default": True, "no_log": False},
}
DEFAULT_IMAGE = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{architecture}/hvm/ebs-gp3/ami-id"
# Ansible takes these names (files and the name of a key pair) for secrets.
OPEN: dict[str, Any] = {"no_log": False}
ARGUMENTS: dict[str, Any] = {
    "machines": {"type": "list", "elements": "dict", "required": True, "options": MACHINE},
    "zone": {"type": "raw", "required": True},
    **ACCOUNT,
    **PRICES,
    "dns_resolver": {"type": "str", "default": ""},
    "certificate_arn": {"type": "str", "required": True},
    "key_name": {"type": "str", "required": True, **OPEN},
    "private_key_file": {"type": "str", "default": "", **OPEN},
    "admin_cidr": {"type": "raw", "required": True},
    "address_service": {"type": "str", "default": ""},
    "password_directory": {"type": "path", "required": True, **OPEN},
    "password_min_length": {"type": "int", "default": 12, **OPEN},
    "passwords_required": {"type": "bool", "default": True, **OPEN},
    "content_url": {"type": "str", "default": ""},
    "content_checksum": {"type": "str", "default": ""},
    "allow_plain_http": {"type": "bool", "default": False},
    "apt_repository_url": {"type": "str", "default": ""},
    "apt_repository_key": {"type": "str", "default": "", "no_log": False},
    "image_parameter": {"type": "str", "default": DEFAULT_IMAGE},
}


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    parameters = module.params
    # An unknown profile or a missing region is a problem among others here, not the end of the module.
    clients = module.raising_clients()
    given: dict[str, Any] = {
        name: parameters[name] or "" for name in Settings.__dataclass_fields__ if name not in ("region", "zone")
    }
    settings = Settings(region=clients.region, zone=parameters["zone"], **given)
    requests = [MachineRequest(**machine) for machine in parameters["machines"]]
    cache = None if module.check_mode else parameters["price_cache"]
    found = sweep(clients, settings, requests, cache)
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
