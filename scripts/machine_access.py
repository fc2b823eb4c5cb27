"""Read a machine's ssh access from the inventory and group_vars, and check it.

The result has the form of ssh's options. The expressions are those that every playbook uses (group_vars/users.yml),
evaluated again and not written a second time. Values of EC2 and its tags are checked before they become arguments. The
module only reads and connects to no machine.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ansible_playbook
from ansible_collections.probcomp.stack.plugins.module_utils.common import names
from ansible_collections.probcomp.stack.plugins.module_utils.output.text import one_line
from ansible_collections.probcomp.stack.plugins.module_utils.ssh.pinned_options import pinned_options, quoted_path

ROOT = Path(__file__).resolve().parents[1]

# Each key is the name in this module, each value an expression over the names in group_vars.
_EXPRESSIONS = {
    "state": "probcomp_state",
    "address": "ansible_host | default('')",
    "port": "ssh_machine.port",
    "admin_user": "machine_admin_user",
    "private_key_file": "ansible_ssh_private_key_file | default(private_key_file)",
    "common_arguments": "ansible_ssh_common_args | default('')",
    "ssh_name": "ssh_name",
    "pin_file": "pin_file",
    "ssh_config_host": "ssh_config_host",
    "state_dir": "state_dir",
    "account": "jupyter_account | default('jupyter')",
    "home": "jupyter_home | default('/home/jupyter')",
}
_ADMIN_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_DNS_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_NOT_RUNNING = {
    "stopped": "is stopped: ansible-playbook -l {user} stack_start.yml starts it",
    "stopping": "is stopping: once it has, ansible-playbook -l {user} stack_start.yml starts it",
    "pending": "is starting: try again in a minute",
}
# A kept connection is not checked against the pinned key again, and every wait needs a limit.
_OWN_OPTIONS = (
    ("ControlPath", "none"),
    ("ForwardX11", "no"),
    ("PermitLocalCommand", "no"),
    ("ConnectTimeout", "15"),
    ("ServerAliveInterval", "15"),
    ("ServerAliveCountMax", "4"),
)


class Refused(ValueError):
    """Refused command.

    str() is one line: the problem, the user of the machine, what to do.
    """


@dataclass(frozen=True)
class Access:
    """Machine with its ssh access.

    `options` are settings of ssh, name and value as ssh_config(5) writes them. `address` is the current one, and may be
    empty when the machine does not run; `host` is the name or address for ssh_config. `account` and `home` are
    Jupyter's on the machine.
    """

    user: str
    state: str
    address: str
    host: str
    pin_file: str
    options: tuple[tuple[str, str], ...]
    account: str
    home: str

    def ssh(self, *options: str) -> list[str]:
        """Return the ssh command up to the end of its options.

        `options` come after ours, and ssh takes the first value of an option.
        """
        return ["ssh", *(word for name, value in self.options for word in ("-o", f"{name}={value}")), *options]

    def require_connection(self) -> None:
        """Raise Refused unless the machine runs, has an address, and has a pinned key."""
        if self.state != "running":
            hint = _NOT_RUNNING.get(self.state, "does not run")
            raise Refused(f"{self.user} {hint.format(user=self.user)}")
        if not self.address:
            raise Refused(
                f"{self.user} has no public address: ansible-playbook -l {self.user} stack_start.yml looks why"
            )
        if not Path(self.pin_file).is_file():
            raise Refused(
                f"{self.user}: no pinned host key in {self.pin_file}; "
                f"ansible-playbook stack_create.yml -e user={self.user} pins it"
            )


def access(user: str, told: Mapping[str, object]) -> Access:
    """Return the access to the machine of `user` from the inventory's values.

    `told` has the values named in _EXPRESSIONS.

    Raises Refused for invalid values: tags and addresses come from outside.
    """
    values = {name: _line(user, name, told[name]) for name in _EXPRESSIONS}
    address, admin = values["address"], values["admin_user"]
    if not _ADMIN_USER.fullmatch(admin):
        raise Refused(f"{user}: its tag admin_user, {names.shown(admin)}, is no account's name: mend the tag")
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise Refused(f"{user}: {names.shown(address)} is no address") from None
    if values["ssh_config_host"] != address and not _DNS_NAME.fullmatch(values["ssh_config_host"]):
        raise Refused(f"{user}: {names.shown(values['ssh_config_host'])} is no host name: is zone right?")
    if '"' in values["pin_file"]:
        raise Refused(f"{user}: {names.shown(values['pin_file'])}: ssh cannot take a path with quotation marks")
    options = [*pinned_options(values["ssh_name"], values["pin_file"]).items()]
    if values["private_key_file"]:
        options.append(("IdentitiesOnly", "yes"))
    options += [*_OWN_OPTIONS, *_common_options(user, values["common_arguments"])]
    options += [("Port", values["port"]), ("User", admin)]
    if values["private_key_file"]:
        options.append(("IdentityFile", quoted(str(ROOT / Path(values["private_key_file"]).expanduser()))))
    return Access(
        user,
        values["state"],
        address,
        values["ssh_config_host"],
        values["pin_file"],
        tuple(options),
        values["account"],
        values["home"],
    )


def way_to(user: str) -> Access:
    """Return the access to a machine of `user` that is ready for connections.

    Raises Refused without such a machine.
    """
    found = access(user, told(user)[user])
    found.require_connection()
    return found


def quoted(path: str) -> str:
    """Return `path` quoted for ssh_config(5), with percent signs escaped."""
    try:
        return quoted_path(path)
    except ValueError as error:
        raise Refused(f"{names.shown(path)}: {error}") from None


def told(user: str | None) -> dict[str, dict[str, str]]:
    """Read the values of one user's machine, or of all machines, from the inventory.

    The result is by user. It is the inventory that commands use: of ansible.cfg, or of ANSIBLE_INVENTORY in a
    rehearsal. Raises Refused when it cannot be read or holds no such machine. The working directory stays as it was.
    """
    if user is not None:
        try:
            names.check_user_name(user)
        except names.InvalidName as error:
            raise Refused(str(error)) from None
    caller = os.open(".", os.O_RDONLY)
    try:
        os.chdir(ROOT)
        # Ansible, imported below, reads these once. It takes no ansible.cfg of a directory where everybody may write.
        os.environ["ANSIBLE_CONFIG"] = str(ROOT / "ansible.cfg")
        for name in ansible_playbook.FOLDERS:
            os.environ.pop(name, None)
        ansible_playbook.use_utf8(os.environ)
        return _told(user)
    finally:
        os.fchdir(caller)
        os.close(caller)


def _told(user: str | None) -> dict[str, dict[str, str]]:
    # The code follows Ansible's own guide to its Python API. The import is here because it takes half a second, which a
    # wrong name need not cost.
    from ansible import constants, context
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.module_utils.common.collections import ImmutableDict
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar, trust_as_template
    from ansible.vars.manager import VariableManager

    # The inventory plugin reads -l from the command line and reports unknown names.
    context.CLIARGS = ImmutableDict(subset=user, args=())
    expressions = {"zone": "zone", **_EXPRESSIONS}
    expression = "{{ {" + ", ".join(f"'{name}': {text}" for name, text in expressions.items()) + "} }}"
    found: dict[str, dict[str, str]] = {}
    try:
        # Ansible's own loader, which reads files of a collection, replaces Python's.
        for name in [name for name in sys.modules if name.partition(".")[0] == "ansible_collections"]:
            del sys.modules[name]
        init_plugin_loader()
        loader = DataLoader()
        loader.set_basedir(str(ROOT / constants.config.get_config_value("PLAYBOOK_DIR")))
        inventory = InventoryManager(loader=loader, sources=constants.DEFAULT_HOST_LIST)
        variables = VariableManager(loader=loader, inventory=inventory)
        users = inventory.groups["users"].get_hosts() if "users" in inventory.groups else []
        for host in users:
            if user in (None, host.name):
                templar = Templar(loader=loader, variables=variables.get_vars(host=host))
                values = templar.template(trust_as_template(expression))
                names.check_zone(values.pop("zone"))
                found[host.name] = {name: "".join(str(value)) for name, value in values.items()}
    except (AnsibleError, names.InvalidZone) as error:
        raise Refused(one_line(str(error))) from None
    if user is not None and user not in found:
        near = names.nearest(user, (host.name for host in users))
        raise Refused(f"no such machine: {user}{'; nearest: ' if near else ''}{', '.join(near)}")
    return found


def _common_options(user: str, text: str) -> list[tuple[str, str]]:
    """Return the settings in `text`, the value of ansible_ssh_common_args.

    It has the form -o Name=value, repeated.
    """
    options = shlex.split(text)
    pairs = [word.partition("=") for word in options[1::2]]
    if len(options) % 2 or set(options[::2]) - {"-o"} or not all(name.isalnum() and value for name, _, value in pairs):
        raise Refused(f"{user}: ansible_ssh_common_args may hold -o Name=value only: {names.shown(text, 400)}")
    return [(name, value) for name, _, value in pairs]


def _line(user: str, name: str, value: object) -> str:
    text = str(value)
    if not text.isprintable():
        raise Refused(f"{user}: {name} holds what cannot be printed, {names.shown(text)}: mend it")
    return text
