"""Create an image of a stopped machine, wait for it, and clean up after failures.

amazon.aws.ec2_ami is not used: it does not resume an image of the same name that an interrupted run began, leaves a
failed one and its billed snapshot behind, tags the snapshot only afterwards, and does not wait for it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..aws.client import AwsClients, tags_of
from ..aws.errors import Clock, error_code, explain, retry_transient
from ..aws.ownership import carries_own_tags
from ..progress.reporter import Progress

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import BotoCoreError, ClientError

SECONDS_UNSEEN = 60.0
"""Maximum time until EC2 lists a new image."""
_SECONDS_BETWEEN = 5.0
MOST_TAGS = 50
"""AWS's limit for one resource."""
NAMES = "probcomp-*"
"""Name pattern of the images of ami_bake.yml."""


class ImageError(Exception):
    """The reason why there is no image; str() is one line for the administrator."""


@dataclass
class Made:
    """An available image, whether anything changed, and notes."""

    image: dict[str, Any]
    changed: bool
    notes: list[str] = field(default_factory=list)


@dataclass
class ImageMaker:
    """Create the image `name`, or resume its creation."""

    clients: AwsClients
    clock: Clock
    name: str
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    """At most MOST_TAGS; `most_important` shortens a longer list."""
    notes: list[str] = field(default_factory=list)
    changed: bool = False

    def make(self, instance_id: str, timeout: float) -> Made:
        """Create the image from `instance_id` unless it exists, and wait for it.

        Raises ImageError after `timeout` seconds and other failures, and botocore's errors.
        """
        image = self.find()
        if image and image["State"] == "failed":
            self.notes.append(f"image {image['ImageId']} of an earlier attempt had failed and was removed")
            self._remove(image)
            image = None
        identity = image["ImageId"] if image else self._create(instance_id)
        image = self._wait(identity, self.clock.now() + timeout, timeout)
        if not self.tags.items() <= tags_of(image).items():
            self._tag(image)
            image = self._read(identity) or image
        if image["State"] != "available":
            raise ImageError(f"image {identity} is {image['State']} again")
        return Made(image, self.changed, self.notes)

    def find(self) -> dict[str, Any] | None:
        """Return the account's image of this name, None without one."""
        filters = [{"Name": "name", "Values": [self.name]}]
        found = self.clients.read_all("ec2", "describe_images", "Images", Owners=["self"], Filters=filters)
        return found[0] if found else None

    def _create(self, instance_id: str) -> str:
        state = self._instance_state(instance_id)
        if state != "stopped":
            what = f"its machine {instance_id} is {state}" if instance_id else "its machine is gone"
            raise ImageError(
                f"image {self.name} cannot be made, for {what}: ansible-playbook ami_bake.yml -e cancel=yes, then again"
            )
        pairs = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        request = {
            "InstanceId": instance_id,
            "Name": self.name,
            "Description": self.description,
            "TagSpecifications": [{"ResourceType": kind, "Tags": pairs} for kind in ("image", "snapshot")],
        }
        self.changed = True
        try:
            # Safe to repeat: image names are unique.
            answer = retry_transient(lambda: self.clients.client("ec2").create_image(**request), clock=self.clock)
        except ClientError as error:
            if error_code(error) == "InvalidAMIName.Duplicate" and (image := self.find()):
                return str(image["ImageId"])
            raise
        return str(answer["ImageId"])

    def _instance_state(self, instance_id: str) -> str:
        if not instance_id:
            return ""
        found = self.clients.instances_by_id([instance_id])
        return str(found[instance_id]["State"]["Name"]) if found else "gone"

    def _wait(self, identity: str, deadline: float, timeout: float) -> dict[str, Any]:
        unseen_until = self.clock.now() + SECONDS_UNSEEN
        progress = Progress("image")
        while True:
            image = self._read(identity)
            snapshots = self._snapshots(image) if image else []
            states = {snapshot["State"] for snapshot in snapshots}
            if image and (image["State"] == "failed" or "error" in states):
                image = self._read(identity) or image  # The snapshot was read later than the image.
                reason = image.get("StateReason", {}).get("Message", "AWS gives no reason")
                self._remove(image)
                raise ImageError(
                    f"AWS could not make image {identity} ({_one_line(reason)}); it was removed, its machine is still "
                    "there: the same command tries again"
                )
            if image and image["State"] == "available" and states <= {"completed"}:
                return image
            if not image and self.clock.now() > unseen_until:
                raise ImageError(f"image {identity} is gone: somebody else removed it")
            if self.clock.now() > deadline:
                pending = ", ".join(f"snapshot {item['SnapshotId']} {item.get('Progress', '')}" for item in snapshots)
                raise ImageError(
                    f"image {identity} is not available after {timeout:.0f} s"
                    f" ({pending or 'no snapshot yet'}): the same command goes on waiting"
                )
            progress.report_state(_state(image, snapshots))
            self.clock.sleep(_SECONDS_BETWEEN)

    def _read(self, identity: str) -> dict[str, Any] | None:
        # A filter, because an id that EC2 does not list yet would be an error.
        filters = [{"Name": "image-id", "Values": [identity]}]
        found = self.clients.read_all("ec2", "describe_images", "Images", Owners=["self"], Filters=filters)
        return found[0] if found else None

    def _snapshots(self, image: dict[str, Any]) -> list[dict[str, Any]]:
        if not (names := snapshots_of(image)):
            return []
        filters = [{"Name": "snapshot-id", "Values": names}]
        return self.clients.read_all("ec2", "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters)

    def _tag(self, image: dict[str, Any]) -> None:
        pairs = [{"Key": key, "Value": value} for key, value in self.tags.items()]
        resources = [image["ImageId"], *snapshots_of(image)]
        retry_transient(
            lambda: self.clients.client("ec2").create_tags(Resources=resources, Tags=pairs), clock=self.clock
        )
        self.changed = True

    def _remove(self, image: dict[str, Any]) -> None:
        """Delete a failed image and its snapshots; raise ImageError naming what remains."""
        ec2 = self.clients.client("ec2")
        self.changed = True
        try:
            retry_transient(lambda: ec2.deregister_image(ImageId=image["ImageId"]), clock=self.clock)
            for name in snapshots_of(image):
                retry_transient(partial(ec2.delete_snapshot, SnapshotId=name), clock=self.clock)
        except (BotoCoreError, ClientError) as error:
            left = " and ".join([image["ImageId"], *snapshots_of(image)])
            raise ImageError(f"the failed {left} could not be removed and may cost: {explain(error)}") from error


def snapshots_of(image: dict[str, Any]) -> list[str]:
    """Return the ids of an image's snapshots."""
    disks = (mapping.get("Ebs", {}) for mapping in image.get("BlockDeviceMappings", []))
    return [disk["SnapshotId"] for disk in disks if disk.get("SnapshotId")]


def most_important(tags: dict[str, Any]) -> dict[str, str]:
    """Return the first MOST_TAGS of `tags` as strings, without empty ones, truncated."""
    given = {str(key)[:128]: str(value)[:256] for key, value in tags.items() if value not in (None, "")}
    return dict(list(given.items())[:MOST_TAGS])


def size_of(image: dict[str, Any]) -> int:
    """Return the size of an image's disks in GiB."""
    disks = (mapping.get("Ebs", {}) for mapping in image.get("BlockDeviceMappings", []))
    return sum(int(disk.get("VolumeSize", 0)) for disk in disks)


def others_lines(clients: AwsClients, name: str) -> list[str]:
    """Return lines about the images of earlier runs and the machines that use them.

    Raises botocore's errors.
    """
    filters = [{"Name": "name", "Values": [NAMES]}]
    images = clients.read_all("ec2", "describe_images", "Images", Owners=["self"], Filters=filters)
    ours = (image for image in images if image["Name"] != name and carries_own_tags(tags_of(image)))
    others = sorted(ours, key=lambda image: image["Name"])
    if not others:
        return []
    wanted = [{"Name": "image-id", "Values": [image["ImageId"] for image in others][:200]}]
    users: dict[str, int] = {}
    for instance in clients.instances(wanted):
        if instance["State"]["Name"] not in ("terminated", "shutting-down"):
            users[instance["ImageId"]] = users.get(instance["ImageId"], 0) + 1
    lines = ["", "earlier images, whose snapshots cost; keep those that machines were made of:"]
    for image in others:
        count = users.get(image["ImageId"], 0)
        used = f"{count} machine{'s' if count != 1 else ''}" if count else "no machine"
        lines.append(f"  {image['ImageId']}  {image['Name']}  {size_of(image)} GiB  {image['State']}  {used}")
        if not count:
            remove = f"aws ec2 deregister-image --region {clients.region} --image-id {image['ImageId']}"
            lines.append(f"    remove it: {remove} --delete-associated-snapshots")
    return lines


def _state(image: dict[str, Any] | None, snapshots: list[dict[str, Any]]) -> str:
    """Return an image's progress: percent of its slowest snapshot, else its state."""
    percents = [item.get("Progress", "").strip("%") for item in snapshots if item["State"] == "pending"]
    known = [int(percent) for percent in percents if percent.isdecimal()]
    return f"{min(known)} %" if known else str(image["State"]) if image else "not to be seen yet"


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:200]
