"""Measure the cost of a further task.

The same play runs with few and with many tasks, with our variables and with literal ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import yaml

from tests.bench.fleet import FleetBench

DEBUG, MODULE, LITERAL = "debug", "command", "command, literal"
_TASKS: dict[str, dict[str, object]] = {
    DEBUG: {"ansible.builtin.debug": {"msg": "nothing"}},
    MODULE: {"ansible.builtin.command": {"cmd": "true"}, "changed_when": False},
}
_MANY_DEBUG = 11
_LIMIT = 900.0
_COMMON = (
    "HostKeyAlias",
    "UserKnownHostsFile",
    "GlobalKnownHostsFile",
    "StrictHostKeyChecking",
    "UpdateHostKeys",
    "BatchMode",
    "ForwardAgent",
    "IdentitiesOnly",
)


def bench(fleet: FleetBench, folder: Path) -> dict[str, float]:
    """Measure the plays on the whole fleet.

    Returns the processor time of a further task on one machine, by kind.
    """
    folder.mkdir()
    fleet.workshop.succeed("scripts/ssh_config")
    literal = folder / "literal.yml"
    literal.write_text(yaml.safe_dump(literal_inventory((fleet.workshop.state / "ssh_config").read_text())))
    plain = {"ANSIBLE_INVENTORY": str(literal), "ANSIBLE_STDOUT_CALLBACK": "default"}
    # Fewer tasks suffice for more machines, since a module also takes the machines' processors, which are this
    # computer's.
    many = max(4, min(11, 120 // fleet.count))
    return {
        DEBUG: _further(fleet, folder, DEBUG, _TASKS[DEBUG], _MANY_DEBUG, {}),
        MODULE: _further(fleet, folder, MODULE, _TASKS[MODULE], many, {}),
        LITERAL: _further(fleet, folder, LITERAL, _TASKS[MODULE], many, plain),
    }


def _further(
    fleet: FleetBench, folder: Path, name: str, task: Mapping[str, object], many: int, more: Mapping[str, str]
) -> float:
    seconds = []
    for number in (1, many):
        file = folder / f"tasks-{number}-{len(task)}.yml"
        tasks = [{"name": f"Task {n}", **task} for n in range(1, number + 1)]
        file.write_text(yaml.safe_dump([{"name": "Tasks", "hosts": "ws", "gather_facts": False, "tasks": tasks}]))
        command = f"ansible-playbook -l ws {file}"
        row = fleet.recorder.measure(
            f"play of {number} {name}", fleet.count, partial(fleet.shell.run, command, _LIMIT, more)
        )
        seconds.append(row.median("processor_s"))
    one, all_of_them = seconds
    if one is None or all_of_them is None:
        return float("nan")
    return (all_of_them - one) / (many - 1) / fleet.count


def literal_inventory(ssh_config: str) -> dict[str, object]:
    """Return an inventory of literal core variables.

    It has the machines of a file of scripts/ssh_config.
    """
    hosts: dict[str, dict[str, object]] = {}
    for block in ssh_config.split("\nHost ")[1:]:
        user, *lines = block.splitlines()
        values = dict(line.split(maxsplit=1) for line in lines if line.strip())
        values = {name: value.strip('"') for name, value in values.items()}
        hosts[user] = {
            "ansible_connection": "ssh",
            "ansible_host": values["HostName"],
            "ansible_port": int(values["Port"]),
            "ansible_user": values["User"],
            "ansible_ssh_private_key_file": values["IdentityFile"],
            "ansible_ssh_common_args": " ".join(f"-o {name}={values[name]}" for name in _COMMON if name in values),
        }
    return {"ws": {"hosts": hosts}}
