"""All stacks and instances of a region, read in two paginated requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..common.names import network_stack_name, stack_name
from .client import AwsClients, tags_of
from .ownership import user_named_by, user_of
from .stack_statuses import MADE_ANEW

LIVE_STATES = ("pending", "running", "stopping", "stopped")


@dataclass(frozen=True)
class Survey:
    """Stacks by name and instances of a region, except deleted and terminated ones."""

    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    instances: tuple[dict[str, Any], ...] = ()

    def machine(self, user: str) -> dict[str, Any] | None:
        """Return the live instance of `user`."""
        return self.machines().get(user)

    def machines(self) -> dict[str, dict[str, Any]]:
        """Return the live instances that users' stacks made, by user.

        An update that replaced an instance leaves the earlier one; the user's is the one that the stack names.
        """
        found: dict[str, dict[str, Any]] = {}
        for item in self.instances:
            user = user_of(tags_of(item))
            if user is None or item["State"]["Name"] not in LIVE_STATES:
                continue
            if user not in found or self.outputs(stack_name(user)).get("InstanceId") == item["InstanceId"]:
                found[user] = item
        return found

    def strangers(self) -> list[dict[str, Any]]:
        """Return the live instances with names of users' machines that are not ours.

        No stack of ours made them.
        """
        described = ((tags_of(item), item) for item in self.instances if item["State"]["Name"] in LIVE_STATES)
        return [item for tags, item in described if user_named_by(tags) and user_of(tags) is None]

    def fleets(self) -> dict[str, str]:
        """Return the fleet of each user with a machine, "" for none."""
        return {user: tags_of(item).get("fleet", "") for user, item in self.machines().items()}

    def fleet_groups(self) -> dict[str, list[str]]:
        """Return the machines of each group that the inventory makes of a fleet."""
        groups: dict[str, list[str]] = {}
        fleets = self.fleets()
        for user, fleet in fleets.items():
            if fleet and fleet not in fleets:
                groups.setdefault(fleet.replace("-", "_"), []).append(user)
        return groups

    def status(self, name: str) -> str:
        """Return the status of the stack `name`, "" when it does not exist."""
        return str(self.stacks.get(name, {}).get("StackStatus", ""))

    def outputs(self, name: str) -> dict[str, str]:
        """Return the outputs of the stack `name`."""
        return {item["OutputKey"]: item["OutputValue"] for item in self.stacks.get(name, {}).get("Outputs", [])}

    def parameters(self, name: str) -> dict[str, str]:
        """Return the parameters of the stack `name`."""
        given = self.stacks.get(name, {}).get("Parameters", [])
        return {item["ParameterKey"]: item.get("ParameterValue", "") for item in given}

    def has_network(self, network: str) -> bool:
        """Return whether the network's stack exists and will not be replaced."""
        status = self.status(network_stack_name(network))
        return bool(status) and status not in MADE_ANEW and status != "DELETE_COMPLETE"


def survey(clients: AwsClients) -> Survey:
    """Read all stacks and instances of the region."""
    stacks = clients.read_all("cloudformation", "describe_stacks", "Stacks")
    states = [{"Name": "instance-state-name", "Values": [*LIVE_STATES, "shutting-down"]}]
    return Survey(
        {stack["StackName"]: stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"},
        tuple(clients.instances(states)),
    )
