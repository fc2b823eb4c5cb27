"""Logs on their way from machines to administrator and lab host.

The lab's host is reached over real ssh.
"""

from __future__ import annotations

import re
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from rehearsal.machines.images import ensure
from tests.support import manual
from tests.support.workshop import Workshop

SESSIONS = "/home/jupyter/.iventure_logs"
# The lab's host has an ssh server and an account that receives the logs.
LAB = """
mkdir -p /run/sshd && ssh-keygen -qA && useradd --create-home --shell /bin/bash lab
install -d -m 700 -o lab /home/lab/.ssh
printf '%s\\n' "$KEY" | install -m 600 -o lab /dev/stdin /home/lab/.ssh/authorized_keys
exec /usr/sbin/sshd -De
"""


def as_user(workshop: Workshop, user: str, script: str) -> None:
    """Run a shell's `script` on the machine of `user` as Jupyter's account."""
    workshop.on_machine(user, f"runuser -u jupyter -- sh -c '{script}'")


def row(text: str, user: str) -> str:
    """Return the summary's line about `user`."""
    found = re.search(rf"^{user} .*", text, re.MULTILINE)
    assert found, text
    return found.group()


def written(folder: Path) -> str:
    """Return the contents of the files in `folder`, sorted by name, which is a day."""
    return "".join(path.read_text() for path in sorted(folder.iterdir()))


@pytest.fixture(scope="module", autouse=True)
def sessions(workshop: Workshop) -> Iterator[None]:
    """Make session logs on ws-1 and remove them afterwards on both sides."""
    # Another test may have fetched before.
    workshop.shell(f"rm -rf {workshop.state}/logs", rehearsed=False)
    as_user(workshop, "ws-1", f'mkdir -p "{SESSIONS}/a session" && echo first > "{SESSIONS}/a session/log.json"')
    yield
    workshop.on_machine("ws-1", f"rm -rf {SESSIONS}")
    workshop.shell(f"rm -rf {workshop.state}/logs", rehearsed=False)


def test_session_logs_and_the_journal_come(workshop: Workshop) -> None:
    looked = workshop.succeed("ansible-playbook -l ws-1,ws-2 fetch_logs.yml --check")
    assert re.search(r" in \d files?$", row(looked, "ws-1")) and not (workshop.state / "logs").exists()
    text = workshop.succeed(manual.of_class("fetch_logs.yml"))
    logs = workshop.state / "logs"
    assert (logs / "ws-1/sessions/a session/log.json").read_text() == "first\n"
    for user in ("ws-1", "ws-2"):
        journal = written(logs / user / "jupyter")
        assert "Started jupyter.service" in journal and "JupyterLab" in journal
    assert re.search(r"^ws-1 +\d .* kB  20\d\d-\d\d-\d\d \d\d:\d\d  .* in \d files$", row(text, "ws-1"))
    for path in [logs, *logs.rglob("*")]:
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_only_what_is_new_comes_and_nothing_is_lost(workshop: Workshop) -> None:
    again = workshop.succeed("ansible-playbook -l ws-1,ws-2 fetch_logs.yml")
    assert "2 machines: 2 ok, 0 changed, 0 failed" in again
    assert row(again, "ws-1").endswith("nothing") and row(again, "ws-2").endswith("nothing")
    log = workshop.state / "logs/ws-1/sessions/a session/log.json"
    journal = workshop.state / "logs/ws-2/jupyter"
    before = written(journal)
    as_user(workshop, "ws-1", f'echo second >> "{SESSIONS}/a session/log.json"; echo x > {SESSIONS}/other')
    workshop.on_machine("ws-2", "systemctl restart jupyter")
    more = workshop.succeed("ansible-playbook -l ws-1,ws-2 fetch_logs.yml")
    assert row(more, "ws-1").endswith("9 B in 2 files")
    assert log.read_text() == "first\nsecond\n"
    now = written(journal)
    assert now.startswith(before) and "Stopped jupyter.service" in now.removeprefix(before)
    assert now.count("Started jupyter.service") == before.count("Started jupyter.service") + 1
    as_user(
        workshop, "ws-1", f'rm -r "{SESSIONS}/a session"; echo y > {SESSIONS}/other; touch -d tomorrow {SESSIONS}/other'
    )
    after = workshop.succeed("ansible-playbook -l ws-1,ws-2 fetch_logs.yml")
    assert log.read_text() == "first\nsecond\n" and "former kept aside: sessions/'other'" in after


