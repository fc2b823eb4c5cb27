"""Support AWS::ElasticLoadBalancingV2::TargetGroup with all its parts.

These are its targets, health check and attributes.
"""

from typing import Any

from botocore.exceptions import ClientError

from rehearsal.cloudformation.name_sets import words
from rehearsal.cloudformation.resources.base import Properties, Tags, generated_name, only
from rehearsal.cloudformation.resources.load_balancing import LoadBalancingType

_HEALTH = (
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)
_HEALTH_DEFAULTS = {
    "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "traffic-port",
    "HealthCheckPath": "/",
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 5,
    "UnhealthyThresholdCount": 2,
    "Matcher": {"HttpCode": "200"},
}
_ATTRIBUTE_DEFAULTS = {"deregistration_delay.timeout_seconds": "300", "stickiness.enabled": "false"}


class TargetGroup(LoadBalancingType):
    """AWS::ElasticLoadBalancingV2::TargetGroup"""

    type_name = "AWS::ElasticLoadBalancingV2::TargetGroup"
    properties = words(
        "Name VpcId TargetType Protocol ProtocolVersion Port Matcher.HttpCode Targets Targets.Id Targets.Port "
        "TargetGroupAttributes TargetGroupAttributes.Key TargetGroupAttributes.Value Tags Tags.Key Tags.Value"
    ) | frozenset(_HEALTH)
    attributes = frozenset({"TargetGroupArn", "TargetGroupFullName", "TargetGroupName", "LoadBalancerArns"})

    def create(self, properties: Properties, tags: Tags) -> str:
        name = properties.get("Name") or generated_name(self.context.stack_name, self.context.logical_id, limit=32)
        health = {**_HEALTH_DEFAULTS, **only(properties, *_HEALTH)}
        arguments = only(properties, "VpcId", "TargetType", "Protocol", "ProtocolVersion", "Port")
        answer = self.cloud.elbv2.create_target_group(Name=name, **arguments, **health)
        arn: str = answer["TargetGroups"][0]["TargetGroupArn"]
        self.set_tags(arn, {}, tags)
        try:
            self._set_attributes(arn, {}, _attributes(properties))
            self._set_targets(arn, [], properties.get("Targets", []))
        except ClientError:
            # The group has no physical id in the stack yet, so no other code would remove it.
            self.cloud.elbv2.delete_target_group(TargetGroupArn=arn)
            raise
        return arn

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        if only(old, *_HEALTH) != only(new, *_HEALTH):
            health = {**_HEALTH_DEFAULTS, **only(new, *_HEALTH)}
            self.cloud.elbv2.modify_target_group(TargetGroupArn=physical_id, **health)
        self._set_attributes(physical_id, _attributes(old), _attributes(new))
        self._set_targets(physical_id, old.get("Targets", []), new.get("Targets", []))

    def delete(self, physical_id: str, properties: Properties) -> None:
        self.cloud.elbv2.delete_target_group(TargetGroupArn=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        if name == "TargetGroupArn":
            return physical_id
        if name == "TargetGroupFullName":
            return physical_id.rsplit(":", 1)[1]
        answer = self.cloud.elbv2.describe_target_groups(TargetGroupArns=[physical_id])["TargetGroups"][0]
        return answer.get(name, [])

    def _set_attributes(self, arn: str, old: dict[str, str], new: dict[str, str]) -> None:
        back = {key: _ATTRIBUTE_DEFAULTS[key] for key in old if key not in new and key in _ATTRIBUTE_DEFAULTS}
        wanted = {**back, **new}
        if wanted and old != new:
            attributes = [{"Key": key, "Value": value} for key, value in wanted.items()]
            self.cloud.elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)

    def _set_targets(self, arn: str, old: list[Properties], new: list[Properties]) -> None:
        kept = {target["Id"] for target in new}
        registered = {
            description["Target"]["Id"]
            for description in self.cloud.elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        }
        gone = [{"Id": target["Id"]} for target in old if target["Id"] not in kept and target["Id"] in registered]
        if gone:
            self.cloud.elbv2.deregister_targets(TargetGroupArn=arn, Targets=gone)
        added = [target for target in new if target not in old]
        if added:
            self.cloud.elbv2.register_targets(TargetGroupArn=arn, Targets=added)


def _attributes(properties: Properties) -> dict[str, str]:
    return {attribute["Key"]: attribute["Value"] for attribute in properties.get("TargetGroupAttributes", [])}
