"""Support AWS::EC2::Instance, and decide which changes replace the instance."""

import json
from typing import Any

from moto.ec2.models.instances import Instance as MotoInstance

from rehearsal.cloudformation.errors import ResourceFailure
from rehearsal.cloudformation.name_sets import words
from rehearsal.cloudformation.resources.base import Properties, ResourceType, Tags, only, tag_list
from rehearsal.lock import LOCK

_METADATA = (
    "HttpEndpoint",
    "HttpTokens",
    "HttpPutResponseHopLimit",
    "HttpProtocolIpv6",
    "InstanceMetadataTags",
)
_VOLUME = ("VolumeType", "VolumeSize", "Encrypted", "DeleteOnTermination", "SnapshotId")
_DEFAULT_TYPE = "m1.small"
_METADATA_DEFAULTS = {
    "HttpEndpoint": "enabled",
    "HttpTokens": "optional",
    "HttpPutResponseHopLimit": 1,
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}


class Instance(ResourceType):
    """AWS::EC2::Instance"""

    type_name = "AWS::EC2::Instance"
    properties = (
        words(
            "ImageId InstanceType KeyName SubnetId SecurityGroupIds AvailabilityZone PrivateIpAddress UserData "
            "DisableApiTermination PropagateTagsToVolumeOnCreation IamInstanceProfile MetadataOptions "
            "InstanceInitiatedShutdownBehavior CreditSpecification CreditSpecification.CPUCredits "
            "BlockDeviceMappings BlockDeviceMappings.DeviceName BlockDeviceMappings.Ebs Tags Tags.Key Tags.Value"
        )
        | {f"MetadataOptions.{name}" for name in _METADATA}
        | {f"BlockDeviceMappings.Ebs.{name}" for name in _VOLUME}
    )
    attributes = words("InstanceId AvailabilityZone PrivateDnsName PrivateIp PublicDnsName PublicIp VpcId")

    def create(self, properties: Properties, tags: Tags) -> str:
        specifications = [{"ResourceType": "instance", "Tags": tag_list(tags)}]
        own = {key: value for key, value in tags.items() if not key.startswith("aws:")}
        if properties.get("PropagateTagsToVolumeOnCreation") and own:
            specifications.append({"ResourceType": "volume", "Tags": tag_list(own)})
        arguments = only(
            properties,
            *("ImageId", "KeyName", "SubnetId", "SecurityGroupIds", "PrivateIpAddress", "BlockDeviceMappings"),
            *("MetadataOptions", "UserData", "InstanceInitiatedShutdownBehavior"),
        )
        if credits := _credits(properties):
            arguments["CreditSpecification"] = {"CpuCredits": credits}
        if "AvailabilityZone" in properties and "SubnetId" not in properties:
            arguments["Placement"] = {"AvailabilityZone": properties["AvailabilityZone"]}
        if "IamInstanceProfile" in properties:
            arguments["IamInstanceProfile"] = {"Name": properties["IamInstanceProfile"]}
        answer = self.cloud.ec2.run_instances(
            MinCount=1,
            MaxCount=1,
            InstanceType=properties.get("InstanceType", _DEFAULT_TYPE),
            TagSpecifications=specifications,
            **arguments,
        )
        instance_id: str = answer["Instances"][0]["InstanceId"]
        if properties.get("DisableApiTermination"):
            self._modify(instance_id, DisableApiTermination={"Value": True})
        return instance_id

    def is_ready(self, physical_id: str) -> bool:
        with LOCK:
            machine = self._record(physical_id)
            state = machine.state if machine else "terminated"
            reason = machine.state_reason.message if machine else "it does not exist"
        if state in ("shutting-down", "terminated"):
            what = f"Instance {physical_id} failed to stabilize"
            raise ResourceFailure(f"{what}. Current state: {state}. Reason: {reason}")
        # An instance that its owner stopped counts as ready, because its change is complete.
        return state in ("running", "stopped")

    def replaces(self, physical_id: str, old: Properties, new: Properties, changed: set[str]) -> bool:
        if "BlockDeviceMappings" in changed and _without_deletion(old) != _without_deletion(new):
            return True
        return "InstanceType" in changed and not self._fits(physical_id, new.get("InstanceType", _DEFAULT_TYPE))

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        def differs(name: str) -> bool:
            return old.get(name) != new.get(name)

        if differs("SecurityGroupIds"):
            self._modify(physical_id, Groups=new.get("SecurityGroupIds", []))
        if differs("MetadataOptions"):
            options = {**_METADATA_DEFAULTS, **new.get("MetadataOptions", {})}
            self.cloud.ec2.modify_instance_metadata_options(InstanceId=physical_id, **options)
        if differs("DisableApiTermination"):
            self._modify(physical_id, DisableApiTermination={"Value": new.get("DisableApiTermination", False)})
        if differs("IamInstanceProfile"):
            self._set_profile(physical_id, new.get("IamInstanceProfile"))
        if differs("BlockDeviceMappings"):
            for mapping in new.get("BlockDeviceMappings", []):
                ebs = only(mapping["Ebs"], "DeleteOnTermination") or {"DeleteOnTermination": True}
                self._modify(physical_id, BlockDeviceMappings=[{"DeviceName": mapping["DeviceName"], "Ebs": ebs}])
        if differs("InstanceInitiatedShutdownBehavior"):
            behavior = new.get("InstanceInitiatedShutdownBehavior", "stop")
            self._modify(physical_id, InstanceInitiatedShutdownBehavior={"Value": behavior})
        if differs("InstanceType") or differs("UserData"):
            self._change_stopped(physical_id, old, new)
        # After the type: one that is not burstable has none. Without a value, the machine keeps what it has.
        if differs("CreditSpecification") and (credits := _credits(new)):
            specification = {"InstanceId": physical_id, "CpuCredits": credits}
            self.cloud.ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[specification])

    def delete(self, physical_id: str, properties: Properties) -> None:
        if not self.is_gone(physical_id):
            self.cloud.ec2.terminate_instances(InstanceIds=[physical_id])

    def is_gone(self, physical_id: str) -> bool:
        with LOCK:
            machine = self._record(physical_id)
            return machine is None or machine.state == "terminated"

    def attribute(self, physical_id: str, name: str) -> Any:
        machine = self._describe(physical_id)
        if name == "AvailabilityZone":
            return machine["Placement"]["AvailabilityZone"]
        member = {"PrivateIp": "PrivateIpAddress", "PublicIp": "PublicIpAddress"}.get(name, name)
        return machine.get(member, "")

    def _change_stopped(self, instance_id: str, old: Properties, new: Properties) -> None:
        """Stop the instance, and set its new type or user data.

        It is started again if it was running.
        """
        was_running = self._state(instance_id) in ("pending", "running")
        if was_running:
            # A rollback may come while the instance still boots, and EC2 does not stop a pending instance.
            self.context.wait(lambda: self._state(instance_id) != "pending", f"instance {instance_id} to start")
            self.cloud.ec2.stop_instances(InstanceIds=[instance_id])
            self.context.wait(lambda: self._state(instance_id) == "stopped", f"instance {instance_id} to stop")
        try:
            if old.get("InstanceType") != new.get("InstanceType"):
                wanted = new.get("InstanceType", _DEFAULT_TYPE)
                self.cloud.ec2.describe_instance_types(InstanceTypes=[wanted])
                self._modify(instance_id, InstanceType={"Value": wanted})
            if old.get("UserData") != new.get("UserData"):
                self._modify(instance_id, UserData={"Value": new.get("UserData", "")})
            self.context.refused_start()
        finally:
            if was_running:
                self.cloud.ec2.start_instances(InstanceIds=[instance_id])

    def _fits(self, instance_id: str, instance_type: str) -> bool:
        """Return whether the instance can be started as this type.

        An unknown type fails later, with its own message.
        """
        answer = self.cloud.ec2.describe_instance_types(Filters=[{"Name": "instance-type", "Values": [instance_type]}])
        found = answer["InstanceTypes"]
        architecture = self._describe(instance_id).get("Architecture", "x86_64")
        return not found or architecture in found[0]["ProcessorInfo"]["SupportedArchitectures"]

    def _set_profile(self, instance_id: str, name: str | None) -> None:
        by_instance = [{"Name": "instance-id", "Values": [instance_id]}]
        answer = self.cloud.ec2.describe_iam_instance_profile_associations(Filters=by_instance)
        for association in answer["IamInstanceProfileAssociations"]:
            self.cloud.ec2.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])
        if name:
            self.cloud.ec2.associate_iam_instance_profile(InstanceId=instance_id, IamInstanceProfile={"Name": name})

    def _modify(self, instance_id: str, **change: Any) -> None:
        self.cloud.ec2.modify_instance_attribute(InstanceId=instance_id, **change)

    def _state(self, instance_id: str) -> str:
        with LOCK:
            machine = self._record(instance_id)
            return machine.state if machine else "terminated"

    def _record(self, instance_id: str) -> MotoInstance | None:
        # The engine polls the state while a fleet boots, which through the API would take all the processor's time.
        return self.cloud.ec2_backend.get_instance_by_id(instance_id)

    def _describe(self, instance_id: str) -> dict[str, Any]:
        answer = self.cloud.ec2.describe_instances(InstanceIds=[instance_id])
        machine: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return machine


def _credits(properties: Properties) -> str:
    return str(properties.get("CreditSpecification", {}).get("CPUCredits", ""))


def _without_deletion(properties: Properties) -> str:
    mappings = json.loads(json.dumps(properties.get("BlockDeviceMappings", [])))
    for mapping in mappings:
        mapping.get("Ebs", {}).pop("DeleteOnTermination", None)
    return json.dumps(mappings, sort_keys=True)
