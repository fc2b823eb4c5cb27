"""Test promise 6: secrets show nowhere but on cards.

They do not show at -vvvvv, in --diff, in process lists, journals, files or git. The canary is a new pass phrase of
ws-1, which every command that reads pass phrases then handles. The address of the content, which each command signs
anew, shows by its signature.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.workshop import Workshop

USER = "ws-1"
COMMANDS = [
    f"create_passwords.yml -e user={USER}",
    f"-l {USER} set_password.yml",
    f"-l {USER} grab_content.yml",
    f"fleet_create.yml -e user={USER}",
    f"-l {USER} fleet_check.yml",
    f"url_cards.yml -e user={USER}",
    f"-l {USER} fetch_logs.yml",
    f"stack_delete.yml -e user={USER}",
]
SIGNATURE = "X-Amz-Signature"
# These folders hold a user's own files and the system's; the test looks at the machine's /proc from here.
ON_MACHINE = "etc home opt/jupyter/etc opt/jupyter/share/jupyter root run tmp var"


class ProcessList:
    """A thread that reads all processes' arguments and records those with a secret.

    It reads them over and over, those of the machines too.
    """

    def __init__(self, *secrets: str) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self.seen: set[bytes] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> ProcessList:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.02):
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    with contextlib.suppress(OSError):
                        words = (entry / "cmdline").read_bytes()
                        if any(secret in words for secret in self._secrets):
                            self.seen.add(words)
            self.looks += 1


@pytest.fixture(scope="module")
def canary(workshop: Workshop) -> Iterator[str]:
    """Set a new pass phrase in the file of ws-1, and the old one afterwards."""
    file = workshop.password_file(USER)
    before = file.read_text()
    phrase = f"canary {secrets.token_hex(8)} sings"
    file.write_text(f"{phrase}\n")
    yield phrase
    file.write_text(before)
    workshop.succeed(f"ansible-playbook -l {USER} set_password.yml")


def shapes(secret: str) -> list[str]:
    """Return the secret in plain and in encoded forms."""
    return [secret, secret.replace(" ", "%20"), base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_output_and_no_process_shows_it(workshop: Workshop, canary: str, command: str) -> None:
    with ProcessList(canary, SIGNATURE) as processes:
        text = workshop.succeed(f"ansible-playbook -vvvvv --diff {command}")
    assert len(text) > 3000, "it said much"
    assert not [shape for shape in (*shapes(canary), SIGNATURE) if shape in text]
    assert processes.looks > 20 and not processes.seen


def test_the_test_would_see_it(canary: str) -> None:
    with ProcessList(canary) as processes:
        subprocess.run(["sh", "-c", "sleep 1", canary], check=True)
    assert processes.seen


def test_the_machine_keeps_a_hash_alone(workshop: Workshop, canary: str) -> None:
    # The search reads the pattern from standard input, or it would find its own arguments.
    found = workshop.shell(
        f"docker exec -i {workshop.container(USER)} sh -c "
        f"'cat > /dev/shm/words; cd /; grep -rlFf /dev/shm/words {ON_MACHINE} 2>/dev/null;"
        f" journalctl --no-pager | grep -cFf /dev/shm/words; rm /dev/shm/words' < {workshop.password_file(USER)}",
        rehearsed=False,
    )
    assert found.text.split() == ["0"], found.text


def test_the_machine_read_a_signed_address_and_keeps_none(workshop: Workshop) -> None:
    before = workshop.control("counts")["read"].get("s3:GetObject", 0)
    workshop.on_machine(USER, "rm /home/jupyter/gen/version")
    workshop.succeed(f"ansible-playbook -l {USER} grab_content.yml")
    assert workshop.control("counts")["read"]["s3:GetObject"] > before
    # The pattern is not in the arguments of a process that the journal could name.
    pattern = "X-Amz-Sig[n]ature"
    files = f"cd /; grep -rl '{pattern}' {ON_MACHINE} 2>/dev/null || true"
    found = workshop.on_machine(USER, f"{files}; journalctl --no-pager | grep -c '{pattern}' || true")
    assert found.split() == ["0"], found
    assert "s3://" in workshop.on_machine(USER, "grep -rh s3:// /var/lib/probcomp*")


def test_here_it_is_in_its_file_and_on_its_card(workshop: Workshop, canary: str) -> None:
    holders = set()
    for path in workshop.home.rglob("*"):
        if path.is_file() and canary.encode() in path.read_bytes():
            holders.add(str(path.relative_to(workshop.state)))
            assert path.stat().st_mode & 0o077 == 0, path
        assert not path.is_file() or SIGNATURE.encode() not in path.read_bytes(), path
    assert holders == {f"jupyter-passwords/{USER}.passwd", f"cards/{USER}.csv"}, holders


def test_git_would_not_take_it(workshop: Workshop) -> None:
    assert workshop.git_status() == workshop.git_before
    for name in ("jupyter-passwords/alice.passwd", "cards/alice.pdf", "cards/alice.csv", "logs/alice/x", "backups/a/x"):
        workshop.succeed(f"git check-ignore --quiet {name}")
