"""Imitate CreateImage, DeregisterImage and their snapshots as on AWS.

They concern the machine images that the account makes of its instances. `install` changes moto's classes in this
process, once. Every hook runs under the rehearsal's lock.
"""

import copy
import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.models.instances import Instance, InstanceBackend, StateReason
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.utils import random_ami_id

from rehearsal.api.errors import AwsError
from rehearsal.services.ec2.instances import InstanceLife

_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
_TAGGED = ("image", "snapshot")


class MadeAmi(Ami):
    """A machine image made from an instance's root disk.

    It has the instance's properties, and a snapshot of the disk's size.
    """

    def __init__(self, backend: Any, instance: Instance, name: str, description: str) -> None:
        source = backend.amis.get(instance.image_id)
        disk = instance.block_device_mapping[instance.root_device_name]
        # The disk's record is removed with the instance, but the snapshot keeps its size.
        self._disk = copy.copy(backend.get_volume(disk.volume_id))
        image_id = random_ami_id()
        super().__init__(
            backend,
            image_id,
            instance=instance,
            name=name,
            description=description,
            owner_id=backend.account_id,
            state="pending",
            image_location=f"{backend.account_id}/{name}",
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name=instance.root_device_name,
            region_name=f"{backend.region_name}a",
            snapshot_description=f"Created by CreateImage({instance.id}) for {image_id}",
            boot_mode=getattr(source, "boot_mode", "uefi-preferred"),
        )
        self.virtualization_type = "hvm"
        self.ena_support = True
        self.platform_details = "Linux/UNIX"
        self.usage_operation = "RunInstances"
        self.source_image_id = instance.image_id
        self.ebs_snapshot.volume = self._disk
        self.ebs_snapshot.encrypted = self._disk.encrypted
        self.ebs_snapshot.kms_key_id = self._disk.kms_key_id
        self.ebs_snapshot.status = "pending"

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """Return the mapping of the root disk, as the instance has it."""
        return [
            {
                "DeviceName": self.root_device_name,
                "Ebs": {
                    "SnapshotId": self.ebs_snapshot.id,
                    "VolumeSize": int(self._disk.size),
                    "VolumeType": self._disk.volume_type,
                    "DeleteOnTermination": True,
                    "Encrypted": self._disk.encrypted,
                },
            }
        ]

    def finish(self, is_made: bool) -> None:
        """Complete the image, or mark it as failed unless `is_made`."""
        self.state = "available" if is_made else "failed"
        self.ebs_snapshot.status = "completed" if is_made else "error"
        if not is_made:
            self.state_reason = StateReason("Client.InternalError: Internal error", "Client.InternalError")


def install(life: InstanceLife) -> None:
    """Install the hooks in moto's classes."""
    _hook_making(life)
    _hook_removal(life)
    _hook_use()
    # `progress` is a property in moto too, but mypy knows only the method behind the class's attribute.
    Snapshot.progress = property(lambda self: "100%" if self.status == "completed" else "0%")  # type: ignore[assignment]


def _hook_making(life: InstanceLife) -> None:
    def create_image(self: AmisResponse) -> ActionResult:
        backend = self.ec2_backend
        name = str(self._get_param("Name", ""))
        if not _NAME.fullmatch(name):
            message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, "
            raise AwsError("InvalidAMIName.Malformed", message + "'(', ')', '.', '-', '/' and '_'")
        for image in backend.amis.values():
            if image.name == name and image.owner_id == backend.account_id:
                message = f"AMI name {name} is already in use by AMI {image.id}"
                raise AwsError("InvalidAMIName.Duplicate", message)
        instance = backend.get_instance(self._get_param("InstanceId"))
        if instance.state not in ("running", "stopped"):
            message = f"Instance '{instance.id}' is not 'running' or 'stopped'"
            raise AwsError("IncorrectState", message)
        if len(instance.block_device_mapping) != 1 or self._get_param("BlockDeviceMappings", []):
            raise AwsError("NotCarriedByRehearsal", "The rehearsal makes images of one disk, as it is.")
        self.error_on_dryrun()
        tags = {item["ResourceType"]: item["Tags"] for item in self._get_param("TagSpecifications", [])}
        if odd := set(tags) - set(_TAGGED):
            raise AwsError("InvalidParameterValue", f"'{min(odd)}' is not a valid taggable resource type.")
        ami = MadeAmi(backend, instance, name, self._get_param("Description", ""))
        for kind, tagged in (("image", ami), ("snapshot", ami.ebs_snapshot)):
            tagged.add_tags({tag["Key"]: tag["Value"] for tag in tags.get(kind, [])})
        backend.amis[ami.id] = ami
        no_reboot = str(self._get_param("NoReboot", "false")).lower() == "true"
        life.make_image(instance, ami, reboots=instance.state == "running" and not no_reboot)
        return ActionResult({"ImageId": ami.id})

    AmisResponse.create_image = create_image


def _hook_removal(life: InstanceLife) -> None:
    deregister = AmiBackend.deregister_image

    def deregister_image(self: AmisResponse) -> ActionResult:
        image_id = self._get_param("ImageId")
        ami = self.ec2_backend.amis.get(image_id)
        if ami and ami.owner_id != self.ec2_backend.account_id:
            raise AwsError("AuthFailure", f"Not authorized for image:{image_id}")
        self.error_on_dryrun()
        deregister(self.ec2_backend, image_id)
        life.image_gone(image_id)
        result: dict[str, Any] = {"Return": True}
        if str(self._get_param("DeleteAssociatedSnapshots", "false")).lower() == "true":
            self.ec2_backend.delete_snapshot(ami.ebs_snapshot.id)
            result["DeleteSnapshotResults"] = [{"SnapshotId": ami.ebs_snapshot.id, "ReturnCode": "success"}]
        return ActionResult(result)

    AmisResponse.deregister_image = deregister_image


def _hook_use() -> None:
    original = InstanceBackend.run_instances

    def run_instances(self: Any, image_id: str, *args: Any, **kwargs: Any) -> Any:
        ami = self.amis.get(image_id)
        if image_id in self.deleted_amis or (ami and ami.state != "available"):
            raise AwsError("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available")
        return original(self, image_id, *args, **kwargs)

    InstanceBackend.run_instances = run_instances
