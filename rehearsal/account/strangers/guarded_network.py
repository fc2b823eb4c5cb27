"""Put into a VPC what GuardDuty puts into every VPC with instances.

It is an interface endpoint and a security group. They cost, and the VPC cannot be deleted while they are there.
"""

from rehearsal.account.strangers.register import Register
from rehearsal.cloudformation.resources.base import tag_specifications
from rehearsal.lock import LOCK

GUARDED = {"GuardDutyManaged": "true"}


def guard(register: Register, vpc: str) -> dict[str, str]:
    """Make the endpoint and its security group in the VPC, and return their ids.

    Raises ClientError for a VPC that does not exist.
    """
    cloud = register.cloud
    with LOCK:
        [found] = cloud.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        subnets = cloud.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
        group = cloud.ec2.create_security_group(
            GroupName=f"GuardDutyManagedSecurityGroup-{vpc}",
            Description="Associated with VPC-" + vpc + " and tagged as GuardDutyManaged",
            VpcId=vpc,
            TagSpecifications=tag_specifications("security-group", GUARDED),
        )["GroupId"]
        https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": found["CidrBlock"]}]}
        cloud.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https])
        endpoint = cloud.ec2.create_vpc_endpoint(
            VpcId=vpc,
            VpcEndpointType="Interface",
            ServiceName=f"com.amazonaws.{cloud.region}.guardduty-data",
            SubnetIds=[subnet["SubnetId"] for subnet in subnets],
            SecurityGroupIds=[group],
            PrivateDnsEnabled=True,
            TagSpecifications=tag_specifications("vpc-endpoint", GUARDED),
        )["VpcEndpoint"]["VpcEndpointId"]
    return {
        "security_group": register.note("security_groups", group),
        "endpoint": register.note("endpoints", endpoint),
    }
