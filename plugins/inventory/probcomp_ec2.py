"""List our machines as hosts: the EC2 instances that the users' stacks made.

The plugin is the first part of ours that runs in every command, so it also reports unknown names in -l, and an -l that
is missing or not allowed. It only reads, from EC2 and from the playbooks on the command line.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: probcomp_ec2
short_description: Machines of users on EC2, by the names of their users
description:
  - Every instance that the stack C(probcomp-stack-<user>) made, and that is not terminated or shutting down, becomes
    the host C(<user>) in the group C(users). CloudFormation's own tag tells, which nobody can change; the tag C(Name)
    does not matter.
  - An instance that is only named C(<user>/instance) is somebody else's, and in no group; some commands warn of it.
  - Hosts are grouped by state (C(state_running), C(state_stopped), C(state_pending), C(state_stopping)), those whose
    tag C(Name) was changed by hand in C(renamed_machines), and by the tag C(fleet). The group of a fleet bears the
    name of its base; a dash becomes an underscore, for Ansible warns of group names with dashes, so C(-l ws) means
    the fleet with the base C(ws), and C(-l my_class) the one with C(my-class).
  - A fleet with the name of a user's machine gets no group, so that C(-l) with it means the machine alone; a warning
    says so. So does a fleet whose tag is no valid name.
  - A name in C(-l) that is neither a host nor a group is an error, with the nearest names, even beside names that do
    exist; patterns with wildcards, slices or regular expressions are left to Ansible.
  - A command of this repository that wants C(-l) and has none, or has one and takes its names by C(-e), is refused.
  - When the command starts on the controller, an unreachable AWS is a warning; for others it is an error. After a
    refresh within a run it is an error always.
  - The machine that C(ami_bake.yml) is at work on is the host C(ami-bake) in no group, and C(-l) does not know it.
  - For C(--syntax-check), C(--list-tags) and C(--list-tasks), and for commands that need no account, nothing is asked
    of AWS.
extends_documentation_fragment:
  - inventory_cache
  - constructed
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
  - amazon.aws.assume_role.plugins
options:
  plugin:
    description: Name of this plugin, to tell its files from those of others.
    required: true
    choices: [probcomp_ec2]
  filters:
    description:
      - Further filters for EC2, each a name of C(DescribeInstances) with its values; machines that they leave out do
        not exist for the inventory. Values may be templates.
    type: dict
    default: {}
  check_limit:
    description:
      - Whether a name in C(-l) must be known to this source or to one read before it.
      - Turn it off where machines of another source, read later, are to be chosen by name.
    type: bool
    default: true
notes:
  - "Variables of a host: C(probcomp_user), C(probcomp_instance_id), C(probcomp_address) (public IPv4 address or an
    empty text), C(ansible_host) (the same), C(probcomp_private_address), C(probcomp_state),
    C(probcomp_instance_type), C(probcomp_image), C(probcomp_zone) (availability zone), C(probcomp_network),
    C(probcomp_fleet), C(probcomp_owner), C(probcomp_organization), C(probcomp_purpose), C(probcomp_note),
    C(probcomp_expires), C(probcomp_admin_user), C(probcomp_key_name), C(probcomp_launch_time) (ISO 8601),
    C(probcomp_stack_id). Missing ones are empty texts. And C(probcomp_has_own_name), whether its tag C(Name) is the
    one that its stack gave it."
  - "Variables of the group C(all): C(probcomp_region), and C(probcomp_inventory_error), a sentence when AWS could not
    be asked, else empty."
"""

EXAMPLES = r"""
---
# inventory/probcomp_ec2.yml
plugin: probcomp_ec2

---
# Only the machines of two fleets
plugin: probcomp_ec2
filters:
  tag:fleet: [ws, lab]

---
# Another region than AWS_REGION or the profile says, and groups by organization
plugin: probcomp_ec2
region: eu-west-1
keyed_groups:
  - key: probcomp_organization
    prefix: organization
"""

import contextlib
import hashlib
import os
import pathlib
from typing import Any, NoReturn

from ansible import context
from ansible.errors import AnsibleParserError, ExitCode
from ansible_collections.amazon.aws.plugins.plugin_utils.inventory import AWSInventoryBase

with contextlib.suppress(ImportError):  # require_aws_sdk reports a missing library.
    import boto3
    from botocore import exceptions

from ansible_collections.probcomp.stack.plugins.module_utils.aws import errors, instances, ownership
from ansible_collections.probcomp.stack.plugins.module_utils.aws.client import AwsClients, tags_of
from ansible_collections.probcomp.stack.plugins.module_utils.aws.region_state import LIVE_STATES
from ansible_collections.probcomp.stack.plugins.module_utils.commands import command_line
from ansible_collections.probcomp.stack.plugins.module_utils.common import names
from ansible_collections.probcomp.stack.plugins.module_utils.output.host_summary import listed
from ansible_collections.probcomp.stack.plugins.plugin_utils import preload, typed_names

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_TEXT_TAGS = ("owner", "organization", "purpose", "note", "expires", "admin_user", "network")
_RENAMED = "renamed_machines"


