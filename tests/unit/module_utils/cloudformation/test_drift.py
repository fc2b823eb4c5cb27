"""Manual changes to a machine: each is corrected, or named with what corrects it.

Tested against a rehearsal's API.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import in_process, rehearsal_process
from tests.support.in_process import Account, run
from tests.support.typed_commands import problems

pytestmark = pytest.mark.slow
TIMES = {"seconds_per_resource": 0.0, "requests_per_second": 0.0, "record_delay": 0.0}
NEW = (
    "only a new machine has one: ansible-playbook stack_delete.yml -e user=alice -e confirm=yes saves the home, "
    "ansible-playbook stack_create.yml -e user=alice"
)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with (
        rehearsal_process.running(tmp_path_factory.mktemp("account"), **TIMES) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in in_process.environment(server).items():
            patch.setenv(name, value)
        made = Account(server)
        assert not made.update("rehearsed")["failed_users"]
        yield made


@pytest.fixture
def elbv2(account: Account) -> Any:
    return account.server.client("elbv2")


def drift(*users: str, **options: Any) -> dict[str, Any]:
    return run("cloudformation_drift", users=list(users) or list(Account.users), **options)


def changes(account: Account, mark: int) -> list[str]:
    """Return the calls since `mark` that could change something."""
    return [call["call"] for call in account.server.control("GET", f"calls?since={mark}")]


def target_group(account: Account, user: str) -> str:
    stack = account.stacks.describe_stacks(StackName=f"probcomp-stack-{user}")["Stacks"][0]
    return next(item["OutputValue"] for item in stack["Outputs"] if item["OutputKey"] == "TargetGroupArn")


def groups_of(account: Account, user: str) -> set[str]:
    return {group["GroupId"] for group in account.machines()[user]["SecurityGroups"]}


def registered(elbv2: Any, group: str) -> set[str]:
    answer = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {item["Target"]["Id"] for item in answer}


def stranger(account: Account, name: str) -> str:
    """Return another security group of the machines' network."""
    vpc = account.network["VpcId"]
    return str(account.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])


def test_what_is_right_is_left_alone_with_few_requests(account: Account) -> None:
    before = account.server.counts()
    answer = drift()
    after = account.server.counts()
    assert (answer["changed"], answer["failed_users"], answer["result_lines"]) == (False, [], [])
    assert changes(account, before["mark"]) == []
    # Stacks, instances, groups and rules once each; one for the health of each target.
    assert after["mark"] - before["mark"] == 4 + len(Account.users)


def test_a_target_that_was_deregistered_is_registered_again(account: Account, elbv2: Any) -> None:
    machine, group = account.machines()["alice"]["InstanceId"], target_group(account, "alice")
    elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": machine}])
    mark = account.server.counts()["mark"]
    foreseen = drift(_ansible_check_mode=True)
    assert foreseen["changed"] and changes(account, mark) == []
    assert foreseen["result_lines"] == ["alice: would be put right: not registered with the load balancer"]
    answer = drift()
    assert answer["result_lines"] == ["alice: put right: not registered with the load balancer"]
    assert changes(account, mark) == ["elbv2:RegisterTargets"]
    assert registered(elbv2, group) == {machine}
    assert not drift()["changed"]


def test_security_groups_are_set_back(account: Account) -> None:
    right, other = groups_of(account, "alice"), stranger(account, "other")
    machine = account.machines()["alice"]["InstanceId"]
    for wrong in ([other], [*right, other], [account.network["SshSecurityGroupId"]]):
        account.ec2.modify_instance_attribute(InstanceId=machine, Groups=wrong)
        answer = drift()
        assert answer["changed"] and answer["failed_users"] == []
        assert answer["machines"]["alice"]["differences"][0].startswith("security groups that are not the stack's: sg-")
        assert groups_of(account, "alice") == right
        assert answer["diff"][0]["after"] == f"security groups: {', '.join(sorted(right))}\n"
        assert not answer["machines"]["bob"]["changed"]


def test_tags_of_the_stack_are_set_back_and_others_stay(account: Account) -> None:
    machine = account.machines()["alice"]["InstanceId"]
    tags = [{"Key": "note", "Value": "by hand"}, {"Key": "mine", "Value": "kept"}]
    account.ec2.create_tags(Resources=[machine], Tags=tags)
    done = drift()
    assert done["result_lines"] == ["alice: put right: tags that are not the stack's: note"]
    assert [(diff["before"], diff["after"]) for diff in done["diff"]] == [
        ("tag note: by hand\n", "tag note: rehearsed\n")
    ]
    assert drift()["diff"] == []
    found = account.machines()["alice"]["Tags"]
    assert (found["note"], found["mine"]) == ("rehearsed", "kept")


def test_a_security_group_without_its_rule_is_named(account: Account) -> None:
    own = next(iter(groups_of(account, "alice") - {account.network["SshSecurityGroupId"]}))
    permissions = account.ec2.describe_security_groups(GroupIds=[own])["SecurityGroups"][0]["IpPermissions"]
    account.ec2.revoke_security_group_ingress(GroupId=own, IpPermissions=permissions)
    try:
        answer = drift()
        assert answer["failed_users"] == ["alice"] and not answer["changed"]
        step = answer["machines"]["alice"]["reason"].partition(": aws ")[2].split()
        assert step[:2] == ["ec2", "authorize-security-group-ingress"]
        options = dict(zip(step[2::2], step[3::2], strict=True))
        balancer = account.network["LoadBalancerSecurityGroupId"]
        assert options["--group-id"] == own and options["--source-group"] == balancer
    finally:
        account.ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=permissions)
    assert drift()["failed_users"] == []


