"""A machine's identity: its own pinned key and its user's name.

No other machine answers for it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.scenario import STATE, Machine


def test_every_pinned_key_is_one_that_it_has(machine: Machine) -> None:
    pinned = {tuple(line.split()[1:3]) for line in machine.pin.read_text().splitlines()}
    keys = machine.root.check_output("cat /etc/ssh/ssh_host_*_key.pub").splitlines()
    own = {tuple(line.split()[:2]) for line in keys}
    assert pinned and pinned <= own


def test_it_bears_its_users_name(machine: Machine) -> None:
    assert machine.admin.check_output("hostname") == machine.user


def test_another_key_is_refused(machine: Machine, ssh_config: Path, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    other = " ".join((tmp_path / "key.pub").read_text().split()[:2])
    pin = tmp_path / "pin"
    pin.write_text(f"ssh.{machine.user}.stack.localhost {other}\n")
    config = tmp_path / "config"
    config.write_text(ssh_config.read_text().replace(str(STATE / "known_hosts" / machine.user), str(pin)))
    done = subprocess.run(["ssh", "-F", config, machine.user, "true"], capture_output=True, text=True, check=False)
    assert done.returncode == 255 and "Host key verification failed" in done.stderr
