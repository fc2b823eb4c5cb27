"""A create on a machine whose first boot is a real one.

Debian's own packages are in it: cloud-init, which fails at the locale and rewrites /etc/hosts at each boot; the timers
of apt, overdue, of which one keeps dpkg's lock for two minutes; needrestart, set to ask, with something to ask about.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator

import pytest

from tests.support.first_boot import REAL_CONSOLE, build_image, keys_form
from tests.support.workshop import OUTPUT, Workshop

pytestmark = [pytest.mark.docker, pytest.mark.long]
USER = "alice"
CREATE = f"ansible-playbook fleet_create.yml -e user={USER}"
NO_REPOSITORY = "-e apt_probcomp_repository_url="
ASKED = "Which services should be restarted?"
APT_LOCKS = {"/var/lib/apt/lists/lock": 60, "/var/cache/apt/archives/lock": 90}
"""Locks of apt and the seconds for which the test holds them."""
SETTINGS = "cat /etc/needrestart/needrestart.conf /etc/needrestart/conf.d/ask.conf /etc/apt/apt.conf.d/* | sha256sum"


@pytest.fixture(scope="module")
def first_boots() -> Iterator[Workshop]:
    """Provide a workshop whose machines have a real first boot.

    One user has a pass phrase there.
    """
    image = build_image()
    OUTPUT.mkdir(exist_ok=True)
    workshop = Workshop(OUTPUT / "first-boot")
    workshop.transcript("commands").unlink(missing_ok=True)
    workshop.clone()
    workshop.shell("scripts/rehearsal down", rehearsed=False)
    try:
        up = workshop.shell(f"scripts/rehearsal up --image {image}", timeout=1200, rehearsed=False)
        assert up.status == 0, up.text
        workshop.take_settings()
        workshop.succeed(f"ansible-playbook create_passwords.yml -e user={USER}")
        yield workshop
    finally:
        workshop.shell("scripts/rehearsal down", rehearsed=False)
        shutil.rmtree(workshop.root, ignore_errors=True)


@pytest.fixture(scope="module")
def created(first_boots: Workshop) -> str:
    """Return the output of a create whose machine upgrades itself for two minutes.

    No repository is set.
    """
    started = time.monotonic()
    text = first_boots.succeed(f"{CREATE} {NO_REPOSITORY}", timeout=2400)
    print(f"a create with dpkg's lock held for two minutes took {time.monotonic() - started:.0f} s")
    return text


def seconds(workshop: Workshop, command: str) -> float:
    """Return a machine's time in seconds since 1970.

    `command` prints it there in a form that date(1) takes.
    """
    return float(workshop.on_machine(USER, f'date -d "$({command})" +%s'))


def test_it_waits_for_what_held_the_lock(first_boots: Workshop, created: str) -> None:
    assert " 0 failed" in created
    begun = seconds(first_boots, "systemctl show --property=ExecMainStartTimestamp --value apt-daily")
    first = r"grep -B1 'install .*python3-venv' /var/log/apt/history.log | sed -n 's/^Start-Date: *//p' | head -n 1"
    assert seconds(first_boots, first) >= begun


def test_a_cloud_init_that_failed_is_named_in_a_line(created: str) -> None:
    (line,) = [line for line in created.splitlines() if "cloud-init failed" in line]
    assert line.startswith(f"{USER}: ") and "update-locale" in line


def test_needrestart_never_asks(first_boots: Workshop, created: str) -> None:
    """Install without a question from needrestart, which asks on a terminal.

    What was installed left its settings and the service alone.
    """
    on_terminal = 'TERM=dumb script -qec "timeout 60 needrestart" /dev/null </dev/null || true'
    assert ASKED in first_boots.on_machine(USER, on_terminal)
    assert ASKED not in created
    assert "'i'" in first_boots.on_machine(USER, "cat /etc/needrestart/conf.d/ask.conf")


def test_the_repositorys_packages_come_by_a_second_run(first_boots: Workshop, created: str) -> None:
    before = first_boots.on_machine(USER, SETTINGS)
    # Somebody else reads lists and fetches packages meanwhile; apt's own waiting leaves these two locks out.
    for number, (lock, lasting) in enumerate(APT_LOCKS.items()):
        hold = f"import fcntl, time; f = open('{lock}', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep({lasting})"
        first_boots.on_machine(USER, f'systemd-run --quiet --unit=other-{number} --collect python3 -c "{hold}"')
    first_boots.succeed(CREATE)
    first_boots.on_machine(USER, "python3 -c 'import cgpm'")
    assert before == first_boots.on_machine(USER, SETTINGS)
    first_boots.on_machine(USER, "systemctl is-active outdated.service")


def test_its_console_has_the_form_of_ours(first_boots: Workshop, created: str) -> None:
    instance = first_boots.machines()[USER]["InstanceId"]
    console = first_boots.ec2.get_console_output(InstanceId=instance, Latest=True)["Output"]
    assert keys_form(console) == keys_form(REAL_CONSOLE)


def test_a_later_boot_is_waited_for_and_keeps_the_name(first_boots: Workshop, created: str) -> None:
    first_boots.on_machine(USER, "touch /var/lib/slow-boot")
    boot = first_boots.boot_time(USER)
    first_boots.ec2.reboot_instances(InstanceIds=[first_boots.machines()[USER]["InstanceId"]])
    end = time.monotonic() + 120
    while first_boots.boot_time(USER) == boot and time.monotonic() < end:
        time.sleep(1)
    late = first_boots.shell(f"{CREATE} -e host_identity_cloud_init_timeout=5")
    assert late.status != 0
    assert re.search(rf"^FAILED {USER}: cloud-init is still at work after 5 s", late.text, re.MULTILINE), late.text
    # Later than the module's own wait, after which the controller asks again.
    first_boots.on_machine(USER, "systemd-run --quiet --on-active=70 rm /var/lib/slow-boot")
    assert " 0 changed, 0 failed" in first_boots.succeed(CREATE)
    assert f"127.0.1.1 {USER}\n" in first_boots.on_machine(USER, "cat /etc/hosts")
    assert first_boots.on_machine(USER, "sudo -n hostname 2>&1") == f"{USER}\n"
