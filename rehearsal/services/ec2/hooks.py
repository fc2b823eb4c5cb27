"""Replace moto's shortcuts in EC2 with AWS's behaviour.

They concern checks, states, disks, addresses and the console. `install` changes moto's classes in this process, once.
Every hook runs under the rehearsal's lock, which its caller holds, whether that is a request or the stack engine.
"""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.models import elastic_network_interfaces
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState, Reservation
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.general import General
from moto.ec2.responses.instances import InstanceResponse

from rehearsal.api.errors import AwsError
from rehearsal.services.ec2 import account_images, credits, guards
from rehearsal.services.ec2.instances import InstanceLife
from rehearsal.services.ec2.launch_checks import check_capacity, check_quota, check_type
from rehearsal.services.ec2.states import incorrect_state
from rehearsal.settings import Settings

_ONLY_STOPPED = ("instance_type", "user_data", "kernel", "ramdisk", "ebs_optimized")


def install(settings: Settings, life: InstanceLife, allocate: Callable[[], str]) -> None:
    """Install the hooks in moto's classes.

    `allocate` returns a free public address.
    """
    elastic_network_interfaces.random_public_ip = allocate
    life.release_records = Instance.terminate
    _hook_launch(life)
    _hook_states(life)
    _hook_requests(settings, life)
    for name in ("authorize_security_group_ingress", "revoke_security_group_ingress"):
        _then(SecurityGroupBackend, name, lambda *_: life.changed())
    _then(VPCBackend, "delete_vpc", lambda _, vpc: life.network_gone(vpc.id))
    account_images.install(life)
    credits.install()
    guards.install()
    # moto has no such attribute.
    Instance.cpu_options = property(_cpu_options)  # type: ignore[attr-defined]


def _then(owner: type, name: str, after: Callable[[Any, Any], object]) -> None:
    """Call `after(backend, result)` after a method of moto's."""
    original = getattr(owner, name)

    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        after(self, result)
        return result

    setattr(owner, name, hooked)


def _hook_launch(life: InstanceLife) -> None:
    original = InstanceBackend.run_instances

    def run_instances(
        self: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any
    ) -> Reservation:
        ami = self.describe_images(ami_ids=[image_id])[0]
        instance_type = kwargs.get("instance_type") or "m1.small"
        if not kwargs.get("subnet_id") and not kwargs.get("nics"):
            kwargs["subnet_id"] = _default_subnet(self, kwargs.get("placement"))
        zone = self.get_subnet(kwargs["subnet_id"]).availability_zone if kwargs.get("subnet_id") else ""
        check_type(self.region_name, instance_type, ami.architecture, zone)
        check_quota(self, [instance_type] * count)
        check_capacity(instance_type, zone)
        kwargs["block_device_mappings"] = _with_root(ami, kwargs.get("block_device_mappings") or [])
        reservation = original(self, image_id, count, user_data, security_group_names, **kwargs)
        for instance in reservation.instances:
            # EC2 deletes an interface that was created with the instance when the instance is terminated.
            instance.nics[0].delete_on_termination = True
            # moto sets neither attribute, but an image made from the instance must have them.
            vars(instance)["ena_support"] = True
            if hasattr(ami, "ena_support"):
                vars(instance)["boot_mode"] = ami.boot_mode
            life.launch(instance)
        return reservation

    parse = InstanceResponse._parse_block_device_mapping

    def parse_block_device_mapping(self: InstanceResponse) -> list[dict[str, Any]]:
        mappings = parse(self)
        for mapping, asked in zip(mappings, self._get_param("BlockDeviceMappings", []), strict=True):
            # moto sets False where the request has no value, but on AWS the image's own setting applies.
            mapping["Ebs"]["DeleteOnTermination"] = asked.get("Ebs", {}).get("DeleteOnTermination")
        return mappings

    InstanceResponse._parse_block_device_mapping = parse_block_device_mapping
    InstanceBackend.run_instances = run_instances


def _hook_states(life: InstanceLife) -> None:
    start, terminate = Instance.start, Instance.terminate
    start_all, modify = InstanceBackend.start_instances, InstanceBackend.modify_instance_attribute
    change_groups = InstanceBackend.modify_instance_security_groups

    def start_instance(self: Instance) -> InstanceState:
        if self.state in ("pending", "running"):
            return self._state
        if self.state != "stopped":
            raise incorrect_state(self, "started")
        previous = start(self)
        life.start(self)
        return previous

    def stop_instance(self: Instance) -> InstanceState:
        previous = self._state
        if self.state in ("stopping", "stopped"):
            return previous
        if self.state != "running":
            raise incorrect_state(self, "stopped")
        for nic in self.nics.values():
            nic.stop()
        life.stop(self)
        self._reason = f"User initiated ({utcnow():%Y-%m-%d %H:%M:%S} GMT)"
        self.state_reason.code = "Client.UserInitiatedShutdown"
        self.state_reason.message = "Client.UserInitiatedShutdown: User initiated shutdown"
        return previous

    def terminate_instance(self: Instance) -> InstanceState:
        if self.state in ("shutting-down", "terminated"):
            return self._state
        previous = terminate(self)
        life.terminate(self)
        return previous

    def reboot_instance(self: Instance) -> None:
        if self.state != "running":
            raise incorrect_state(self, "rebooted")
        life.reboot(self)

    def start_instances(self: Any, instance_ids: list[str]) -> Any:
        stopped = [i for i in self.get_multi_instances_by_id(instance_ids) if i.state == "stopped"]
        check_quota(self, [instance.instance_type for instance in stopped])
        return start_all(self, instance_ids)

    def modify_instance_attribute(self: Any, instance_id: str, key: str, value: Any) -> Instance:
        instance: Instance = self.get_instance(instance_id)
        if key in _ONLY_STOPPED and instance.state != "stopped":
            message = f"The instance '{instance_id}' is not in the 'stopped' state."
            raise AwsError("IncorrectInstanceState", message)
        if key == "instance_type":
            check_type(self.region_name, value, instance.architecture, instance.availability_zone or "")
        return modify(self, instance_id, key, value)

    def modify_instance_security_groups(self: Any, instance_id: str, new_group_id_list: list[str]) -> Instance:
        instance = change_groups(self, instance_id, new_group_id_list)
        # Without this, moto also shows the groups of launch time.
        instance.nics[0]._group_set = list(instance.security_groups)
        life.changed()
        return instance

    Instance.start = start_instance
    Instance.stop = stop_instance
    Instance.terminate = terminate_instance
    Instance.reboot = reboot_instance
    InstanceBackend.start_instances = start_instances
    InstanceBackend.modify_instance_attribute = modify_instance_attribute
    InstanceBackend.modify_instance_security_groups = modify_instance_security_groups


