"""Promise 26: a machine that hangs, floods, lies or is full harms only itself.

The others are done in their time, the controller keeps its memory, and the machine is named. `make test` has each
fault once; every command under every fault is marked long, and prints a table.
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.bench.processes import MemoryPeak
from tests.support.hostile import raw_control_characters
from tests.support.machine_faults import FILL_AGAIN, FORGED, machine_fault
from tests.support.workshop import Result, Workshop

ANSWER = 40
"""Seconds that a task may take where a machine hangs.

Otherwise the play's own limits hold, which are minutes.
"""
OWN_SECONDS = 150
"""Seconds for the command's own work on a busy computer."""
MOST_MEMORY = 400 << 20
FAULTS = ("hang", "flood", "claim", "lie", "full")
HOSTILE = "ws-3"


@dataclass(frozen=True)
class Command:
    """A command, how to make work for it on a machine, and the proof of the work."""

    arguments: str
    undo: str = "true"
    proof: str = "true"
    unharmed: tuple[str, ...] = ()
    """Faults that do not keep the command from its work on the machine itself."""
    is_believed: bool = False
    """Whether a whole answer is believed, since nothing is seen from here."""
    seconds: float = ANSWER
    answer: int = ANSWER


_CONTENT = "/home/jupyter/notebook/welcome.ipynb"
_HASH = "/home/jupyter/.jupyter/jupyter_server_config.json"
_MARCO = "/var/lib/probcomp/content_install.json"
_INSTALLING = 120
"""Seconds of a task that installs, or starts Jupyter."""
_CHECK = 120
"""Seconds of the login check.

They are for the connection, the kernel, and the wait for a machine that may come up.
"""
COMMANDS = {
    "fleet_check": Command("-l {who} fleet_check.yml", seconds=_CHECK),
    "fleet_create": Command(
        "fleet_create.yml -e users={who} -e check_wait=5",
        f"rm -f {_CONTENT}",
        f"test -f {_CONTENT}",
        seconds=_CHECK + _INSTALLING,
        answer=_INSTALLING,
    ),
    "stack_update": Command("-l {who} stack_update.yml -e note={fault} -e check_wait=5", seconds=_CHECK),
    "deb_upgrade": Command(
        "-l {who} deb_upgrade.yml",
        "dpkg --remove --force-depends python-cgpm",
        "dpkg-query -W -f '${db:Status-Status}' python-cgpm | grep -x installed",
        is_believed=True,
        seconds=_INSTALLING,
        answer=_INSTALLING,
    ),
    "fetch_logs": Command(
        "-l {who} fetch_logs.yml -e logs_timeout=60",
        "runuser -u jupyter -- sh -c 'mkdir -p ~/.iventure_logs; echo x >~/.iventure_logs/kept.json'",
        seconds=60,
    ),
    "set_password": Command(
        "-l {who} set_password.yml -e check_wait=20",
        f"rm -f {_HASH}; systemctl stop jupyter",
        f"test -f {_HASH}",
        seconds=_INSTALLING,
        answer=_INSTALLING,
    ),
    "restart_jupyter": Command(
        "-l {who} restart_jupyter.yml -e check_wait=20",
        "systemctl stop jupyter",
        "systemctl is-active jupyter",
        seconds=_INSTALLING,
        answer=_INSTALLING,
    ),
    "grab_content": Command("-l {who} grab_content.yml", f"rm -f {_CONTENT}", f"test -f {_CONTENT}", is_believed=True),
    "marco_install": Command("-l {who} marco_install.yml", f"rm -f {_MARCO}", f"test -f {_MARCO}", is_believed=True),
    "stack_stop": Command("-l {who} stack_stop.yml", unharmed=FAULTS),
    "stack_start": Command("-l {who} stack_start.yml -e check_wait=60", unharmed=("full",), seconds=_CHECK + 60),
    "stack_delete": Command("fleet_delete.yml -e users=ws-3,ws-4 -e confirm=yes", unharmed=("full",), seconds=180 + 60),
}
"""Commands of the menu that talk to machines, apart from ami_bake, by name.

Those that talk to none are create_passwords, fleet_plan, url_cards, stack_list, burn_rate, publish_content, share_logs
and network_delete. stack_create and stack_delete are the same playbooks as fleet_create and fleet_delete, for one
machine.
"""
ROWS = (*((name,) for name in COMMANDS if name not in ("stack_stop", "stack_start")), ("stack_stop", "stack_start"))
"""Commands that are run one after the other within one fault."""
# In `make test` each fault meets a command of another kind.
SLICE = {"hang": "grab_content", "flood": "fetch_logs", "lie": "set_password", "full": "fleet_create"}


