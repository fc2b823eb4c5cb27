"""Define the supported resource types; other types and properties are refused."""

from rehearsal.cloudformation.resources.base import Context, ResourceType
from rehearsal.cloudformation.resources.instance import Instance
from rehearsal.cloudformation.resources.load_balancing import Listener, ListenerRule, LoadBalancer
from rehearsal.cloudformation.resources.network import (
    InternetGateway,
    Route,
    RouteTable,
    Subnet,
    SubnetRouteTableAssociation,
    Vpc,
    VpcGatewayAttachment,
)
from rehearsal.cloudformation.resources.security import SecurityGroup
from rehearsal.cloudformation.resources.target_group import TargetGroup

_ALL: tuple[type[ResourceType], ...] = (
    *(Vpc, InternetGateway, VpcGatewayAttachment, RouteTable, Route, Subnet, SubnetRouteTableAssociation),
    *(SecurityGroup, Instance, LoadBalancer, Listener, ListenerRule, TargetGroup),
)
RESOURCE_TYPES: dict[str, type[ResourceType]] = {resource.type_name: resource for resource in _ALL}

__all__ = ["RESOURCE_TYPES", "Context", "ResourceType"]
