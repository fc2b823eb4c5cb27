"""Connect to a user's machine with core's ssh and this repository's settings.

The settings are address, host key and account. group_vars/users.yml selects the plugin. Core's plugin starts only ssh.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: probcomp_ssh
short_description: Connect by ssh to a user's machine, with its pinned host key
description:
  - Core's C(ssh) connection, all of whose options it has. Where to connect, as whom, and which host key to accept
    follow from few variables, when a task needs them. Core evaluates templates in connection variables twice for each
    task and machine, also where the task connects to nothing.
  - Only the host key in C(<state_dir>/known_hosts/<user>) is accepted, whatever C(ANSIBLE_HOST_KEY_CHECKING),
    C(ssh_args) or C(ansible_ssh_common_args) say. ssh takes the first value of an option, and these come first.
  - A machine that does not answer a task within O(answer_timeout), or sends too much, is unreachable for that command,
    and the others go on. What the task runs on the machine is ended there, too.
  - So is one that says that a module is done without repeating the arguments, as each module of Ansible does when asked
    to. Modules in other languages than Python, and those that are not sent over a pipe, are not asked.
  - A kept connection is used only for the same address, port, account, key file and pinned key.
extends_documentation_fragment:
  - probcomp_core_ssh
  - connection_pipelining
options:
  machine_user:
    description: The user whose machine it is.
    type: str
    default: ""
    vars:
      - name: inventory_hostname
      - name: probcomp_user
  zone:
    description: The hosted zone below which machines have their names.
    type: str
    default: ""
    vars:
      - name: zone
  state_dir:
    description: The folder with C(known_hosts).
    type: str
    default: ""
    vars:
      - name: state_dir
  admin_user:
    description: Account to log in with, unless the machine's tag or C(ansible_user) names another.
    type: str
    default: ""
    vars:
      - name: admin_user
  tagged_admin_user:
    description: Account that the machine's tag C(admin_user) names; empty for none.
    type: str
    default: ""
    vars:
      - name: probcomp_admin_user
  host:
    description: Address of the machine; empty when it has none, which fails when a task connects.
    type: str
    default: ""
    vars:
      - name: probcomp_address
      - name: ansible_host
      - name: ansible_ssh_host
  host_key_checking:
    description: Always on; nothing sets it.
    type: bool
    default: true
    env: []
    ini: []
    vars: []
  answer_timeout:
    description:
      - Seconds that a task may take on the machine. A play or task that may take longer sets the variable.
    type: int
    default: 180
    vars:
      - name: probcomp_answer_timeout
  port:
    description: Port of the ssh server.
    type: int
    default: 22
    vars:
      - name: ssh_port
      - name: ansible_port
      - name: ansible_ssh_port
  account:
    description: Account to log in with, before all others.
    type: str
    default: ""
    vars:
      - name: ansible_user
      - name: ansible_ssh_user
  remote_user:
    description: Derived from O(account), O(tagged_admin_user), O(admin_user); as variables do, they beat C(-u).
    type: str
  private_key_file:
    description: File with the private key; empty when the ssh agent has it.
    type: str
    vars:
      - name: private_key_file
      - name: ansible_private_key_file
      - name: ansible_ssh_private_key_file
  control_path:
    description: Derived; nothing sets it, but C(ControlPath) in C(ssh_args) is obeyed.
    type: str
    env: []
    ini: []
    vars: []
"""

import hashlib
import pathlib
import shlex
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.ssh import Connection as SSHConnection
from ansible_collections.probcomp.stack.plugins.module_utils.common import names
from ansible_collections.probcomp.stack.plugins.module_utils.ssh import pinned_options
from ansible_collections.probcomp.stack.plugins.plugin_utils import bounded_ssh, module_echo

# The path of a socket may have 104 characters.
_DIGEST_LENGTH = 24


class Connection(SSHConnection):
    """Connection of core's ssh with the machine's address and pinned host key."""

    # Core recognises a lost connection, and not a failed command, by this name.
    transport = "ssh"

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Set core's options from the current variables of the task."""
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        user, host = self.get_option("machine_user"), self.get_option("host")
        if host == user:
            # A task delegated to a host without an address gets the host's name instead.
            host = ""
        accounts = (self.get_option(name) for name in ("account", "tagged_admin_user", "admin_user"))
        account = next(filter(None, accounts), "")
        key_file = self.get_option("private_key_file") or ""
        pin_file = pathlib.Path(self.get_option("state_dir"), "known_hosts", user)
        options = pinned_options.pinned_options(names.ssh_name(user, self.get_option("zone")), str(pin_file))
        if key_file:
            options["IdentitiesOnly"] = "yes"
            # Core quotes the path for ssh, which takes a percent sign for the begin of a token.
            self.set_option("private_key_file", key_file.replace("%", "%%"))
        arguments = shlex.join(pinned_options.option_arguments(options))
        kept = "\0".join([host, str(self.get_option("port")), account, key_file, _content(pin_file)])
        digest = hashlib.sha256(kept.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGEST_LENGTH]
        self.set_option("host", host)
        self.set_option("remote_user", account)
        self.set_option("ssh_args", f"{arguments} {self.get_option('ssh_args') or ''}")
        self.set_option("control_path", f"%(directory)s/{digest}")

    def _connect(self) -> Connection:
        if not self.get_option("host"):
            user = self.get_option("machine_user")
            raise AnsibleConnectionFailure(
                f"{user} has no public address: ansible-playbook -l {user} stack_start.yml starts it or looks why"
            )
        super()._connect()
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run `cmd` on the machine, within its time."""
        limits = self._limits()
        # A command without data on stdin may have a terminal, which ends it when the connection closes.
        limited = bounded_ssh.with_limit(cmd, limits.seconds) if in_data else cmd
        status, stdout, stderr = super().exec_command(limited, in_data=in_data, sudoable=sudoable)
        if limited != cmd and status in bounded_ssh.TIMED_OUT and not stdout:
            raise limits.no_answer()
        return status, stdout, stderr

    def _bare_run(
        self, cmd: list[bytes], in_data: bytes | None, sudoable: bool = True, checkrc: bool = True
    ) -> tuple[int, bytes, bytes]:
        # Core never asks for sudo where it pipes a file there, which has to arrive as it is.
        sent = module_echo.asking(in_data) if in_data and sudoable else in_data
        with bounded_ssh.bounded(self._limits()):
            status, stdout, stderr = super()._bare_run(cmd, sent, sudoable=sudoable, checkrc=checkrc)
        if sudoable and module_echo.is_asked(sent) and module_echo.is_claim(stdout):
            raise AnsibleConnectionFailure(
                "its python3 answered, but not as a module of Ansible: what was done there is not known; "
                "look at /usr/bin/python3 there, by scripts/login"
            )
        return status, stdout if sent == in_data else module_echo.without_arguments(stdout), stderr

    def _limits(self) -> bounded_ssh.Limits:
        return bounded_ssh.Limits(self.get_option("answer_timeout"))


def _content(pin_file: pathlib.Path) -> str:
    try:
        return pin_file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
