"""Test promise 24: "ready" means that a kernel ran `1+1`.

The login is over HTTPS, with the password on the card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.hostile import broken
from tests.support.workshop import Workshop

USER = "ws-3"
KERNEL = "/opt/jupyter/share/jupyter/kernels/python3/kernel.json"
STARTUP = "/home/jupyter/.ipython/profile_default/startup"
NONSENSE = r"get_ipython().input_transformers_cleanup.append(lambda lines: ['3'])"
# Each row breaks a machine that runs and whose Jupyter answers, so that nobody can work on it, and then repairs it.
HALF = {
    "a kernel that ends": (
        f"cp {KERNEL} /root/k; sed -i 's/ipykernel_launcher/nothing/' {KERNEL}",
        f"mv /root/k {KERNEL}",
    ),
    "a kernel that computes nonsense": (
        f'install -d -o jupyter -g jupyter {STARTUP}; echo "{NONSENSE}" > {STARTUP}/nonsense.py',
        f"rm {STARTUP}/nonsense.py",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def as_it_was(workshop: Workshop) -> Iterator[None]:
    """Check after the tests that the repaired machine is ready again."""
    yield
    workshop.succeed(f"ansible-playbook -l {USER} fleet_check.yml")


@pytest.mark.parametrize("name", HALF)
def test_half_a_machine_is_not_ready(workshop: Workshop, name: str) -> None:
    with broken(workshop, USER, *HALF[name]):
        red = workshop.play("-l ws-2,ws-3 fleet_check.yml")
    assert red.status != 0, red.text
    assert re.search(rf"^FAILED {USER}: .*(kernel|1\+1)", red.text, re.MULTILINE), red.text
    assert not re.search(r"^FAILED (?!ws-3)", red.text, re.MULTILINE), red.text
    report = json.loads((workshop.state / "reports/check.json").read_text())
    assert report["ws-2"]["ok"] and not report[USER]["ok"]


def test_create_does_not_call_it_ready_either(workshop: Workshop) -> None:
    with broken(workshop, USER, *HALF["a kernel that ends"]):
        red = workshop.play(f"fleet_create.yml -e user={USER} -e check_wait=5")
    assert red.status != 0 and re.search(rf"^FAILED {USER}: .*(kernel|1\+1)", red.text, re.MULTILINE), red.text


def test_the_password_on_the_card_is_the_one_that_is_tried(workshop: Workshop) -> None:
    file = workshop.password_file(USER)
    right = file.read_text()
    file.write_text("another phrase than the machine has\n")
    try:
        red = workshop.play(f"-l {USER} fleet_check.yml")
        assert red.status != 0 and re.search(rf"^FAILED {USER}: .*password", red.text, re.MULTILINE), red.text
    finally:
        file.write_text(right)
