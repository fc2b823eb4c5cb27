"""Support EC2's network types: VPC, gateway, routes, subnets."""

from typing import Any, ClassVar

from botocore.exceptions import ClientError

from rehearsal.cloudformation.resources import dependents
from rehearsal.cloudformation.resources.base import (
    TAGS,
    Properties,
    ResourceType,
    Tags,
    only,
    tag_specifications,
)


class Vpc(ResourceType):
    """AWS::EC2::VPC"""

    type_name: ClassVar[str] = "AWS::EC2::VPC"
    properties = frozenset({"CidrBlock", "EnableDnsSupport", "EnableDnsHostnames"}) | TAGS
    attributes = frozenset({"VpcId", "CidrBlock", "DefaultSecurityGroup", "DefaultNetworkAcl"})

    def create(self, properties: Properties, tags: Tags) -> str:
        vpc = self.cloud.ec2.create_vpc(
            CidrBlock=properties["CidrBlock"], TagSpecifications=tag_specifications("vpc", tags)
        )
        vpc_id: str = vpc["Vpc"]["VpcId"]
        self._set_dns(vpc_id, properties)
        return vpc_id

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self._set_dns(physical_id, {"EnableDnsSupport": True, "EnableDnsHostnames": False, **new})

    def delete(self, physical_id: str, properties: Properties) -> None:
        dependents.refuse_vpc_in_use(self.cloud, physical_id)
        self.cloud.ec2.delete_vpc(VpcId=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        if name == "VpcId":
            return physical_id
        by_vpc = [{"Name": "vpc-id", "Values": [physical_id]}]
        if name == "DefaultSecurityGroup":
            groups = self.cloud.ec2.describe_security_groups(Filters=by_vpc)["SecurityGroups"]
            return next(group["GroupId"] for group in groups if group["GroupName"] == "default")
        if name == "DefaultNetworkAcl":
            lists = self.cloud.ec2.describe_network_acls(Filters=by_vpc)["NetworkAcls"]
            return next(entry["NetworkAclId"] for entry in lists if entry["IsDefault"])
        return self.cloud.ec2.describe_vpcs(VpcIds=[physical_id])["Vpcs"][0]["CidrBlock"]

    def _set_dns(self, vpc_id: str, properties: Properties) -> None:
        for name in ("EnableDnsSupport", "EnableDnsHostnames"):
            if name in properties:
                self.cloud.ec2.modify_vpc_attribute(VpcId=vpc_id, **{name: {"Value": properties[name]}})


class InternetGateway(ResourceType):
    """AWS::EC2::InternetGateway"""

    type_name = "AWS::EC2::InternetGateway"
    properties = TAGS
    attributes = frozenset({"InternetGatewayId"})

    def create(self, properties: Properties, tags: Tags) -> str:
        gateway = self.cloud.ec2.create_internet_gateway(TagSpecifications=tag_specifications("internet-gateway", tags))
        return str(gateway["InternetGateway"]["InternetGatewayId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.ec2.delete_internet_gateway(InternetGatewayId=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        return physical_id


class VpcGatewayAttachment(ResourceType):
    """AWS::EC2::VPCGatewayAttachment, of an internet gateway"""

    type_name = "AWS::EC2::VPCGatewayAttachment"
    properties = frozenset({"VpcId", "InternetGatewayId"})
    tagged = False

    def create(self, properties: Properties, tags: Tags) -> str:
        self.cloud.ec2.attach_internet_gateway(**properties)
        return f"IGW|{properties['VpcId']}"

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        if old != new:
            self.delete(physical_id, old)
            self.create(new, {})

    def delete(self, physical_id: str, properties: Properties) -> None:
        dependents.refuse_mapped_addresses(self.cloud, properties["VpcId"])
        self.cloud.ec2.detach_internet_gateway(**properties)


class RouteTable(ResourceType):
    """AWS::EC2::RouteTable"""

    type_name = "AWS::EC2::RouteTable"
    properties = frozenset({"VpcId"}) | TAGS
    attributes = frozenset({"RouteTableId"})

    def create(self, properties: Properties, tags: Tags) -> str:
        table = self.cloud.ec2.create_route_table(
            VpcId=properties["VpcId"], TagSpecifications=tag_specifications("route-table", tags)
        )
        return str(table["RouteTable"]["RouteTableId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.ec2.delete_route_table(RouteTableId=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        return physical_id


class Route(ResourceType):
    """AWS::EC2::Route, through an internet gateway"""

    type_name = "AWS::EC2::Route"
    properties = frozenset({"RouteTableId", "DestinationCidrBlock", "GatewayId"})
    attributes = frozenset({"CidrBlock"})
    tagged = False

    def create(self, properties: Properties, tags: Tags) -> str:
        table = self.cloud.ec2.describe_route_tables(RouteTableIds=[properties["RouteTableId"]])["RouteTables"][0]
        gateway = self.cloud.ec2.describe_internet_gateways(InternetGatewayIds=[properties["GatewayId"]])
        attachments = gateway["InternetGateways"][0]["Attachments"]
        if table["VpcId"] not in (attachment["VpcId"] for attachment in attachments):
            both = f"route table {table['RouteTableId']} and network gateway {properties['GatewayId']}"
            message = f"{both} belong to different networks"
            raise ClientError({"Error": {"Code": "InvalidParameterValue", "Message": message}}, "CreateRoute")
        self.cloud.ec2.create_route(**properties)
        return f"{properties['RouteTableId']}|{properties['DestinationCidrBlock']}"

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        if old != new:
            self.cloud.ec2.replace_route(**new)

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.ec2.delete_route(**only(properties, "RouteTableId", "DestinationCidrBlock"))

    def attribute(self, physical_id: str, name: str) -> Any:
        return physical_id.split("|")[1]


class Subnet(ResourceType):
    """AWS::EC2::Subnet"""

    type_name = "AWS::EC2::Subnet"
    properties = frozenset({"VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch"}) | TAGS
    attributes = frozenset({"SubnetId", "VpcId", "CidrBlock", "AvailabilityZone"})

    def create(self, properties: Properties, tags: Tags) -> str:
        subnet = self.cloud.ec2.create_subnet(
            **only(properties, "VpcId", "CidrBlock", "AvailabilityZone"),
            TagSpecifications=tag_specifications("subnet", tags),
        )
        subnet_id: str = subnet["Subnet"]["SubnetId"]
        self.update(subnet_id, {}, properties)
        return subnet_id

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        self.cloud.ec2.modify_subnet_attribute(
            SubnetId=physical_id, MapPublicIpOnLaunch={"Value": new.get("MapPublicIpOnLaunch", False)}
        )

    def delete(self, physical_id: str, properties: Properties) -> None:
        dependents.refuse_subnet_in_use(self.cloud, physical_id)
        self.cloud.ec2.delete_subnet(SubnetId=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        return self.cloud.ec2.describe_subnets(SubnetIds=[physical_id])["Subnets"][0][name]


class SubnetRouteTableAssociation(ResourceType):
    """AWS::EC2::SubnetRouteTableAssociation"""

    type_name = "AWS::EC2::SubnetRouteTableAssociation"
    properties = frozenset({"SubnetId", "RouteTableId"})
    attributes = frozenset({"Id"})
    tagged = False

    def create(self, properties: Properties, tags: Tags) -> str:
        return str(self.cloud.ec2.associate_route_table(**properties)["AssociationId"])

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.ec2.disassociate_route_table(AssociationId=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        return physical_id
