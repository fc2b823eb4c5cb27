"""Check that users can work on their machines, and change nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_check
short_description: Does what a student does on every machine
description:
  - For each machine, over HTTPS at its URL, makes sure that nobody gets in without a password or with a wrong one, logs
    in with the password of the password file, starts a kernel, runs C(1+1), reads the answer C(2), ends the kernel.
  - Of machines that cannot be reached, asks AWS what differs from their stacks and how their targets are, where
    O(region) is given.
  - With O(machines[].ssh), makes sure that the machine shows the pinned host key there and lets the administrator in.
  - Names below C(.localhost) are taken for this computer, as browsers do.
  - A machine that fails does not fail the module; RV(failed_users) names them. Passwords are in no output.
extends_documentation_fragment:
  - probcomp_connection
  - probcomp_connection.checked
  - probcomp_aws
attributes:
  check_mode:
    description: Everything but the kernel, which would be a process on a user's machine.
    support: partial
options:
  password_directory:
    description: Our own folder of password files. Where others can read it, it gets mode 0700; other folders are named.
    type: path
  minimum_length:
    description: Fewest characters that a password may have.
    type: int
    default: 1
  ca_bundle:
    description: File with the certificate authorities to trust; the system's when empty.
    type: str
    default: ""
  zone:
    description: Hosted zone, whose own name servers are asked where a name does not resolve; empty for none.
    type: str
    default: ""
  dns_resolver:
    description:
      - Name server that resolves names, an address or C(address:port); the system's when empty.
      - The zone's own name servers are asked at the same port.
    type: str
    default: ""
  connect_timeout:
    description: Seconds for one answer.
    type: float
    default: 10
  kernel_timeout:
    description: Seconds from the start of the kernel to its answer. A small machine takes its time over the first one.
    type: float
    default: 120
  last_step:
    description: "C(refuse): only see that strangers and a wrong password are refused, without reading the password
      files; C(login): also log in; C(kernel): everything, O(machines[].ssh) included."
    type: str
    choices: [refuse, login, kernel]
    default: kernel
  wait_seconds:
    description: Seconds that a machine may take to become ready. Commands that make, start or update one set it to
      minutes, those that restart its Jupyter to 60; C(check_wait) sets it for a command.
    type: float
    default: 0
  concurrency:
    description: Machines that are looked at together.
    type: int
    default: 20
  earlier:
    description:
      - File with RV(failing) of the check before, C(reports/failing.json). A machine that failed then as well keeps its
        RV(machines.since). What is missing, broken or older than a day counts for nothing.
    type: path
  groups:
    description: Machines by the groups of the inventory, by which commands choose many of them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Check the class
  fleet_check:
    machines:
      - user: ws-1
        url: https://ws-1.stack.example.org
        password_file: jupyter-passwords/ws-1.passwd
    wait_seconds: 180
  register: check
"""

RETURN = r"""
machines:
  description: What was found on each machine, by user.
  returned: success
  type: dict
  contains:
    user: {description: Whose machine., type: str}
    url: {description: Where it was looked at., type: str}
    ok: {description: Whether a student can work on it., type: bool}
    seconds: {description: "How long the check took, waiting included.", type: float}
    kind: {description: "What failed: C(name), C(zone), C(resolver), C(tls), C(connection), C(rule), C(unavailable),
      C(drift), C(open), C(password), C(unset), C(password_file), C(kernel), C(protocol) or C(ssh); empty when ok.",
      type: str}
    reason: {description: The failure in one line with what to do., type: str}
    repair: {description: The command that mends it; empty when a person is needed., type: str}
    since: {description: "First check in a row that failed, in UTC, by O(earlier); empty when ok.", type: str}
failed_users:
  description: Users whose machine failed.
  returned: success
  type: list
  elements: str
failing:
  description:
    - By user, which check in a row was the first that failed, C(since), and which the last, C(checked_at).
    - Also of machines that were not checked now; they are in O(groups) and failed within a day by O(earlier).
  returned: success
  type: dict
repair_commands:
  description: The commands that repair just the failed machines.
  returned: success
  type: list
  elements: str
notes:
  description: Modes of password files that were put right, or that are not ours to change.
  returned: success
  type: list
  elements: str
checked_at:
  description: When, in UTC.
  returned: success
  type: str
"""

import asyncio
import traceback
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.probcomp.stack.plugins.module_utils.aws.errors import Clock, explain
from ansible_collections.probcomp.stack.plugins.module_utils.aws.module import AwsModule
from ansible_collections.probcomp.stack.plugins.module_utils.cloudformation.drift import Drift, read_drift
from ansible_collections.probcomp.stack.plugins.module_utils.common.argument_specs import CONNECTION, SSH_MACHINE
from ansible_collections.probcomp.stack.plugins.module_utils.passwords.files import (
    PasswordFileError,
    read_password,
    vault_decrypter,
)
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.client import Machine as SshMachine
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.login_check import Login, log_in

IMPORT_ERROR = ""
try:
    from ansible_collections.probcomp.stack.plugins.module_utils.dns.queries import InvalidResolver
    from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.client import (
        Limits,
        Machine,
        Result,
        check_all,
    )
    from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.earlier import combine, read_failing
    from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.failures import (
        BY_AWS,
        DRIFT,
        NO_PHRASE,
        REPAIRS,
        UNSET,
        repair_command,
        repair_commands,
    )
    from ansible_collections.probcomp.stack.plugins.module_utils.jupyter.host_names import HostNames
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

