"""Test promise 9: after any interruption, the same command again completes."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.interrupted import begun, end_workers, interrupt, kill_all, kill_alone, wait_while_it_runs
from tests.support.living import calls_since, mark
from tests.support.workshop import Workshop

USER = "cut"
CREATE = f"fleet_create.yml -e user={USER}"
# Each moment is the end of a line of the output, in the order of the output; the command is ended up to SECONDS later,
# in the given way.
MOMENTS = [
    ("Make the stacks that are missing", kill_alone),
    ("Pin the host keys that the consoles show", kill_all),
    ("Install JupyterLab and Notebook", kill_alone),
    ("Lay the content into the home", kill_all),
    ("Set the password and have Jupyter answer", kill_all),
    ("Log in and compute", interrupt),
]
SECONDS = 1.5
# The state of a machine is its packages, units that start at boot, settings, Python and content. It leaves out keys,
# names, times, and the rehearsal's own units, which name the instance.
STATE = r"""
dpkg-query -W
systemctl list-unit-files --state=enabled --no-legend
systemctl is-active jupyter
cd / && find etc/systemd/system etc/jupyter etc/needrestart etc/profile.d etc/apt usr/local etc/sudoers.d \
  -type f -not -name 'rehearsal-*' -printf '%p %m %u %g ' -exec sha256sum {} ';' 2>/dev/null | sort
find opt/jupyter -name '*.dist-info' -printf '%p %m %u %g\n' | sort
find home/jupyter -maxdepth 1 -printf '%p %m %u %g\n' | sort
find home/jupyter/gen home/jupyter/notebook -type f -not -path '*/.*' -printf '%p %m %u %g ' \
  -exec sha256sum {} ';' | sort
"""


@pytest.fixture
def nobodys_machine(workshop: Workshop) -> Iterator[None]:
    """Make a pass phrase for a user without a machine; delete the machine later."""
    workshop.succeed(f"ansible-playbook create_passwords.yml -e user={USER}")
    yield
    workshop.succeed(f"ansible-playbook stack_delete.yml -e user={USER} -e backup=false -e confirm=yes")
    workshop.password_file(USER).unlink(missing_ok=True)


def test_a_machine_whose_making_is_ended_again_and_again(
    workshop: Workshop, nobodys_machine: None, tmp_path: Path
) -> None:
    others = {user: machine for user, machine in workshop.machines().items() if user != USER}
    since = mark(workshop)
    chance = random.Random(9)
    left: list[int] = []
    try:
        for number, (moment, end) in enumerate(MOMENTS):
            output = tmp_path / f"{number}.txt"
            end_at(workshop, moment, end, chance.uniform(0, SECONDS), output, left)
        workshop.succeed(f"ansible-playbook {CREATE}")
    finally:
        end_workers(left)

    # A worker that outlived its command may send a second request, which is refused.
    made = [call["call"] for call in calls_since(workshop, since) if call["status"] == 200]
    assert made.count("cloudformation:CreateStack") == 1, made
    assert "cloudformation:DeleteStack" not in made, made
    pins = [(workshop.state / "known_hosts" / user).read_text().splitlines() for user in (USER, "ws-1")]
    assert len(pins[0]) == len(pins[1]), "keys were pinned twice"
    assert {user: machine for user, machine in workshop.machines().items() if user != USER} == others
    assert workshop.on_machine(USER, STATE) == workshop.on_machine("ws-1", STATE)
    since = mark(workshop)
    assert "1 ok, 0 changed, 0 failed" in workshop.succeed(f"ansible-playbook {CREATE}")
    assert calls_since(workshop, since) == []


def end_at(
    workshop: Workshop,
    moment: str,
    end: Callable[..., list[int] | None],
    seconds: float,
    output: Path,
    left: list[int],
) -> None:
    """Run the command and end it at a moment.

    `end` runs so many `seconds` after the line that ends with `moment`. Handles of processes that outlive the command
    are added to `left`.
    """
    line = re.compile(rf"^- .*{re.escape(moment)}$", re.MULTILINE)
    run = begun(workshop, CREATE, output)
    try:
        wait_while_it_runs(run, lambda: bool(line.search(output.read_text())), moment, 300)
        time.sleep(seconds)
        assert run.poll() is None, f"{moment}: it ended by itself"
        left += end(run) or []
        assert run.returncode != 0
    finally:
        if run.poll() is None:
            kill_all(run)
