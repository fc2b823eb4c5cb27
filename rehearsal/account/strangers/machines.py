"""Make strangers' instances with disks, snapshots and image, and their own VPC.

AWS CDK names an instance by its path, so a foreign `web/instance` is an everyday name.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from rehearsal.account.strangers.register import Register, named
from rehearsal.cloudformation.resources.base import Tags
from rehearsal.services.ec2.states import become

VPC_CIDR = "172.20.0.0/16"
SUBNET_CIDRS = ("172.20.0.0/20", "172.20.16.0/20")
IMAGE = "ami-0a000000000024041"
"""Ubuntu 24.04, as in rehearsal/data/images.yml."""
INSTANCE_TYPE = "t3.micro"
LAUNCHED = datetime(2026, 2, 3, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Network:
    """The strangers' own VPC, and the default VPC's first subnet."""

    vpc: str
    subnets: tuple[str, ...]
    default_subnet: str


@dataclass(frozen=True)
class Machine:
    """One instance: its Name tag, its stack if it has one, and where it is."""

    name: str
    stack: str = ""
    in_default_vpc: bool = False
    stopped: bool = False
    tags: Tags = field(default_factory=dict)


_COPIED = {"network": "shared", "organization": "lab", "purpose": "course", "note": "", "expires": ""}
MACHINES = (
    Machine("payroll/instance", stack="payroll"),
    Machine("web/instance", stack="WebStack", stopped=True),
    Machine("WebStack/Instance", stack="WebStack"),
    Machine("bastion-dev/instance", in_default_vpc=True),
    Machine("db-1", in_default_vpc=True),
    # EC2's console copies all tags of a machine but those of its stack: "launch more like this". These are copies of
    # the demo's first machine and of the manual's example.
    Machine("ws-1/instance", in_default_vpc=True, tags={**_COPIED, "owner": "", "fleet": "ws"}),
    Machine("alice/instance", in_default_vpc=True, tags={**_COPIED, "owner": "Alice B."}),
)
"""Nobody can forge the tags of a stack, which three of them have."""


def make_network(register: Register) -> Network:
    """Make a VPC without a way to the internet.

    Nothing in it has a public address.
    """
    ec2 = register.cloud.ec2
    made = ec2.create_vpc(CidrBlock=VPC_CIDR, TagSpecifications=named("vpc", "network/payroll"))
    vpc = register.note("vpcs", made["Vpc"]["VpcId"])
    subnets = []
    for cidr, zone in zip(SUBNET_CIDRS, register.cloud.availability_zones(), strict=False):
        tags = named("subnet", f"network/payroll/{zone[-1]}")
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone, TagSpecifications=tags)
        subnets.append(register.note("subnets", made["Subnet"]["SubnetId"]))
    default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    return Network(vpc, tuple(subnets), min(default, key=lambda item: str(item["AvailabilityZone"]))["SubnetId"])


def make_instance(register: Register, name: str, subnet: str, tags: Tags, stopped: bool = False) -> str:
    """Launch an instance with a private address only, and return its id."""
    backend = register.cloud.ec2_backend
    present = backend.groups[backend.get_subnet(subnet).vpc_id].values()
    groups = [group.id for group in present if group.name == "default"]
    interface = {"DeviceIndex": 0, "SubnetId": subnet, "AssociatePublicIpAddress": False, "Groups": groups}
    specifications = [*named("instance", name, **tags), *named("volume", name)]
    request = {"ImageId": IMAGE, "InstanceType": INSTANCE_TYPE, "MinCount": 1, "MaxCount": 1}
    made = register.cloud.ec2.run_instances(**request, NetworkInterfaces=[interface], TagSpecifications=specifications)
    identity = register.note("instances", made["Instances"][0]["InstanceId"])
    instance = backend.get_instance(identity)
    instance.launch_time = LAUNCHED
    become(instance, "stopped" if stopped else "running")
    for mapping in instance.block_device_mapping.values():
        register.note("volumes", mapping.volume_id)
    return identity


def make_disks(register: Register, instances: dict[str, str]) -> None:
    """Make a volume that an instance left, snapshots, and an image with its snapshot."""
    cloud = register.cloud
    zone = {"AvailabilityZone": cloud.availability_zones()[0], "VolumeType": "gp3"}
    kept = cloud.ec2.create_volume(Size=20, TagSpecifications=named("volume", "payroll/instance"), **zone)["VolumeId"]
    register.note("volumes", kept)
    backup = cloud.ec2.create_snapshot(VolumeId=kept, TagSpecifications=named("snapshot", "payroll/backup"))
    register.note("snapshots", backup["SnapshotId"])
    [root] = cloud.ec2_backend.get_instance(instances["payroll/instance"]).block_device_mapping.values()
    register.note("snapshots", cloud.ec2.create_snapshot(VolumeId=root.volume_id)["SnapshotId"])
    image = cloud.ec2.create_image(
        InstanceId=instances["web/instance"], Name="web/image", TagSpecifications=named("image", "web/image")
    )
    register.note("images", image["ImageId"])
    made = cloud.ec2_backend.amis[image["ImageId"]]
    # It is months old: nothing of it is in progress.
    made.state, made.ebs_snapshot.status = "available", "completed"
    register.note("snapshots", made.ebs_snapshot.id)