@dataclass
class Row:
    """A run of one command with one hostile machine."""

    fault: str
    command: str
    seconds: float
    limit: float
    memory: int
    result: Result
    others: str
    named: str

    def __str__(self) -> str:
        return (
            f"{self.fault:6} {self.command:16} {self.seconds:6.1f} of {self.limit:3.0f} s {self.memory >> 20:4d} MB"
            f"  others: {self.others:8} {self.named}"
        )


def measured(workshop: Workshop, command: str, limit: float) -> tuple[Result, float, int]:
    """Run `command`; return its result, its seconds, and its highest memory in bytes."""
    start = time.monotonic()
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=workshop.root, env=workshop.environment, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        peak = MemoryPeak(process.pid)
        # Beyond the limit it is ended as by Ctrl-C, so that it says where it was.
        late = threading.Timer(limit, process.send_signal, [signal.SIGINT])
        late.start()
        try:
            text, _ = process.communicate(timeout=limit + 60)
        finally:
            late.cancel()
            process.kill()
            peak.stop()
    seconds = time.monotonic() - start
    with workshop.transcript("harms-only-itself").open("a") as file:
        file.write(f"\n$ {command}\n{text}[exit status {process.returncode} after {seconds:.1f} s]\n")
    return Result(process.returncode, text), seconds, peak.bytes


def run(workshop: Workshop, users: list[str], fault: str, name: str) -> Row:
    """Run a command with one hostile machine, after making work for it.

    Fail unless the others' work was done.
    """
    command = COMMANDS[name]
    others = [user for user in users if user != HOSTILE]
    # What is to be started has no container to go into; a full machine may not let its own work be undone.
    if name != "stack_start":
        for user in users:
            workshop.on_machine(user, f"{command.undo} {'|| true' if user == HOSTILE else ''}")
        workshop.on_machine(HOSTILE, f"exec 2>/dev/null; {FILL_AGAIN}")
    arguments = command.arguments.format(who=",".join(users), fault=fault)
    setting = f"-e probcomp_answer_timeout={command.answer}" if fault == "hang" else ""
    limit = max(command.seconds, command.answer) + OWN_SECONDS
    result, seconds, memory = measured(workshop, f"ansible-playbook {arguments} {setting}", limit)
    failed = set(re.findall(r"^(?:FAILED|UNREACHABLE) ([\w-]+)", result.text, re.MULTILINE))
    state = "stopped" if name == "stack_stop" else "running"
    machines = workshop.machines()
    assert HOSTILE in machines or result.status == 0, result.text
    # A full machine that is not named must have done its work, too.
    for user in users if fault == "full" and result.status == 0 else others:
        if name == "stack_delete" and user in ("ws-3", "ws-4"):
            assert user not in machines, result.text
            continue
        assert machines[user]["State"]["Name"] == state, f"{user}\n{result.text}"
        if state == "running":
            workshop.on_machine(user, command.proof)
    others_result = "done" if not failed - {HOSTILE} else "FAILED"
    return Row(fault, name, seconds, limit, memory, result, others_result, named(result, HOSTILE))


def named(result: Result, user: str) -> str:
    """Return the line that names the machine of `user`."""
    line = re.search(rf"^(?:FAILED|UNREACHABLE) {user}:? .*$", result.text, re.MULTILINE)
    return line.group() if line else "not named" if result.status else "done"


