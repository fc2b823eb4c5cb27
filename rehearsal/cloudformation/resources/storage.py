"""Support disks other than an instance's own: AWS::EC2::Volume and its attachment."""

from typing import Any

from rehearsal.cloudformation.resources.base import Properties, ResourceType, Tags, only, tag_specifications


class Volume(ResourceType):
    """AWS::EC2::Volume; only its tags can be changed in place here"""

    type_name = "AWS::EC2::Volume"
    properties = frozenset({"AvailabilityZone", "Size", "VolumeType", "Encrypted", "Tags", "Tags.Key", "Tags.Value"})
    attributes = frozenset({"VolumeId"})

    def create(self, properties: Properties, tags: Tags) -> str:
        volume = self.cloud.ec2.create_volume(
            **only(properties, "AvailabilityZone", "Size", "VolumeType", "Encrypted"),
            TagSpecifications=tag_specifications("volume", tags),
        )
        return str(volume["VolumeId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.ec2.delete_volume(VolumeId=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        return physical_id


class VolumeAttachment(ResourceType):
    """AWS::EC2::VolumeAttachment"""

    type_name = "AWS::EC2::VolumeAttachment"
    properties = frozenset({"VolumeId", "InstanceId", "Device"})
    tagged = False

    def create(self, properties: Properties, tags: Tags) -> str:
        self.cloud.ec2.attach_volume(**properties)
        return f"{properties['VolumeId']}|{properties['InstanceId']}"

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.ec2.detach_volume(VolumeId=properties["VolumeId"])
