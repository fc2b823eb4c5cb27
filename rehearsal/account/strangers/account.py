"""Install the strangers in an account, and tell whether they were touched."""

from contextlib import AbstractContextManager
from typing import Any

from rehearsal.account.strangers import guarded_network, load_balancer, machines, snapshot, stacks
from rehearsal.account.strangers.machines import MACHINES, Network
from rehearsal.account.strangers.register import KINDS, Register
from rehearsal.account.strangers.snapshot import Snapshot
from rehearsal.cloudformation.aws_clients import Cloud
from rehearsal.cloudformation.stacks import Stack
from rehearsal.lock import LOCK

STACKS = ("PayrollNetwork", "payroll", "WebStack")


class Strangers:
    """All that others have in one account and region; nothing before `install`."""

    def __init__(self, account: str, region: str) -> None:
        self._register = Register(Cloud(account, region))

    def install(self, zone: str, records_only: AbstractContextManager[Any], foreign_stacks: int = 0) -> None:
        """Make everything of theirs, with the hosted zone's name.

        Within `records_only`, a launched instance gets no container.
        """
        register = self._register
        with LOCK, records_only:
            made = {name: stacks.make_stack(register, name) for name in STACKS}
            network = machines.make_network(register)
            instances = _make_instances(register, network, made)
            machines.make_disks(register, instances)
            host = f"payroll.intranet.{zone}"
            groups = load_balancer.make_load_balancer(register, network, instances["payroll/instance"], host)
            load_balancer.make_records(register, zone)
            _fill(made, network, instances, groups)
            stacks.make_many(register, foreign_stacks)

    def instance_ids(self) -> set[str]:
        """Return the ids of their instances."""
        return set(self._register.ids["instances"])

    def counts(self) -> dict[str, int]:
        """Return how many things of each kind are theirs."""
        return {kind: len(self._register.ids[kind]) for kind in KINDS}

    def snapshot(self) -> Snapshot:
        """Return all that is theirs as it is now; what is gone is missing."""
        return snapshot.take(self._register)

    def guard(self, vpc: str) -> dict[str, str]:
        """Put GuardDuty's endpoint and security group into the VPC; return their ids."""
        return guarded_network.guard(self._register, vpc)


def _make_instances(register: Register, network: Network, made: dict[str, Stack]) -> dict[str, str]:
    """Make the instances and return their ids by Name tag."""
    found = {}
    for machine in MACHINES:
        subnet = network.default_subnet if machine.in_default_vpc else network.subnets[0]
        tags = stacks.stack_tags(made[machine.stack], _logical_id(machine.name)) if machine.stack else {}
        tags |= machine.tags
        found[machine.name] = machines.make_instance(register, machine.name, subnet, tags, machine.stopped)
    return found


def _fill(made: dict[str, Stack], network: Network, instances: dict[str, str], groups: dict[str, str]) -> None:
    """Give the stacks what belongs to them."""
    for machine in MACHINES:
        if machine.stack:
            resource = ("AWS::EC2::Instance", instances[machine.name])
            stacks.fill(made[machine.stack], {_logical_id(machine.name): resource})
    balancing = "AWS::ElasticLoadBalancingV2"
    stacks.fill(
        made["payroll"],
        {
            "SecurityGroup": ("AWS::EC2::SecurityGroup", groups["SecurityGroup"]),
            "TargetGroup": (f"{balancing}::TargetGroup", groups["TargetGroup"]),
        },
    )
    stacks.fill(
        made["PayrollNetwork"],
        {
            "Vpc": ("AWS::EC2::VPC", network.vpc),
            "LoadBalancer": (f"{balancing}::LoadBalancer", groups["LoadBalancer"]),
        },
    )


def _logical_id(name: str) -> str:
    """Return a logical id, which has letters and digits only."""
    return "".join(part.capitalize() for part in name.replace("-", "/").split("/"))