def test_another_target_in_its_group_is_named(account: Account, elbv2: Any) -> None:
    group, other = target_group(account, "alice"), account.machines()["bob"]["InstanceId"]
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": other}])
    answer = drift()
    assert answer["failed_users"] == ["alice"]
    assert f"--target-group-arn {group} --targets Id={other}" in answer["machines"]["alice"]["reason"]
    elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": other}])
    assert drift()["failed_users"] == []


def test_what_is_refused_is_told_and_the_others_are_put_right(account: Account, elbv2: Any) -> None:
    other, ids = stranger(account, "refused"), {user: item["InstanceId"] for user, item in account.machines().items()}
    for machine in ids.values():
        account.ec2.modify_instance_attribute(InstanceId=machine, Groups=[other])
    fault = {"code": "UnauthorizedOperation", "status": 403, "message": "not you", "times": 1}
    account.server.control("POST", "faults", {"service": "ec2", "action": "ModifyInstanceAttribute", **fault})
    answer = drift()
    account.server.control("DELETE", "faults")
    assert answer["failed_users"] == ["alice"]
    assert "do not allow ModifyInstanceAttribute" in answer["machines"]["alice"]["reason"]
    assert groups_of(account, "bob") != {other}
    assert drift()["failed_users"] == []


def check(account: Account, folder: Path) -> dict[str, Any]:
    """Return the check's answer about alice, at whose address nothing listens."""
    folder.chmod(0o700)
    password = folder / "alice.passwd"
    password.write_text("some phrase\n")
    password.chmod(0o600)
    machine = {"user": "alice", "url": "https://alice.stack.localhost:1", "password_file": str(password)}
    return run("fleet_check", machines=[machine], password_directory=str(folder))


def test_the_check_asks_aws_for_the_cause(account: Account, elbv2: Any, tmp_path: Path) -> None:
    found = check(account, tmp_path)
    assert found["machines"]["alice"]["kind"] == "connection"
    assert found["repair_commands"] == ["ansible-playbook stack_create.yml -e user=alice"]
    machine, group = account.machines()["alice"]["InstanceId"], target_group(account, "alice")
    elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": machine}])
    found, mark = check(account, tmp_path), account.server.counts()["mark"]
    assert found["machines"]["alice"]["reason"].startswith("not registered with the load balancer (cannot conn")
    assert found["repair_commands"] == ["ansible-playbook -l alice stack_start.yml"]
    assert changes(account, mark) == []
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": machine}, {"Id": "i-0123456789abcdef0"}])
    found = check(account, tmp_path)
    row = found["machines"]["alice"]
    assert row["reason"].startswith("its target group has other targets (cannot connect") and "aws" not in row["reason"]
    command = "aws elbv2 deregister-targets --region us-east-1 --target-group-arn"
    assert row["repair"] == f"{command} {group} --targets Id=i-0123456789abcdef0" and problems(row["repair"]) == []
    assert found["repair_commands"] == [row["repair"]]
    elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": machine}])
    # What the playbook corrects comes after what it does not.
    both = check(account, tmp_path)["machines"]["alice"]["repair"]
    assert both == f"{row['repair']} && ansible-playbook -l alice stack_start.yml"
    elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": machine}])
    elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": "i-0123456789abcdef0"}])


def test_without_aws_the_check_says_what_it_saw(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    found = check(account, tmp_path)
    assert found["machines"]["alice"]["kind"] == "connection"
    assert "what differs from the stacks could not be read: the secret access key is not" in str(found["warnings"])


def test_a_machine_that_does_not_run_and_one_without_a_stack_are_left_alone(account: Account) -> None:
    account.note_ids()
    account.power("stopped")
    try:
        answer = drift("alice", "bob", "nobody")
        assert (answer["changed"], answer["failed_users"]) == (False, [])
    finally:
        account.power("started")


def test_without_its_security_group_only_a_new_machine_helps(account: Account, tmp_path: Path) -> None:
    machine, other = account.machines()["alice"]["InstanceId"], stranger(account, "last")
    own = next(iter(groups_of(account, "alice") - {account.network["SshSecurityGroupId"]}))
    account.ec2.modify_instance_attribute(InstanceId=machine, Groups=[other])
    account.ec2.delete_security_group(GroupId=own)
    answer = drift()
    assert answer["failed_users"] == ["alice"]
    assert answer["machines"]["alice"]["reason"] == f"its security group was deleted, and {NEW}"
    row = check(account, tmp_path)["machines"]["alice"]
    assert row["reason"].startswith(f"its security group was deleted, and {NEW} (cannot connect") and not row["repair"]


def test_without_its_rule_or_target_group_only_a_new_machine_helps(account: Account, elbv2: Any) -> None:
    group = target_group(account, "bob")
    rules = elbv2.describe_rules(ListenerArn=account.network["ListenerArn"])["Rules"]
    own = next(rule for rule in rules if rule["Actions"][0].get("TargetGroupArn") == group)
    elbv2.delete_rule(RuleArn=own["RuleArn"])
    answer, new = drift("bob"), NEW.replace("alice", "bob")
    assert answer["machines"]["bob"]["reason"] == f"its rule of the load balancer was deleted, and {new}"
    elbv2.delete_target_group(TargetGroupArn=group)
    both = f"its rule of the load balancer and its target group were deleted, and {new.replace('has one', 'has them')}"
    assert drift("bob")["machines"]["bob"]["reason"] == both