class InventoryModule(AWSInventoryBase):
    """Inventory of our machines in one region."""

    NAME = "probcomp_ec2"
    INVENTORY_FILE_SUFFIXES = ("probcomp_ec2.yml", "probcomp_ec2.yaml")

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill `inventory` from the source at `path`.

        `cache` is False when a run refreshes its inventory.
        """
        try:
            self._parse(inventory, loader, path, cache)
            if "forks" in context.CLIARGS:  # This command starts workers.
                preload.preload(self.templar)
        except AnsibleParserError as error:
            self._stop(error)

    def _parse(self, inventory: Any, loader: Any, path: str, cache: bool) -> None:
        limit = context.CLIARGS.get("subset")
        playbooks = command_line.our_playbooks(context.CLIARGS.get("args"), _ROOT)
        reads_only_playbooks = any(context.CLIARGS.get(option) for option in ("syntax", "listtags", "listtasks"))
        # With --flush-cache, Ansible reads the inventory without its cache at the start too, so that is no refresh.
        is_refresh = not cache and not context.CLIARGS.get("flush_cache")
        if not reads_only_playbooks:
            typed_names.check(playbooks, limit, _ROOT, pathlib.Path(path), loader)
        for file in command_line.overridden_settings(pathlib.Path(path)) if cache else ():
            self.warn(f"{file} has no effect on what {command_line.DEFAULTS.name} sets too: name it local.yml")
        rehearsal = os.environ.get("PROBCOMP_REHEARSAL")
        if rehearsal and not pathlib.Path(rehearsal).is_file():
            # Without this error every call would wait for an API that is unreachable.
            raise AnsibleParserError(
                "this shell points at a rehearsal that is down: scripts/rehearsal up and eval again, or a new shell"
            )
        failure = ""
        machines: list[dict[str, Any]] = []
        try:
            super().parse(inventory, loader, path, cache=cache)
            if not reads_only_playbooks and command_line.needs_account(playbooks):
                machines = self._machines(path, cache)
                if command_line.names_strangers(playbooks) and not is_refresh:
                    self._name_strangers(machines, limit)
        except (exceptions.BotoCoreError, exceptions.ClientError) as error:
            failure = errors.explain(error)
            if is_refresh or not command_line.starts_on_localhost(playbooks):
                raise AnsibleParserError(f"the machines cannot be listed: {failure}") from None
            self.warn(f"the machines that exist cannot be listed: {failure}")
        inventory.set_variable("all", "probcomp_region", self.region or "")
        inventory.set_variable("all", "probcomp_inventory_error", failure)
        self.populate(machines)
        if not (failure or is_refresh or reads_only_playbooks) and self.get_option("check_limit"):
            # Only ami_bake.yml uses its own machine.
            chosen = [host for host in inventory.hosts if host != names.IMAGE_MACHINE]
            if message := command_line.unknown_names(limit, chosen, inventory.groups):
                raise AnsibleParserError(message)

    def _machines(self, path: str, cache: bool) -> list[dict[str, Any]]:
        boto3.session.Session(profile_name=self.get_option("profile") or None)  # Unknown profiles fail here.
        if not self.region:
            raise exceptions.NoRegionError
        was_cached, machines = self.get_cached_result(path, cache)
        if not was_cached:
            machines = self.query(self._clients())
        self.update_cached_result(path, cache, machines)
        return machines

    def get_cache_key(self, path: str) -> str:
        """Return the cache key for `path`.

        It keeps the answers of other regions, endpoints and accounts apart.
        """
        endpoint = self.client("ec2").meta
        parts = (endpoint.region_name, endpoint.endpoint_url, self.get_option("profile"), self.get_option("access_key"))
        digest = hashlib.sha256("\0".join(str(part) for part in (*parts, self._filters())).encode()).hexdigest()[:12]
        return f"{super().get_cache_key(path)}_{digest}"

    def _filters(self) -> list[dict[str, Any]]:
        """Return the filters of the source's file in EC2's form."""
        given = self.templar.template(self.get_option("filters"))
        return [{"Name": str(name), "Values": values} for name, values in sorted(given.items())]

    def query(self, clients: AwsClients) -> list[dict[str, Any]]:
        """Return our machines as host variables, sorted by user."""
        machines = []
        for user, found in instances.users_instances(clients, self._filters()).items():
            current = instances.current_instance(clients, user, found)
            if left := [item["InstanceId"] for item in found if item is not current]:
                self.warn(f"{user}: an update of the stack left {' and '.join(left)}; it is not the machine, and costs")
            machines.append(_variables(user, current))
        return machines

    def _name_strangers(self, machines: list[dict[str, Any]], limit: str | None) -> None:
        """Warn once of others' instances named like machines that `limit` means."""
        ours = {text for one in machines for text in (one["probcomp_user"], one["probcomp_fleet"].replace("-", "_"))}
        found = instances.strangers(self._clients(), {one["probcomp_instance_id"] for one in machines})
        named = (tags_of(item)["Name"] for item in found)
        if meant := sorted((name for name in named if command_line.meant(limit, name, ours)), key=names.by_number):
            self.warn(f"not ours, left alone: {listed(meant, 3)} (stack_list.yml)")

    def _clients(self) -> AwsClients:
        return AwsClients(lambda service, _: self.client(service, config=errors.CLIENT_SETTINGS), self.region or "")

    def populate(self, machines: list[dict[str, Any]]) -> None:
        """Add `machines`, the result of query, to the inventory with their groups."""
        self.inventory.add_group("users")
        self.inventory.add_group(_RENAMED)
        for state in LIVE_STATES:
            self.inventory.add_group(f"state_{state}")
        fleets = self._fleet_groups(machines)
        for variables in machines:
            user = variables["probcomp_user"]
            if user == names.IMAGE_MACHINE:
                # This machine belongs to nobody and to no group, so that no command for all users reaches it.
                self.inventory.add_host(user)
            else:
                self.inventory.add_host(user, group="users")
                self.inventory.add_child(f"state_{variables['probcomp_state']}", user)
                if not variables["probcomp_has_own_name"]:
                    self.inventory.add_child(_RENAMED, user)
            if group := fleets.get(variables["probcomp_fleet"]):
                self.inventory.add_child(self.inventory.add_group(group), user)
            for key, value in variables.items():
                self.inventory.set_variable(user, key, value)
            strict = self.get_option("strict")
            self._set_composite_vars(self.get_option("compose"), variables, user, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, user, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, user, strict=strict)

    def _fleet_groups(self, machines: list[dict[str, Any]]) -> dict[str, str]:
        """Return the group of each fleet that gets one."""
        users = {variables["probcomp_user"] for variables in machines}
        groups = {}
        for fleet in sorted({variables["probcomp_fleet"] for variables in machines} - {""}):
            group = fleet.replace("-", "_")
            try:
                names.check_user_name(fleet, "fleet")
            except names.InvalidName as error:
                self.warn(f"no group for a fleet: {error}")
                continue
            if fleet in users:
                self.warn(
                    f"{fleet} is a machine and also a fleet: -l {fleet} means the machine, the fleet has no group"
                )
            elif group in {_RENAMED, "unpinned", "chosen_machines", *(f"state_{state}" for state in LIVE_STATES)}:
                self.warn(f"no group for the fleet {fleet}: {group} is another group of machines")
            else:
                groups[fleet] = group
        return groups

    def _do_fail(self, message: str) -> NoReturn:
        # amazon.aws calls this function for a problem in the options.
        raise AnsibleParserError(" ".join(message.split()))

    def _stop(self, error: AnsibleParserError) -> NoReturn:
        """End the process with one line.

        Core would wrap an error of a plugin into a warning of five lines and a second error.
        """
        if not context.CLIARGS:
            raise error  # Code that uses this plugin as a library decides itself about the end of the process.
        self.display.error(str(error))
        raise SystemExit(int(ExitCode.GENERIC_ERROR))


