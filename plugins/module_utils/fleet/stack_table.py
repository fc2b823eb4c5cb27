"""Format the fleet as text: table, problems, and the commands that repair them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ..aws.client import tags_of
from ..aws.stack_statuses import COMPLETE, DELETED_FIRST, LOOK, delete_command, is_busy, repair
from ..common.names import IMAGE_MACHINE, by_number, instance_tag, stack_name
from ..output.machine_names import names_argument
from ..output.table import Column, fitted, text_width
from ..output.text import one_line
from ..progress.terminal import columns
from .machines import FleetMachine, end_date

COLUMNS = (
    Column("who", optional=False),
    Column("state", optional=False),
    Column("since", optional=False),
    Column("type", optional=False),
    Column("owner", 8),
    Column("organization", 8),
    Column("purpose", 8),
    Column("note", 8),
    Column("expires"),
    Column("network", 8),
    Column("image", 12),
)
# Values that are safe in a command that users paste into a shell.
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_MADE_BY_CREATE = ("ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS")


@dataclass(frozen=True)
class Attention:
    """A problem of a machine: a short name, a sentence, and a repair command."""

    user: str
    short: str
    text: str
    command: str = ""

    def as_data(self) -> dict[str, str]:
        """Return the problem as plain data."""
        return {"user": self.user, "what": self.short, "text": self.text, "command": self.command}


def attentions(machines: Iterable[FleetMachine], defaults: dict[str, str], region: str, today: date) -> list[Attention]:
    """Return the problems of all machines; `defaults` are those of a create."""
    return [found for machine in machines for found in _attentions(machine, defaults, region, today)]


def _attentions(machine: FleetMachine, defaults: dict[str, str], region: str, today: date) -> list[Attention]:
    found = []
    if trouble := _stack_trouble(machine, defaults, region):
        found.append(trouble)
    if not machine.has_own_name:
        text = f"the Name tag of {machine.instance_id} was changed by hand; stack_start.yml puts it right"
        found.append(Attention(machine.user, "renamed", text, f"ansible-playbook -l {machine.user} stack_start.yml"))
    if machine.instance_id and machine.stack_type not in ("", machine.type):
        text = f"its type was changed by hand: it is a {machine.type}, its stack says {machine.stack_type}"
        command = f"ansible-playbook -l {machine.user} stack_update.yml -e instance={machine.type}"
        found.append(Attention(machine.user, "type changed by hand", text, command))
    if machine.is_overdue(today):
        text = f"its end was {machine.expires}; -l {machine.user} stack_update.yml -e expires=... gives it more time"
        found.append(Attention(machine.user, "overdue", text, delete_command(machine.user)))
    elif machine.expires and end_date(machine.expires) is None:
        text = f"its tag expires is no date: {one_line(machine.expires, 40)}"
        command = f"ansible-playbook -l {machine.user} stack_update.yml -e expires=2030-12-31"
        found.append(Attention(machine.user, "expires is no date", text, command))
    return found


def _stack_trouble(machine: FleetMachine, defaults: dict[str, str], region: str) -> Attention | None:
    user, status = machine.user, machine.stack_status
    if machine.state == "terminated":
        text = "terminated by hand: its stack is there, its instance is gone"
        return Attention(user, "terminated by hand", text, create_command([user], machine, defaults))
    if not status:
        text = f"its stack is gone and left {machine.instance_id}: save what is on it, then terminate it"
        return Attention(user, "no stack", text)
    if status in _MADE_BY_CREATE:
        text = f"its creation failed ({status}); create makes it anew"
        return Attention(user, "creation failed", text, create_command([user], machine, defaults))
    command = repair(status, stack_name(user), region)
    if status in DELETED_FIRST:
        short = "deletion failed" if status == "DELETE_FAILED" else "creation failed"
        return Attention(user, short, f"its {short} and left parts that may cost money ({status})", command)
    if status == "UPDATE_ROLLBACK_FAILED":
        return Attention(user, "update failed", f"its update failed and could not be undone ({status})", command)
    if status == "UPDATE_FAILED":
        return Attention(user, "update failed", f"its update failed and was not undone ({status})", command)
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return Attention(user, "update undone", "its last update failed and was undone; it works as before")
    if is_busy(status):
        return Attention(user, "busy", f"CloudFormation is at work on it ({status})")
    return None if status in COMPLETE else Attention(user, "needs a person", f"its stack is {status}: {LOOK}")


def create_command(users: list[str], machine: FleetMachine, defaults: dict[str, str]) -> str:
    """Return the command that creates the machines of `users` again, like `machine`.

    Owner, purpose and other tags are omitted: a create copies them from the stack that it replaces.
    """
    if users == [IMAGE_MACHINE]:
        return delete_command(IMAGE_MACHINE)  # Not a user's machine: the next run of ami_bake creates a new one.
    wanted = {"instance": machine.type, "volume_size": machine.volume_size, "network": machine.network}
    if machine.image_is_ours:
        wanted["ami"] = machine.image
    given = [
        f"{name}={value}"
        for name, value in wanted.items()
        if _PLAIN.fullmatch(value) and value != defaults.get(name, "")
    ]
    settings = f' -e "{" ".join(given)}"' if len(given) > 1 else "".join(f" -e {one}" for one in given)
    typed = names_argument(users)
    if typed.startswith('"') and not typed.startswith(f'"base={machine.fleet} '):
        typed = f"users={','.join(users)}"  # By their base they would join a fleet of that name.
    playbook = "stack_create.yml" if len(users) == 1 else "fleet_create.yml"
    return f"ansible-playbook {playbook} -e {typed}{settings}"


def repairs(machines: Iterable[FleetMachine], found: list[Attention], defaults: dict[str, str]) -> list[str]:
    """Return the commands that repair all problems except overdue machines.

    Equal machines of a fleet share one create command.
    """
    by_user = {machine.user: machine for machine in machines}
    creates: dict[tuple[str, str], list[str]] = {}
    others = []
    for item in found:
        if not item.command or item.short == "overdue":
            continue
        if "_create.yml" in item.command:
            machine = by_user[item.user]
            creates.setdefault((create_command(["_"], machine, defaults), machine.fleet), []).append(item.user)
        else:
            others.append(item.command)
    together = [create_command(users, by_user[users[0]], defaults) for users in creates.values()]
    return [*together, *dict.fromkeys(others)]


def shown_state(machine: FleetMachine) -> str:
    """Return the state of a machine in one word."""
    if machine.state != "none":
        return machine.state
    return "busy" if is_busy(machine.stack_status) else "failed"


def lines(machines: list[FleetMachine], networks: dict[str, str], found: list[Attention], today: date) -> list[str]:
    """Return the table, followed by counts, images, networks, URLs and problems."""
    if not machines:
        return ["no user has a machine or a stack here", *_network_lines(networks, machines)]
    images = {machine.image: machine.image_name for machine in machines if machine.image}
    is_one_network = {machine.network for machine in machines} <= {"shared", ""}
    rows = [
        (
            machine.user, shown_state(machine), machine.since, machine.type, machine.owner,
            machine.organization, machine.purpose, machine.note, _shown_end(machine, today),
            "" if is_one_network else machine.network,
            "" if len(images) == 1 else _short_image(machine),
        )
        for machine in machines
    ]  # fmt: skip
    output = _table(rows, [machine.instance_id for machine in machines])
    output += ["", _count(machines)]
    output += [
        f"image {one_line(name or 'that is no longer there', 80)} ({image})" for image, name in sorted(images.items())
    ]
    output += _network_lines(networks, machines)
    output += [f"URL {one_line(url)}" for url in url_patterns(machines)]
    if found:
        output += ["", *(f"{item.user}: {one_line(item.text)}" for item in found)]
    return output


def _table(rows: Sequence[tuple[str, ...]], ids: Sequence[str]) -> list[str]:
    """Return the table, with the instances' ids where nothing has to be cut for them."""
    width = columns()
    whole = fitted((*COLUMNS, Column("id")), [(*row, identity) for row, identity in zip(rows, ids, strict=True)], None)
    fits = width is None or max(map(text_width, whole)) <= width
    return whole if fits else fitted(COLUMNS, rows, width)


