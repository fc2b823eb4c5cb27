"""Find and correct what differs between machines and their stacks.

All machines are looked at together.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ..aws.client import AwsClients, tags_of
from ..aws.errors import Clock, error_code, explain, retry_transient
from ..aws.ownership import by_stack, user_of
from ..aws.stack_statuses import COMPLETE, delete_command
from ..common.names import stack_name
from ..output.text import settings_diff
from .api import StackApi

_JUPYTER_PORT = 8888
_PARAMETERS = {"ListenerArn", "LoadBalancerSecurityGroupId", "SshSecurityGroupId"}
_CONCURRENCY = 8
"""Parallel requests for targets' health; AWS takes one target group in each."""


@dataclass(frozen=True)
class Problem:
    """What a correction leaves, with the command that corrects it, if there is one."""

    text: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.text}: {self.command}" if self.command else self.text


@dataclass
class Drift:
    """What differs between a user's machine and its stack."""

    user: str
    instance_id: str = ""
    """Id of its running instance, "" without one or without a complete stack."""
    target_group: str = ""
    is_registered: bool = True
    health: str = ""
    """State of its target, with the load balancer's description."""
    groups: list[str] = field(default_factory=list)
    """Security groups of the stack, when the instance has others."""
    tags: dict[str, str] = field(default_factory=dict)
    """Tags of the stack that the instance lacks or has with other values."""
    other_tags: dict[str, str] = field(default_factory=dict)
    """The values that the instance has for some of them."""
    other_groups: list[str] = field(default_factory=list)
    """Security groups of the instance, when they are not the stack's."""
    differences: list[str] = field(default_factory=list)
    """What `correct` puts right, for people."""
    others: list[Problem] = field(default_factory=list)
    """What it does not put right, but for deleted parts."""
    deleted: list[str] = field(default_factory=list)
    """Parts that were deleted, and that only a new machine has."""
    is_changed: bool = False

    @property
    def problems(self) -> list[Problem]:
        """What `correct` does not put right; the deleted parts are one problem."""
        if not self.deleted:
            return self.others
        what = f"{' and '.join(self.deleted)} {'was' if len(self.deleted) == 1 else 'were'} deleted"
        new = f"only a new machine has {'one' if len(self.deleted) == 1 else 'them'}"
        create = f"ansible-playbook stack_create.yml -e user={self.user}"
        # Words and no command to copy: a deletion is a person's decision.
        return [Problem(f"{what}, and {new}: {delete_command(self.user)} saves the home, {create}"), *self.others]

    def as_diff(self) -> dict[str, str]:
        """Return tags and security groups, found and right, for Ansible's --diff."""
        before = {f"tag {key}": value for key, value in self.other_tags.items()}
        after = {f"tag {key}": value for key, value in self.tags.items()}
        if self.groups:
            before["security groups"] = ", ".join(self.other_groups)
            after["security groups"] = ", ".join(self.groups)
        return settings_diff(self.user, before, after)

    def as_data(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {
            "status": "failed" if self.problems else "ready",
            "changed": self.is_changed,
            "health": self.health,
            "differences": self.differences,
            "reason": "; ".join(map(str, self.problems)),
        }


@dataclass
class _Account:
    """What one look found, by user, by id and by ARN."""

    stacks: dict[str, dict[str, Any]]
    instances: dict[str, dict[str, Any]]
    groups: dict[str, dict[str, Any]]
    forwards: dict[str, set[str]]
    """Target groups that the rules of each listener forward to."""


def read_drift(clients: AwsClients, clock: Clock, users: Iterable[str]) -> list[Drift]:
    """Return the differences of each user's running machine. Raises botocore's errors."""
    drifts = [Drift(user) for user in users]
    if not drifts:
        return []
    account = _read(clients, clock, [drift.user for drift in drifts])
    for drift in drifts:
        _compare(drift, account, clients.region)
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        list(pool.map(lambda drift: _compare_target(drift, clients), drifts))
    return drifts


def correct(clients: AwsClients, clock: Clock, drifts: list[Drift]) -> None:
    """Correct the differences, and make problems of those that remain.

    The machines that were changed are read again for that. Raises botocore's errors.
    """
    for drift in drifts:
        if drift.differences:
            _correct(drift, clients, clock)
    changed = {drift.user: drift for drift in drifts if drift.is_changed}
    if changed:
        for again in read_drift(clients, clock, changed):
            changed[again.user].others += [Problem(f"{what}, though it was put right") for what in again.differences]


def _read(clients: AwsClients, clock: Clock, users: list[str]) -> _Account:
    names = {stack_name(user): user for user in users}
    found = StackApi(clients.client("cloudformation"), clock).named(list(names))
    ours = {names[name]: stack for name, stack in found.items() if name in names}
    stacks = {user: stack for user, stack in ours.items() if stack["StackStatus"] in COMPLETE}
    ids = {_outputs(stack).get("InstanceId", "") for stack in stacks.values()} - {""}
    groups = {}
    for filters in by_stack(stack_name(user) for user in stacks):
        for group in clients.read_all("ec2", "describe_security_groups", "SecurityGroups", Filters=filters):
            groups[user_of(tags_of(group)) or ""] = group
    listeners = {_parameters(stack).get("ListenerArn", "") for stack in stacks.values()} - {""}
    forwards = {arn: _forwards(clients, arn) for arn in sorted(listeners)}
    return _Account(stacks, clients.instances_by_id(sorted(ids)), groups, forwards)


def _forwards(clients: AwsClients, listener: str) -> set[str]:
    try:
        rules = clients.read_all("elbv2", "describe_rules", "Rules", ListenerArn=listener)
    except clients.errors as error:
        if error_code(error) != "ListenerNotFound":
            raise
        return set()
    actions = [action for rule in rules for action in rule["Actions"]]
    targets = [target for action in actions for target in action.get("ForwardConfig", {}).get("TargetGroups", [])]
    return {item["TargetGroupArn"] for item in [*actions, *targets] if "TargetGroupArn" in item}


def _compare(drift: Drift, account: _Account, region: str) -> None:
    stack = account.stacks.get(drift.user, {})
    instance = account.instances.get(_outputs(stack).get("InstanceId", ""), {})
    parameters = _parameters(stack)
    if user_of(tags_of(instance)) != drift.user or instance["State"]["Name"] != "running":
        return
    if not parameters.keys() >= _PARAMETERS or "TargetGroupArn" not in _outputs(stack):
        return  # Made by another template.
    drift.instance_id, drift.target_group = instance["InstanceId"], _outputs(stack)["TargetGroupArn"]
    if drift.target_group not in account.forwards[parameters["ListenerArn"]]:
        drift.deleted.append("its rule of the load balancer")
    own = account.groups.get(drift.user)
    if own is None:
        drift.deleted.append("its security group")
    else:
        _compare_groups(drift, instance, own, parameters, region)
    wanted = {key: value for key, value in tags_of(stack).items() if not key.startswith("aws:")}
    found = tags_of(instance)
    drift.tags = {key: value for key, value in wanted.items() if found.get(key) != value}
    drift.other_tags = {key: found[key] for key in drift.tags if key in found}
    if drift.tags:
        drift.differences.append(f"tags that are not the stack's: {', '.join(sorted(drift.tags))}")


def _compare_groups(
    drift: Drift, instance: dict[str, Any], own: dict[str, Any], parameters: dict[str, str], region: str
) -> None:
    wanted = sorted({own["GroupId"], parameters["SshSecurityGroupId"]})
    actual = sorted(group["GroupId"] for group in instance["SecurityGroups"])
    if actual != wanted:
        drift.groups, drift.other_groups = wanted, actual
        drift.differences.append(f"security groups that are not the stack's: {', '.join(actual)}")
    balancer = parameters["LoadBalancerSecurityGroupId"]
    if not any(_admits(permission, balancer) for permission in own["IpPermissions"]):
        command = (
            f"aws ec2 authorize-security-group-ingress --region {region} --group-id {own['GroupId']} "
            f"--protocol tcp --port {_JUPYTER_PORT} --source-group {balancer}"
        )
        drift.others.append(Problem("its security group does not admit the load balancer", command))


def _admits(permission: dict[str, Any], group: str) -> bool:
    pairs = {pair.get("GroupId") for pair in permission.get("UserIdGroupPairs", [])}
    ports = range(permission.get("FromPort", 0), permission.get("ToPort", 65535) + 1)
    return group in pairs and permission["IpProtocol"] in ("tcp", "6", "-1") and _JUPYTER_PORT in ports


def _compare_target(drift: Drift, clients: AwsClients) -> None:
    if not drift.target_group:
        return
    try:
        answer = clients.read("elbv2", "describe_target_health", TargetGroupArn=drift.target_group)
    except clients.errors as error:
        if error_code(error) != "TargetGroupNotFound":
            raise
        drift.deleted.append("its target group")
        return
    targets = {item["Target"]["Id"]: item["TargetHealth"] for item in answer["TargetHealthDescriptions"]}
    health = targets.pop(drift.instance_id, {})
    others = sorted(name for name, other in targets.items() if other["State"] != "draining")
    if others:
        command = (
            f"aws elbv2 deregister-targets --region {clients.region} --target-group-arn {drift.target_group} "
            f"--targets {' '.join(f'Id={name}' for name in others)}"
        )
        drift.others.append(Problem("its target group has other targets", command))
    drift.is_registered = health.get("State", "draining") != "draining"
    if drift.is_registered:
        drift.health = ", ".join(text for text in (health["State"], health.get("Description", "")) if text)
    else:
        drift.differences.append("not registered with the load balancer")


def _correct(drift: Drift, clients: AwsClients, clock: Clock) -> None:
    ec2, elbv2 = clients.client("ec2"), clients.client("elbv2")
    machine, tags = drift.instance_id, [{"Key": key, "Value": value} for key, value in drift.tags.items()]
    try:
        if drift.groups:
            retry_transient(lambda: ec2.modify_instance_attribute(InstanceId=machine, Groups=drift.groups), clock=clock)
            drift.is_changed = True
        if not drift.is_registered:
            target = {"TargetGroupArn": drift.target_group, "Targets": [{"Id": machine}]}
            retry_transient(lambda: elbv2.register_targets(**target), clock=clock)
            drift.is_changed = True
        if tags:
            retry_transient(lambda: ec2.create_tags(Resources=[machine], Tags=tags), clock=clock)
            drift.is_changed = True
    except clients.errors as error:
        drift.others.append(Problem(f"{' and '.join(drift.differences)}: {explain(error)}"))


def _outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


def _parameters(stack: dict[str, Any]) -> dict[str, str]:
    return {item["ParameterKey"]: item.get("ParameterValue", "") for item in stack.get("Parameters", [])}