def _variables(user: str, instance: dict[str, Any]) -> dict[str, Any]:
    """Return a host's variables as plain values, which a cache can keep."""
    tags = tags_of(instance)
    variables: dict[str, Any] = {
        "probcomp_user": user,
        "probcomp_instance_id": instance["InstanceId"],
        "probcomp_address": instance.get("PublicIpAddress", ""),
        "ansible_host": instance.get("PublicIpAddress", ""),
        "probcomp_private_address": instance.get("PrivateIpAddress", ""),
        "probcomp_state": instance["State"]["Name"],
        "probcomp_instance_type": instance.get("InstanceType", ""),
        "probcomp_image": instance.get("ImageId", ""),
        "probcomp_zone": instance.get("Placement", {}).get("AvailabilityZone", ""),
        "probcomp_key_name": instance.get("KeyName", ""),
        "probcomp_launch_time": instance["LaunchTime"].isoformat() if "LaunchTime" in instance else "",
        "probcomp_fleet": tags.get("fleet", ""),
        "probcomp_stack_id": tags.get("aws:cloudformation:stack-id", ""),
    }
    variables["probcomp_has_own_name"] = ownership.has_own_name(tags, user)
    variables.update({f"probcomp_{tag}": tags.get(tag, "") for tag in _TEXT_TAGS})
    return variables