def test_a_machine_with_another_key_is_named_and_the_others_go_on(workshop: Workshop) -> None:
    pin = workshop.state / "known_hosts/ws-2"
    true = pin.read_text()
    try:
        pin.write_text(re.sub(r"AAAA\S+", "AAAAC3NzaC1lZDI1NTE5AAAAIO3NNgD3R3QHjGbBqkWrwS9tUrCvdhzxYfdjcyHk2Jyb", true))
        result = workshop.play("-l ws-1,ws-2 fetch_logs.yml")
    finally:
        pin.write_text(true)
    assert result.status != 0
    assert re.search(r"^FAILED ws-2: .*(host key|known_hosts)", result.text, re.MULTILINE), result.text
    assert row(result.text, "ws-1").endswith("nothing") and row(result.text, "ws-2").endswith("FAILED")


@pytest.fixture
def lab(workshop: Workshop, tmp_path: Path) -> Iterator[str]:
    """Return ansible-playbook's arguments for a lab host with a pinned key.

    The key is pinned as an administrator would pin it.
    """
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    engine = docker.from_env(timeout=120)
    container = engine.containers.run(
        ensure("debian12", print),
        ["bash", "-c", LAB],
        environment={"KEY": (tmp_path / "key.pub").read_text().strip()},
        detach=True,
        init=True,
        labels={"probcomp-stack.tests": "lab"},
    )
    try:
        container.reload()
        address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
        deadline = time.monotonic() + 60
        while "listening" not in container.logs().decode():
            assert time.monotonic() < deadline, f"no ssh server after 60 s: {container.logs().decode()}"
            time.sleep(0.3)
        key = container.exec_run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).output.decode()
        (tmp_path / "known_hosts").write_text(f"{address} {key}")
        (tmp_path / "config").write_text(
            f"Host lab-host\n  HostName {address}\n  User lab\n  IdentityFile {tmp_path}/key\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {tmp_path}/known_hosts\n"
        )
        yield f"-e logs_share_destination=lab-host:/home/lab/logs -e logs_share_ssh_config={tmp_path}/config"
    finally:
        container.remove(force=True)
        engine.close()


def test_logs_are_shared_and_nothing_is_deleted_there(workshop: Workshop, lab: str, tmp_path: Path) -> None:
    def there(command: str) -> str:
        words = ["ssh", "-F", str(tmp_path / "config"), "-o", "BatchMode=yes", "lab-host", command]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    looked = workshop.succeed(f"ansible-playbook share_logs.yml {lab} --check")
    assert "would be copied" in looked and there("ls") == ""
    shared = workshop.succeed(f"ansible-playbook share_logs.yml {lab}")
    assert "copied to lab-host:/home/lab/logs" in shared
    here = {str(path.relative_to(workshop.state / "logs")) for path in (workshop.state / "logs").glob("ws-*/**/*")}
    arrived = there("cd logs && find . -mindepth 2 -printf '%P\\n'").splitlines()
    assert {path for path in arrived if path} == {f"{path}" for path in here}
    assert there("stat -c %a 'logs/ws-1/sessions/a session/log.json'").strip() == "644", "the umask there decides"
    assert "has all logs already" in workshop.succeed(f"ansible-playbook share_logs.yml {lab}")
    (workshop.state / "logs/ws-1/sessions/a session/log.json").unlink()
    with (workshop.state / "logs/ws-1/sessions/other").open("a") as log:
        log.write("more\n")
    assert "1 file (7 B) copied" in workshop.succeed(f"ansible-playbook share_logs.yml {lab}")
    assert there("cat 'logs/ws-1/sessions/a session/log.json' logs/ws-1/sessions/other") == "first\nsecond\ny\nmore\n"
    there("rm -rf logs; mkdir logs; chmod 500 logs")
    refused = workshop.play(f"share_logs.yml {lab}")
    assert refused.status != 0 and re.search(r"^FAILED: .*lab-host.*denied", refused.text, re.MULTILINE), refused.text
    (tmp_path / "known_hosts").write_text("")
    unknown = workshop.play(f"share_logs.yml {lab}")
    assert unknown.status != 0 and re.search(r"^FAILED: no ssh connection.*[Hh]ost key", unknown.text, re.MULTILINE)


def test_a_missing_destination_is_said_in_one_line(workshop: Workshop) -> None:
    result = workshop.play("share_logs.yml")
    assert result.status != 0
    (line,) = [line for line in result.text.splitlines() if line.startswith("FAILED")]
    assert "logs_share_destination" in line and "user@host:/path" in line and "Traceback" not in result.text


def test_a_machine_that_does_not_answer_does_not_hold_the_others(workshop: Workshop) -> None:
    workshop.on_machine("ws-2", "systemctl stop ssh")
    try:
        start = time.monotonic()
        result = workshop.play("-l ws-1,ws-2 fetch_logs.yml")
        assert time.monotonic() - start < 120
    finally:
        workshop.on_machine("ws-2", "systemctl start ssh")
    assert result.status != 0
    assert re.search(r"^FAILED ws-2: no ssh connection", result.text, re.MULTILINE), result.text
    assert not re.search(r"^FAILED ws-1", result.text, re.MULTILINE) and "Traceback" not in result.text
