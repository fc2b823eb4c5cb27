"""Support security groups and their rules."""

from typing import Any

from botocore.exceptions import ClientError

from rehearsal.cloudformation.resources import dependents
from rehearsal.cloudformation.resources.base import (
    Properties,
    ResourceType,
    Tags,
    generated_name,
    tag_specifications,
)

_RULE = ("IpProtocol", "FromPort", "ToPort", "CidrIp", "Description", "SourceSecurityGroupId")


class SecurityGroup(ResourceType):
    """AWS::EC2::SecurityGroup, with rules by address range and by source group"""

    type_name = "AWS::EC2::SecurityGroup"
    properties = frozenset(
        {"GroupName", "GroupDescription", "VpcId", "Tags", "Tags.Key", "Tags.Value", "SecurityGroupIngress"}
        | {f"SecurityGroupIngress.{name}" for name in _RULE}
    )
    attributes = frozenset({"Id", "GroupId", "VpcId"})

    def create(self, properties: Properties, tags: Tags) -> str:
        name = properties.get("GroupName") or generated_name(
            self.context.stack_name, self.context.logical_id, limit=255
        )
        arguments = {"VpcId": properties["VpcId"]} if "VpcId" in properties else {}
        group = self.cloud.ec2.create_security_group(
            GroupName=name,
            Description=properties["GroupDescription"],
            TagSpecifications=tag_specifications("security-group", tags),
            **arguments,
        )
        group_id: str = group["GroupId"]
        try:
            self._authorize(group_id, properties.get("SecurityGroupIngress", []))
        except ClientError:
            # The group has no physical id in the stack yet, so no other code would remove it.
            self.cloud.ec2.delete_security_group(GroupId=group_id)
            raise
        return group_id

    def update(self, physical_id: str, old: Properties, new: Properties) -> None:
        before, after = old.get("SecurityGroupIngress", []), new.get("SecurityGroupIngress", [])
        # A rollback meets rules that a failed update has half changed, so a rule that is already in place is no error.
        for rule in before:
            if rule not in after:
                _tolerate("InvalidPermission.NotFound", lambda rule=rule: self._revoke(physical_id, rule))
        for rule in after:
            if rule not in before:
                _tolerate("InvalidPermission.Duplicate", lambda rule=rule: self._authorize(physical_id, [rule]))

    def delete(self, physical_id: str, properties: Properties) -> None:
        dependents.refuse_security_group_in_use(self.cloud, physical_id)
        self.cloud.ec2.delete_security_group(GroupId=physical_id)

    def attribute(self, physical_id: str, name: str) -> Any:
        if name in ("Id", "GroupId"):
            return physical_id
        return self.cloud.ec2.describe_security_groups(GroupIds=[physical_id])["SecurityGroups"][0]["VpcId"]

    def _authorize(self, group_id: str, rules: list[Properties]) -> None:
        if rules:
            permissions = [_permission(rule) for rule in rules]
            self.cloud.ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=permissions)

    def _revoke(self, group_id: str, rule: Properties) -> None:
        self.cloud.ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=[_permission(rule)])


def _permission(rule: Properties) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": rule["IpProtocol"]}
    for name in ("FromPort", "ToPort"):
        if name in rule:
            permission[name] = rule[name]
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    if "CidrIp" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if "SourceSecurityGroupId" in rule:
        permission["UserIdGroupPairs"] = [{"GroupId": rule["SourceSecurityGroupId"], **described}]
    return permission


def _tolerate(code: str, call: Any) -> None:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            raise
