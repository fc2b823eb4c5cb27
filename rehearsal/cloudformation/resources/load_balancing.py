"""Support load balancers, their listeners and their rules.

Target groups are in `target_group`.
"""

from typing import Any

from botocore.exceptions import ClientError

from rehearsal.cloudformation.name_sets import words
from rehearsal.cloudformation.resources.base import TAGS, Properties, ResourceType, Tags, generated_name, only, tag_list
from rehearsal.lock import LOCK

_ACTION = words(
    "Type TargetGroupArn Order FixedResponseConfig FixedResponseConfig.StatusCode "
    "FixedResponseConfig.ContentType FixedResponseConfig.MessageBody RedirectConfig "
    "RedirectConfig.Protocol RedirectConfig.Port RedirectConfig.Host RedirectConfig.Path "
    "RedirectConfig.Query RedirectConfig.StatusCode"
)


class LoadBalancingType(ResourceType):
    """Base of the types of this service; it sets tags in moto's records.

    The API would limit a change of tags to ten.
    """

    service = "ElasticLoadBalancingV2"

    def set_tags(self, physical_id: str, old: Tags, new: Tags) -> None:
        with LOCK:
            tagging = self.cloud.elbv2_backend.tagging_service
            tagging.untag_resource_using_names(physical_id, [key for key in old if key not in new])
            tagging.tag_resource(physical_id, tag_list(new))


