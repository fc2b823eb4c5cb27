"""Create an image of a stopped machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_image
short_description: Make an image of a stopped machine
description:
  - Makes the image unless the account has one of this name, and waits until it and its snapshot are complete. Goes on
    with an image that an interrupted run began.
  - A failed image is deregistered and its snapshot deleted, and the module fails.
  - The image is read again before success is said.
options:
  name:
    description: Name of the image; a name is given once.
    type: str
    required: true
  instance_id:
    description: The stopped instance; may be empty when the image exists.
    type: str
    default: ""
  description:
    description: A line about the image.
    type: str
    default: ""
  tags:
    description: Tags of the image and its snapshot. Empty ones are left out, and those after the fiftieth.
    type: dict
    default: {}
  timeout:
    description: Seconds that AWS may take.
    type: int
    default: 3600
extends_documentation_fragment:
  - probcomp_aws
attributes:
  check_mode:
    description: Says whether an image would be made, with read-only requests alone.
    support: full
"""

EXAMPLES = r"""
- name: Make the image
  machine_image:
    name: probcomp-20261123-093000
    instance_id: i-0123456789abcdef0
    tags: {Name: probcomp-20261123-093000}
  register: image
"""

RETURN = r"""
image_id:
  description: The image; empty in check mode when there is none yet.
  type: str
  returned: always
snapshots:
  description: Its snapshots.
  type: list
  elements: str
  returned: always
size:
  description: GiB of its disks.
  type: int
  returned: always
architecture:
  description: What it runs on, x86_64 or arm64.
  type: str
  returned: always
notes:
  description: What happened on the way.
  type: list
  elements: str
  returned: always
others_lines:
  description: For people, the images that earlier runs made; empty when there are none.
  type: list
  elements: str
  returned: always
"""

from typing import Any

from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.ec2.image import (
    ImageError,
    ImageMaker,
    most_important,
    others_lines,
    size_of,
    snapshots_of,
)

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "instance_id": {"type": "str", "default": ""},
    "description": {"type": "str", "default": ""},
    "tags": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 3600},
}


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    options = module.params
    clients = module.clients()
    maker = ImageMaker(clients, Clock(), options["name"], options["description"], most_important(options["tags"]))
    try:
        with module.explained(f"image {options['name']}"):
            if module.check_mode:
                image = maker.find() or {}
                changed = not image
            else:
                made = maker.make(options["instance_id"], options["timeout"])
                image, changed = made.image, made.changed
            others = others_lines(clients, options["name"])
    except ImageError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=changed,
        image_id=image.get("ImageId", ""),
        snapshots=snapshots_of(image),
        size=size_of(image),
        architecture=image.get("Architecture", ""),
        notes=maker.notes,
        others_lines=others,
    )


if __name__ == "__main__":
    main()
