"""Test promise 20: every wait has a limit and names what it waited for.

The wait for keys that never show is in promise 13's test, which has such a machine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.hostile import broken
from tests.support.workshop import Workshop

USER = "ws-3"
LIMIT = 5
"""The limit of each wait here, in seconds."""
SECONDS = 200
"""The limit of the whole command, in seconds.

It allows for the wait's limit, the command's own work, and a busy computer.
"""


@pytest.fixture(scope="module", autouse=True)
def ready_again(workshop: Workshop) -> Iterator[None]:
    """Check after the tests that the machine works."""
    yield
    workshop.succeed(f"ansible-playbook -l {USER} fleet_check.yml -e check_wait=180")


def dumb_jupyter(workshop: Workshop) -> AbstractContextManager[None]:
    """Have Jupyter start and never answer."""
    folder = "/etc/systemd/system/jupyter.service.d"
    words = "[Service]\\nExecStartPre=\\nExecStart=\\nExecStart=/bin/sleep infinity\\n"
    again = "systemctl daemon-reload; systemctl restart jupyter"
    breaks = f"mkdir -p {folder}; printf '{words}' > {folder}/dumb.conf; {again}"
    return broken(workshop, USER, breaks, f"rm -r {folder}; {again}")


@contextmanager
def dumb_jupyter_and_a_new_phrase(workshop: Workshop) -> Iterator[None]:
    """Have Jupyter never answer while it is to get another pass phrase."""
    file = workshop.password_file(USER)
    before = file.read_text()
    file.write_text("another phrase than she had\n")
    try:
        with dumb_jupyter(workshop):
            yield
    finally:
        file.write_text(before)
        workshop.succeed(f"ansible-playbook -l {USER} set_password.yml")


@contextmanager
def held_packages(workshop: Workshop) -> Iterator[None]:
    """Have somebody else install packages without end."""
    hold = "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f,fcntl.LOCK_EX); time.sleep(900)"
    # A package is removed first: otherwise there would be nothing to install, and nothing to wait for.
    missing = "dpkg --remove --force-depends python-cgpm >/dev/null"
    begins = f'{missing}; systemd-run --quiet --unit=holder --collect python3 -c "{hold}"'
    try:
        with broken(workshop, USER, begins, "systemctl stop holder"):
            yield
    finally:
        workshop.succeed(f"ansible-playbook -l {USER} deb_upgrade.yml")


def endless_installer(workshop: Workshop) -> AbstractContextManager[None]:
    """Make the content's installer run without end."""
    script = "/home/jupyter/gen/install.sh"
    breaks = f"cp -p {script} /root/kept; printf '#!/bin/sh\\nsleep 900\\n' > {script}"
    return broken(workshop, USER, breaks, f"cp -p /root/kept {script}; rm /root/kept")


def silent_ssh(workshop: Workshop) -> AbstractContextManager[None]:
    """Make the machine hang: it accepts connections and sends nothing.

    Connections that are already open send nothing either.
    """
    # ssh itself would give up a new connection; for one that is kept, the command must notice the silence.
    workshop.succeed(f"ansible -m ansible.builtin.ping {USER}")
    signal = "systemctl kill --kill-whom=all --signal"
    return broken(workshop, USER, f"{signal}=STOP ssh", f"{signal}=CONT ssh")


# Each row has the cause of a wait, the command with the wait's limit, and the text by which the line must name the
# wait.
WAITS = {
    "Jupyter": (
        dumb_jupyter_and_a_new_phrase,
        f"-l {USER} set_password.yml -e jupyter_password_timeout={LIMIT}",
        "Jupyter",
    ),
    "restart": (dumb_jupyter, f"-l {USER} restart_jupyter.yml -e jupyter_password_timeout={LIMIT}", "Jupyter"),
    "packages": (held_packages, f"-l {USER} deb_upgrade.yml -e apt_probcomp_lock_timeout={LIMIT}", "lock"),
    "installer": (
        endless_installer,
        f"-l {USER} marco_install.yml -e force=yes -e marco_timeout={LIMIT}",
        "install.sh",
    ),
    "ssh": (silent_ssh, f"-l {USER} set_password.yml", "said nothing"),
    "logs": (silent_ssh, f"-l {USER} fetch_logs.yml", "ssh"),
}


@pytest.mark.parametrize("name", WAITS)
def test_it_ends_and_says_what_it_waited_for(workshop: Workshop, name: str) -> None:
    trouble, command, word = WAITS[name]
    with trouble(workshop):
        start = time.monotonic()
        result = workshop.play(command)
        lasted = time.monotonic() - start
    assert result.status != 0, result.text
    line = re.search(rf"^(FAILED|UNREACHABLE) {USER}: .*$", result.text, re.MULTILINE)
    assert line and word in line.group(), result.text
    assert lasted < SECONDS, f"{lasted:.0f} s"