def judge(row: Row) -> None:
    """Fail unless the machine of this run harmed only itself."""
    text = f"{row}\n{row.result.text[-6000:]}"
    assert row.seconds < row.limit and row.others == "done", text
    assert row.memory < MOST_MEMORY, text
    command = COMMANDS.get(row.command)
    may_be_done = row.fault == "full" or (
        command and (row.fault in command.unharmed or (row.fault == "lie" and command.is_believed))
    )
    assert row.named != "not named" and (row.named != "done" or may_be_done), text
    assert FORGED not in row.result.text.splitlines() and raw_control_characters(row.result) == set(), text
    forged = [line.partition(FORGED)[0] for line in row.result.text.splitlines() if FORGED in line]
    assert all(re.search(r"\bws-\d|\bami-bake\b", before) for before in forged), (
        f"a forged line does not name its machine: {text}"
    )
    assert "Traceback" not in row.result.text, text


def make_all(workshop: Workshop, users: list[str]) -> None:
    """Make the machines that are missing, and what is missing on the others."""
    workshop.succeed(f"ansible-playbook fleet_create.yml -e users={','.join(users)}", timeout=2400)


@pytest.fixture(scope="module")
def four(workshop: Workshop) -> Iterator[list[str]]:
    """Make a fourth machine; delete it afterwards."""
    workshop.succeed("ansible-playbook create_passwords.yml -e user=ws-4")
    users = ["ws-1", "ws-2", "ws-3", "ws-4"]
    make_all(workshop, users)
    yield users
    make_all(workshop, users)
    workshop.succeed("ansible-playbook stack_delete.yml -e user=ws-4 -e backup=false -e confirm=yes")
    workshop.password_file("ws-4").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def three(workshop: Workshop) -> Iterator[list[str]]:
    """Make what a hostile machine refused, afterwards."""
    users = ["ws-1", "ws-2", "ws-3"]
    yield users
    make_all(workshop, users)


@pytest.mark.parametrize("fault", SLICE)
def test_a_machine_harms_only_itself(workshop: Workshop, three: list[str], fault: str) -> None:
    with machine_fault(workshop, HOSTILE, fault):
        row = run(workshop, three, fault, SLICE[fault])
    print(row)
    judge(row)


@pytest.mark.long
@pytest.mark.parametrize("names", ROWS, ids="+".join)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_command(workshop: Workshop, four: list[str], fault: str, names: tuple[str, ...]) -> None:
    rows = []
    with machine_fault(workshop, HOSTILE, fault):
        for name in names:
            rows.append(run(workshop, four, fault, name))
            print(f"\n{rows[-1]}", flush=True)
    if "stack_delete" in names:
        make_all(workshop, four)
    for row in rows:
        judge(row)


@pytest.fixture(scope="module")
def half_baked(workshop: Workshop) -> Iterator[str]:
    """Provide the machine of a failed bake, and remove it afterwards.

    The bake failed after packages and Jupyter were installed.
    """
    half = workshop.play(f"ami_bake.yml -e content_checksum=sha256:{'0' * 64}")
    assert half.status and "FAILED ami-bake: content: " in half.text, half.text
    yield "ami-bake"
    workshop.succeed("ansible-playbook ami_bake.yml -e cancel=yes")


@pytest.mark.long
# The lying machine says that it is clean, so a later bake takes another one.
@pytest.mark.parametrize("fault", ("hang", "flood", "claim", "full", "lie"))
def test_a_bake_of_a_hostile_machine(workshop: Workshop, half_baked: str, fault: str) -> None:
    before = {user: machine["InstanceId"] for user, machine in workshop.machines().items()}
    setting = f"-e probcomp_answer_timeout={ANSWER}" if fault == "hang" else ""
    limit = ANSWER + OWN_SECONDS
    with machine_fault(workshop, half_baked, fault):
        result, seconds, memory = measured(workshop, f"ansible-playbook ami_bake.yml {setting}", limit)
    assert {user: machine["InstanceId"] for user, machine in workshop.machines().items()} == before
    for user in before.keys() - {half_baked}:
        workshop.on_machine(user, "systemctl is-active jupyter")
    row = Row(fault, "ami_bake", seconds, limit, memory, result, "done", named(result, half_baked))
    print(f"\n{row}", flush=True)
    assert result.status, f"{row}\n{result.text}"
    judge(row)
