"""Define the machine images that the account sees, and their SSM parameters.

They replace moto's list.
"""

from functools import cache
from typing import Any

import yaml
from moto.core.parse import default_timestamp_parser
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ssm.models import Parameter, ssm_backends

from rehearsal.machines.images import DATA


@cache
def definitions() -> dict[str, dict[str, Any]]:
    """Return the published images by id, from rehearsal/data/images.yml."""
    return {item["ami_id"]: item for item in yaml.safe_load(DATA.read_text())["amis"]}


class PublishedAmi(Ami):
    """A machine image with its publisher's block device.

    moto has one size and type for all.
    """

    def __init__(self, backend: Any, definition: dict[str, Any]) -> None:
        self._volume_size: int = definition["volume_size"]
        super().__init__(
            backend,
            definition["ami_id"],
            name=definition["name"],
            description=definition["description"],
            owner_id=definition["owner_id"],
            owner_alias="amazon",
            public=True,
            virtualization_type="hvm",
            architecture=definition["architecture"],
            creation_date=default_timestamp_parser(definition["creation_date"]),
            image_location=f"amazon/{definition['name']}",
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name=definition["root_device_name"],
            region_name=f"{backend.region_name}a",
            boot_mode=definition["boot_mode"],
        )
        self.ena_support = True
        self.platform_details = "Linux/UNIX"
        self.usage_operation = "RunInstances"
        # The snapshot belongs to the publisher, so the account neither sees it nor pays for it.
        del backend.snapshots[self.ebs_snapshot.id]

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        """Return the mapping of the root volume, as the publisher describes it."""
        return [
            {
                "DeviceName": self.root_device_name,
                "Ebs": {
                    "SnapshotId": self.ebs_snapshot.id,
                    "VolumeSize": self._volume_size,
                    "VolumeType": "gp3",
                    "DeleteOnTermination": True,
                    "Encrypted": False,
                },
            }
        ]


def install(account: str, region: str) -> None:
    """Replace the region's images and publish their SSM parameters.

    The caller holds the lock.
    """
    backend = ec2_backends[account][region]
    backend.amis.clear()
    parameters = ssm_backends[account][region]._parameters
    for image_id, definition in definitions().items():
        backend.amis[image_id] = PublishedAmi(backend, definition)
        name = definition["parameter"]
        parameters[name] = [
            # mypy takes Parameter for abstract because of methods that only CloudFormation calls.
            Parameter(  # type: ignore[abstract]
                account_id=account,
                name=name,
                value=image_id,
                parameter_type="String",
                description=None,
                allowed_pattern=None,
                keyid=None,
                last_modified_date=default_timestamp_parser(definition["creation_date"]),
                version=1,
                data_type="aws:ec2:image",
            )
        ]