def _hook_requests(settings: Settings, life: InstanceLife) -> None:
    def changes(answer: str, method: str) -> Callable[[InstanceResponse], ActionResult]:
        def handler(self: InstanceResponse) -> ActionResult:
            instance_ids = self._get_param("InstanceIds", [])
            self.error_on_dryrun()
            changed = getattr(self.ec2_backend, method)(instance_ids)
            states = [
                {"InstanceId": instance.id, "CurrentState": instance._state, "PreviousState": previous}
                for instance, previous in changed
            ]
            return ActionResult({answer: states})

        return handler

    def get_console_output(self: General) -> ActionResult:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        latest = str(self._get_param("Latest")).lower() == "true"
        if latest and INSTANCE_TYPES[instance.instance_type].get("Hypervisor") != "nitro":
            message = "This instance type does not support retrieving the latest console logs."
            raise AwsError("UnsupportedOperation", message)
        result = {"InstanceId": instance.id, "Timestamp": utcnow()}
        when = (0.0,) if latest else (settings.console_delay, settings.console_boot_time)
        if text := life.console(instance, *when):
            result["Output"] = Base64EncodedString.from_raw_string(text)
        return ActionResult(result)

    run_instances = InstanceResponse.run_instances

    def run_just_so_many(self: InstanceResponse) -> ActionResult:
        if int(self._get_param("MinCount", 1)) != int(self._get_param("MaxCount", 1)):
            raise AwsError(
                "NotCarriedByRehearsal", "The rehearsal launches a fixed number: MinCount equal to MaxCount."
            )
        return run_instances(self)

    InstanceResponse.run_instances = run_just_so_many
    # mypy objects because moto's argument is called self, and a Callable's has no name.
    InstanceResponse.start_instances = changes("StartingInstances", "start_instances")  # type: ignore[assignment]
    InstanceResponse.stop_instances = changes("StoppingInstances", "stop_instances")  # type: ignore[assignment]
    terminate_instances = InstanceResponse.terminate_instances

    def terminated(self: InstanceResponse) -> ActionResult:
        # moto's own method also removes the instances from their target groups.
        result = terminate_instances(self)
        for state in result.result["TerminatingInstances"]:  # type: ignore[index]  # moto types it as any object
            state["CurrentState"] = self.ec2_backend.get_instance(state["InstanceId"])._state
        return result

    InstanceResponse.terminate_instances = terminated
    General.get_console_output = get_console_output


def _cpu_options(instance: Instance) -> dict[str, int]:
    info = INSTANCE_TYPES[instance.instance_type]["VCpuInfo"]
    vcpus = int(info["DefaultVCpus"])
    cores = int(info.get("DefaultCores", vcpus))
    return {"CoreCount": cores, "ThreadsPerCore": vcpus // cores}


def _default_subnet(backend: Any, zone: str | None) -> str:
    """Return the subnet of an instance that names none.

    moto would give it an address outside of every subnet.
    """
    subnets = backend.get_default_subnets()
    if zone not in (None, *subnets):
        raise AwsError("MissingInput", f"No default subnet for availability zone: '{zone}'.")
    if not subnets:
        raise AwsError("VPCIdNotSpecified", "No default VPC for this user.")
    return str(subnets[zone or min(subnets)].id)


def _with_root(ami: Any, mappings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the disks of a new instance.

    They are the requested ones, which override the image's own root disk.
    """
    root = ami.block_device_mappings[0]["Ebs"]
    own = {"VolumeSize": root["VolumeSize"], "VolumeType": root["VolumeType"], "DeleteOnTermination": True}
    disks = {ami.root_device_name: own}
    for mapping in mappings:
        asked = {name: value for name, value in mapping.get("Ebs", {}).items() if value is not None}
        name = mapping["DeviceName"]
        if name == ami.root_device_name and int(asked.get("VolumeSize", own["VolumeSize"])) < own["VolumeSize"]:
            message = (
                f"Volume of size {asked['VolumeSize']}GB is smaller than snapshot, expect size >= {own['VolumeSize']}GB"
            )
            raise AwsError("InvalidBlockDeviceMapping", message)
        disks[name] = {**disks.get(name, {}), **asked}
    return [
        {"DeviceName": name, "Ebs": {**disk, "VolumeSize": int(disk["VolumeSize"])}} for name, disk in disks.items()
    ]