MACHINE = {
    "user": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    # The name of a file is not secret.
    "password_file": {"type": "path", "required": True, "no_log": False},
    "ssh": {"type": "dict", "options": SSH_MACHINE},
}
ARGUMENTS: dict[str, Any] = {
    "machines": {"type": "list", "elements": "dict", "required": True, "options": MACHINE},
    **CONNECTION,
    "password_directory": {"type": "path", "no_log": False},
    "minimum_length": {"type": "int", "default": 1},
    "ca_bundle": {"type": "str", "default": ""},
    "zone": {"type": "str", "default": ""},
    "dns_resolver": {"type": "str", "default": ""},
    "connect_timeout": {"type": "float", "default": 10},
    "kernel_timeout": {"type": "float", "default": 120},
    "wait_seconds": {"type": "float", "default": 0},
    "last_step": {"type": "str", "choices": ["refuse", "login", "kernel"], "default": "kernel"},
    "concurrency": {"type": "int", "default": 20},
    "earlier": {"type": "path"},
    "groups": {"type": "dict", "default": {}},
}


def with_login(result: Result, login: Login) -> Result:
    """Return `result` with what the ssh login to the machine tells of it."""
    # A failure that a student meets comes first, so a failed ssh login is only reported when Jupyter works.
    if result.ok and login.refusal:
        return replace(result, ok=False, kind="ssh", reason=login.refusal)
    if result.kind == "unavailable" and login.has_no_password:
        return replace(result, kind=UNSET, reason=NO_PHRASE, repair=repair_command(REPAIRS[UNSET], [result.user], {}))
    return result


def advised(result: Result, drift: Drift) -> Result:
    """Return a failed `result` with the cause in AWS and the repair command."""
    seen = result.reason.partition(":")[0]
    if drift.problems or drift.differences:
        reason = "; ".join([*(problem.text for problem in drift.problems), *drift.differences])
        commands = [problem.command for problem in drift.problems]
        if drift.differences:
            commands.append(repair_command(REPAIRS[DRIFT], [result.user], {}))
        # One command without the others does not mend it.
        repair = " && ".join(commands) if all(commands) else ""
        return replace(result, kind=DRIFT, reason=f"{reason} ({seen})", repair=repair)
    if result.kind == "unavailable" and drift.health and not drift.health.startswith("healthy"):
        return replace(result, reason=f"{result.reason} (its target: {drift.health})")
    return result


def readable(parameters: dict[str, Any], notes: list[str]) -> tuple[list[Machine], dict[str, Result]]:
    """Return machines with a usable password file, and results of the others.

    The results are by user.
    """
    decrypt = vault_decrypter()
    machines, unreadable = [], {}
    length, own = parameters["minimum_length"], parameters["password_directory"]
    needed = parameters["last_step"] != "refuse"
    for item in parameters["machines"]:
        user, url = item["user"], item["url"]
        try:
            password = read_password(item["password_file"], length, notes, decrypt=decrypt, own=own) if needed else ""
        except PasswordFileError as error:
            unreadable[user] = Result(user, url, False, 0.0, "password_file", str(error))
        else:
            machines.append(Machine(user, url, password))
    return machines, unreadable


def main() -> None:
    """Run the module."""
    module = AwsModule(ARGUMENTS)
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("aiohttp or dnspython"), exception=IMPORT_ERROR)
    parameters = module.params
    if parameters["concurrency"] < 1:
        module.fail_json(msg="concurrency must be 1 or more")
    try:
        names = HostNames(parameters["dns_resolver"], parameters["zone"])
    except InvalidResolver as error:
        module.fail_json(msg=str(error))
    notes: list[str] = []
    machines, found = readable(parameters, notes)
    has_all = parameters["last_step"] == "kernel"
    last_step = "login" if has_all and module.check_mode else parameters["last_step"]
    limits = Limits(parameters["connect_timeout"], parameters["kernel_timeout"], parameters["wait_seconds"], last_step)
    check = check_all(machines, limits, parameters["ca_bundle"], parameters["concurrency"], names)
    try:
        found |= {result.user: result for result in asyncio.run(check)}
    except OSError as error:
        module.fail_json(msg=f"ca_bundle {parameters['ca_bundle']}: cannot be used ({error.strerror or error})")
    connections = [SshMachine(**item["ssh"]) for item in parameters["machines"] if has_all and item["ssh"]]
    for user, login in log_in(connections, parameters["private_key_file"], parameters["concurrency"]).items():
        found[user] = with_login(found[user], login)
    asked = [user for user, result in found.items() if result.kind in BY_AWS]
    if asked and module.region:
        clients = module.raising_clients()
        try:
            drifts = read_drift(clients, Clock(), asked)
        except clients.errors as error:
            module.warn(f"what differs from the stacks could not be read: {explain(error)}")
        else:
            found |= {drift.user: advised(found[drift.user], drift) for drift in drifts}
    now = datetime.now(UTC)
    checked_at = now.isoformat(timespec="seconds")
    before = read_failing(Path(parameters["earlier"]), now) if parameters["earlier"] else {}
    results = [found[item["user"]] for item in parameters["machines"]]
    results, failing = combine(results, before, checked_at, parameters["groups"])
    module.exit_json(
        changed=False,
        machines={result.user: asdict(result) for result in results},
        failed_users=[result.user for result in results if not result.ok],
        failing=failing,
        repair_commands=repair_commands(results, parameters["groups"]),
        notes=notes,
        checked_at=checked_at,
    )


if __name__ == "__main__":
    main()