def stranger_lines(instances: Iterable[dict[str, Any]], machines: Iterable[FleetMachine] = ()) -> list[str]:
    """Return lines about others' instances with names like ours.

    No stack of ours made them. Where one of `machines` has the same name, its id stands beside.
    """
    ours = {instance_tag(machine.user): f" (ours is {machine.instance_id})" for machine in machines}
    named = ((one_line(tags_of(item)["Name"], 60), item) for item in instances)
    shown = [
        f"  {name} {item['InstanceId']} {item['InstanceType']} {item['State']['Name']}{ours.get(name, '')}"
        for name, item in sorted(named, key=lambda pair: (by_number(pair[0]), pair[1]["InstanceId"]))
    ]
    return ["", "not ours, though named so; no command touches them:", *shown] if shown else []


def url_patterns(machines: list[FleetMachine]) -> list[str]:
    """Return the machines' URLs without duplicates, with `<user>` in place of names."""
    return list(dict.fromkeys(machine.url.replace(f"//{machine.user}.", "//<user>.", 1) for machine in machines))


def _count(machines: list[FleetMachine]) -> str:
    states = Counter(shown_state(machine) for machine in machines)
    return f"{_machines(len(machines))}: {', '.join(f'{count} {state}' for state, count in sorted(states.items()))}"


def _machines(count: int) -> str:
    return "1 machine" if count == 1 else f"{count} machines"


def _network_lines(networks: dict[str, str], machines: list[FleetMachine]) -> list[str]:
    users = Counter(machine.network for machine in machines)
    return [f"network {name}: {_machines(users[name])}, stack {status}" for name, status in networks.items()]


def _shown_end(machine: FleetMachine, today: date) -> str:
    return f"{machine.expires} overdue" if machine.is_overdue(today) else machine.expires[:20]


def _short_image(machine: FleetMachine) -> str:
    return machine.image_name.rpartition("/")[2] or machine.image
