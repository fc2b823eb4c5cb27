"""All users' stacks and machines of a region, from a few requests. Reads only.

Tag values are returned unchanged; callers must sanitize them for output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..aws.client import AwsClients, parts, tags_of
from ..aws.ownership import has_own_name
from ..aws.region_state import Survey
from ..aws.stack_statuses import COMPLETE
from ..common.names import by_number, network_of_stack_name, user_of_stack_name

TEXT_TAGS = ("owner", "organization", "purpose", "note", "expires")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class FleetMachine:
    """A user's machine, or what remains of it.

    `state` is EC2's instance state, "terminated" when only the stack remains, "none" when the stack has created no
    instance. `since` is the creation date of the stack, else the instance, in ISO 8601. `stack_status` is "" without a
    stack.
    """

    user: str
    state: str
    stack_status: str
    since: str
    instance_id: str
    type: str
    image: str
    image_name: str
    image_is_ours: bool
    volume_size: str
    network: str
    fleet: str
    owner: str
    organization: str
    purpose: str
    note: str
    expires: str
    url: str
    has_own_name: bool = True
    """Whether its instance has the Name tag of its user."""
    stack_type: str = ""
    """Instance type in the stack's parameters; EC2's may be changed by hand."""
    cpu_credits: str = ""
    """Credits in the parameters of the stack, "" for AWS's own."""
    vcpus: int = 0
    """vCPUs of its instance, 0 without one."""

    def is_overdue(self, today: date) -> bool:
        """Return whether the end date has passed."""
        day = end_date(self.expires)
        return day is not None and day < today


def end_date(text: str) -> date | None:
    """Return the date in a tag `expires`, None when it is not a date."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def machines(clients: AwsClients, seen: Survey, stack_domain: str, https_port: int) -> list[FleetMachine]:
    """Return all users' machines in `seen`, sorted by user with ws-9 before ws-10."""
    named = ((user_of_stack_name(name), stack) for name, stack in seen.stacks.items())
    stacks = {user: stack for user, stack in named if user}
    instances = seen.machines()
    images = _images(clients, {_image_id(stacks.get(user), instances.get(user)) for user in {*stacks, *instances}})
    account_images = {image["ImageId"]: image for image in images}
    return [
        _machine(user, stacks.get(user), instances.get(user), account_images, stack_domain, https_port)
        for user in sorted({*stacks, *instances}, key=by_number)
    ]


def networks(seen: Survey) -> dict[str, str]:
    """Return the status of each network's stack, by network."""
    named = ((network_of_stack_name(name), name) for name in sorted(seen.stacks))
    return {network: seen.status(name) for network, name in named if network}


def _images(clients: AwsClients, identities: set[str]) -> list[dict[str, Any]]:
    # A filter, because one unknown id would fail the whole request.
    filters = ([{"Name": "image-id", "Values": part}] for part in parts(sorted(identities - {""})))
    return [image for part in filters for image in clients.read_all("ec2", "describe_images", "Images", Filters=part)]


def _parameters(stack: dict[str, Any] | None) -> dict[str, str]:
    given = (stack or {}).get("Parameters", [])
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in given}


def _image_id(stack: dict[str, Any] | None, instance: dict[str, Any] | None) -> str:
    return (instance or {}).get("ImageId") or _parameters(stack).get("ImageId", "")


def _machine(
    user: str, stack: dict[str, Any] | None, instance: dict[str, Any] | None, images: dict[str, dict[str, Any]],
    stack_domain: str, https_port: int,
) -> FleetMachine:  # fmt: skip
    parameters, status = _parameters(stack), (stack or {}).get("StackStatus", "")
    # The instance's tags take precedence, as in the inventory; without an instance only the stack has tags.
    tags = {**tags_of(stack or {}), **tags_of(instance or {})}
    gone = "terminated" if status in COMPLETE else "none"
    since = (stack or {}).get("CreationTime") or (instance or {}).get("LaunchTime")
    host = parameters.get("HostName") or f"{user}.{stack_domain}"
    image = _image_id(stack, instance)
    described = images.get(image, {})
    options = (instance or {}).get("CpuOptions", {})
    return FleetMachine(
        user=user,
        state=instance["State"]["Name"] if instance else gone,
        stack_status=status,
        since=since.date().isoformat() if since else "",
        instance_id=(instance or {}).get("InstanceId", ""),
        type=(instance or {}).get("InstanceType") or parameters.get("InstanceType", ""),
        image=image,
        image_name=described.get("Name", ""),
        image_is_ours=bool(described) and not described.get("Public", True),
        volume_size=parameters.get("VolumeSize", ""),
        network=parameters.get("Network") or tags.get("network", ""),
        fleet=tags.get("fleet", ""),
        url=f"https://{host}" if https_port == 443 else f"https://{host}:{https_port}",
        has_own_name=instance is None or has_own_name(tags_of(instance), user),
        stack_type=parameters.get("InstanceType", ""),
        cpu_credits=parameters.get("CpuCredits", ""),
        vcpus=options.get("CoreCount", 0) * options.get("ThreadsPerCore", 0),
        **{name: tags.get(name, "") for name in TEXT_TAGS},
    )