class LoadBalancer(LoadBalancingType):
    """AWS::ElasticLoadBalancingV2::LoadBalancer, of type application"""

    type_name = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    properties = words(
        "Name Type Scheme IpAddressType Subnets SecurityGroups LoadBalancerAttributes "
        "LoadBalancerAttributes.Key LoadBalancerAttributes.Value Tags Tags.Key Tags.Value"
    )
    attributes = words(
        "LoadBalancerArn DNSName CanonicalHostedZoneID LoadBalancerFullName LoadBalancerName SecurityGroups"
    )

    def create(self, properties: Properties, tags: Tags) -> str:
        self._check_subnets(properties)
        name = properties.get("Name") or generated_name(self.context.stack_name, self.context.logical_id, limit=32)
        balancer = self.cloud.elbv2.create_load_balancer(
            Name=name,
            Type=properties.get("Type", "application"),
            Scheme=properties.get("Scheme", "internet-facing"),
            **only(properties, "IpAddressType", "Subnets", "SecurityGroups"),
        )
        arn: str = balancer["LoadBalancers"][0]["LoadBalancerArn"]
        self.set_tags(arn, {}, tags)
        try:
            self._set_attributes(arn, properties)
        except ClientError:
            # The balancer has no physical id in the stack yet, so no other code would remove it.
            self.cloud.elbv2.delete_load_balancer(LoadBalancerArn=arn)
            raise
        return arn

    def is_ready(self, physical_id: str) -> bool:
        return bool(self._describe(physical_id)["State"]["Code"] == "active")

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        if old.get("SecurityGroups") != new.get("SecurityGroups"):
            self.cloud.elbv2.set_security_groups(
                LoadBalancerArn=physical_id, SecurityGroups=new.get("SecurityGroups", [])
            )
        if old.get("Subnets") != new.get("Subnets"):
            self.cloud.elbv2.set_subnets(LoadBalancerArn=physical_id, Subnets=new["Subnets"])
        if old.get("IpAddressType") != new.get("IpAddressType"):
            self.cloud.elbv2.set_ip_address_type(
                LoadBalancerArn=physical_id, IpAddressType=new.get("IpAddressType", "ipv4")
            )
        self._set_attributes(physical_id, new)

    def delete(self, physical_id: str, properties: Properties) -> None:
        attributes = self.cloud.elbv2.describe_load_balancer_attributes(LoadBalancerArn=physical_id)["Attributes"]
        if {"Key": "deletion_protection.enabled", "Value": "true"} in attributes:
            message = f"Load balancer '{physical_id}' cannot be deleted because deletion protection is enabled"
            raise ClientError({"Error": {"Code": "OperationNotPermitted", "Message": message}}, "DeleteLoadBalancer")
        self.cloud.elbv2.delete_load_balancer(LoadBalancerArn=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        if name == "LoadBalancerArn":
            return physical_id
        if name == "LoadBalancerFullName":
            return physical_id.split(":loadbalancer/")[1]
        member = {"CanonicalHostedZoneID": "CanonicalHostedZoneId"}.get(name, name)
        return self._describe(physical_id)[member]

    def _describe(self, arn: str) -> dict[str, Any]:
        balancer: dict[str, Any] = self.cloud.elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
        return balancer

    def _set_attributes(self, arn: str, properties: Properties) -> None:
        attributes = properties.get("LoadBalancerAttributes", [])
        if attributes:
            self.cloud.elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)

    def _check_subnets(self, properties: Properties) -> None:
        subnets = self.cloud.ec2.describe_subnets(SubnetIds=properties["Subnets"])["Subnets"]
        if len({subnet["AvailabilityZone"] for subnet in subnets}) < 2:
            message = "At least two subnets in two different Availability Zones must be specified"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "CreateLoadBalancer")
        vpc_id = subnets[0]["VpcId"]
        attached = self.cloud.ec2.describe_internet_gateways(
            Filters=[{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
        )["InternetGateways"]
        if properties.get("Scheme", "internet-facing") == "internet-facing" and not attached:
            message = f"VPC {vpc_id} has no internet gateway"
            raise ClientError({"Error": {"Code": "InvalidSubnet", "Message": message}}, "CreateLoadBalancer")


class Listener(LoadBalancingType):
    """AWS::ElasticLoadBalancingV2::Listener"""

    type_name = "AWS::ElasticLoadBalancingV2::Listener"
    properties = (
        words("LoadBalancerArn Port Protocol SslPolicy Certificates Certificates.CertificateArn DefaultActions")
        | {f"DefaultActions.{name}" for name in _ACTION}
        | TAGS
    )
    attributes = frozenset({"ListenerArn"})

    def create(self, properties: Properties, tags: Tags) -> str:
        self._check(properties, properties["LoadBalancerArn"])
        arn = str(self.cloud.elbv2.create_listener(**properties)["Listeners"][0]["ListenerArn"])
        self.set_tags(arn, {}, tags)
        return arn

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        if old == new:
            return
        self._check(new, new["LoadBalancerArn"], physical_id)
        self.cloud.elbv2.modify_listener(
            ListenerArn=physical_id, **only(new, "Port", "Protocol", "SslPolicy", "Certificates", "DefaultActions")
        )

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.elbv2.delete_listener(ListenerArn=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        return physical_id

    def _check(self, properties: Properties, balancer_arn: str, own_arn: str = "") -> None:
        """Refuse what AWS refuses and moto accepts.

        These are a port taken twice and HTTPS without a certificate.
        """
        for listener in self.cloud.elbv2.describe_listeners(LoadBalancerArn=balancer_arn)["Listeners"]:
            if listener["Port"] == properties["Port"] and listener["ListenerArn"] != own_arn:
                message = "A listener already exists on this port for this load balancer"
                raise ClientError({"Error": {"Code": "DuplicateListener", "Message": message}}, "CreateListener")
        if properties["Protocol"] == "HTTPS" and not properties.get("Certificates"):
            message = "A certificate must be specified for HTTPS listeners"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "CreateListener")


class ListenerRule(LoadBalancingType):
    """AWS::ElasticLoadBalancingV2::ListenerRule, by host header"""

    type_name = "AWS::ElasticLoadBalancingV2::ListenerRule"
    properties = (
        words(
            "ListenerArn Priority Conditions Conditions.Field Conditions.Values Conditions.HostHeaderConfig "
            "Conditions.HostHeaderConfig.Values Actions"
        )
        | {f"Actions.{name}" for name in _ACTION}
        | TAGS
    )
    attributes = frozenset({"RuleArn", "IsDefault"})

    def create(self, properties: Properties, tags: Tags) -> str:
        arn = str(self.cloud.elbv2.create_rule(**properties)["Rules"][0]["RuleArn"])
        self.set_tags(arn, {}, tags)
        return arn

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        if old.get("Priority") != new["Priority"]:
            rule = self.cloud.elbv2.describe_rules(RuleArns=[physical_id])["Rules"][0]
            if str(rule["Priority"]) != str(new["Priority"]):
                self.cloud.elbv2.set_rule_priorities(
                    RulePriorities=[{"RuleArn": physical_id, "Priority": new["Priority"]}]
                )
        if only(old, "Conditions", "Actions") != only(new, "Conditions", "Actions"):
            self.cloud.elbv2.modify_rule(RuleArn=physical_id, **only(new, "Conditions", "Actions"))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.elbv2.delete_rule(RuleArn=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        return physical_id if name == "RuleArn" else "false"
