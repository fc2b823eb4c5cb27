"""login, put, get, ssh_config and the old verbs on real machines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.workshop import Workshop

ODD = ["a b.ipynb", "-dash", "st*r[1]", "it's $(touch PWNED)", "host:x"]
HOSTILE = "ubuntu -oProxyCommand=touch${IFS}PWNED {{ lookup('pipe', 'touch PWNED') }}"


@contextmanager
def anothers_key(workshop: Workshop, user: str, other: str) -> Iterator[None]:
    """Pin the key of the machine of `other` for `user` within the block."""
    pin = workshop.state / "known_hosts" / user
    right = pin.read_text()
    pin.write_text((workshop.state / "known_hosts" / other).read_text().replace(f"ssh.{other}.", f"ssh.{user}."))
    try:
        yield
    finally:
        pin.write_text(right)


def test_login_is_ssh_to_the_machine(workshop: Workshop) -> None:
    done = workshop.shell("""echo typed | scripts/login ws-1 'cat; cat /etc/hostname; echo "$HOME"; exit 3'""")
    assert (done.status, done.text.split()) == (3, ["typed", "ws-1", "/home/ubuntu"])
    assert workshop.succeed("scripts/login ws-2 sudo -u jupyter whoami").strip() == "jupyter"
    # The login hands on a terminal: script gives the command one, and ssh asks for one there.
    said = workshop.succeed("script -qec 'scripts/login -t ws-1 tty' /dev/null")
    assert "/dev/pts/" in said, said
    unknown = workshop.shell("scripts/login ws-33 true")
    assert unknown.status == 1 and "no such machine: ws-33; nearest: ws-3" in unknown.text
    assert len(unknown.text.splitlines()) == 1, unknown.text


def test_a_folder_goes_there_and_comes_back(workshop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "my course/week 1"
    folder.mkdir(parents=True)
    for name in ODD:
        (folder / name).write_text(f"{name}\n")
    scripts = shlex.quote(str(workshop.root / "scripts"))
    here = f"cd {shlex.quote(str(tmp_path))}"
    try:
        workshop.succeed(f"{here} && {scripts}/put ws-1 'my course'")
        owners = workshop.succeed('scripts/login ws-1 \'sudo find "/home/jupyter/my course" -printf "%u %g\\n"\'')
        assert set(owners.splitlines()) == {"jupyter jupyter"}
        workshop.succeed("scripts/login ws-1 'sudo ln -s /etc/shadow \"/home/jupyter/my course/link\"'")
        workshop.succeed(f"{here} && {scripts}/get ws-1 'my course' back/")
        back = tmp_path / "back/my course/week 1"
        assert {path.name: path.read_text() for path in back.iterdir()} == {name: f"{name}\n" for name in ODD}
        assert [path.name for path in (tmp_path / "back/my course").iterdir()] == ["week 1"], "a link came along"
        closed = workshop.shell(f"{here} && {scripts}/get ws-1 /etc/shadow")
        assert closed.status == 23 and "Permission denied" in closed.text, "only what Jupyter's account may read"
        again = workshop.succeed(f"{here} && {scripts}/put ws-1 'my course' -- --itemize-changes")
        assert "<f" not in again, "files that are there already went again"
    finally:
        workshop.succeed("scripts/login ws-1 'sudo rm -rf \"/home/jupyter/my course\"'")


def test_plain_ssh_uses_the_written_configuration(workshop: Workshop) -> None:
    named = workshop.succeed('ssh -F "$(scripts/ssh_config 2>/dev/null)" ws-2 cat /etc/hostname')
    assert named.strip() == "ws-2"
    config = shlex.quote(str(workshop.state / "ssh_config"))
    assert "as before" in workshop.succeed("scripts/ssh_config")
    with anothers_key(workshop, "ws-2", "ws-1"):
        refused = workshop.shell(f"ssh -F {config} ws-2 cat /etc/hostname")
        assert refused.status == 255 and "Host key verification failed" in refused.text


def test_another_machines_key_is_refused(workshop: Workshop) -> None:
    with anothers_key(workshop, "ws-1", "ws-2"):
        login = workshop.shell("scripts/login ws-1 touch PWNED")
        assert (login.status, login.text.splitlines()[-1]) == (255, "Host key verification failed.")
        for command in ("put ws-1 README.md", "get ws-1 .bashrc .cache/"):
            refused = workshop.shell(f"scripts/{command}")
            # The status is rsync's for a lost connection, or ssh's, whichever learns of it first.
            assert refused.status in (12, 255), refused.text
            assert refused.text.startswith("ws-1: another host key than the one in ")
            assert len(refused.text.splitlines()) == 1, refused.text
    assert not (workshop.root / ".cache/.bashrc").exists()
    there = workshop.succeed("scripts/login ws-1 'ls -A . && sudo ls -A /home/jupyter'")
    assert "PWNED" not in there and "README.md" not in there


def test_a_hostile_tag_runs_nothing(workshop: Workshop) -> None:
    instance = workshop.machines()["ws-2"]["InstanceId"]
    before = {tag["Key"]: tag["Value"] for tag in workshop.machines()["ws-2"]["Tags"]}["admin_user"]

    def tag(value: str) -> None:
        tags = shlex.quote(json.dumps([{"Key": "admin_user", "Value": value}]))
        workshop.succeed(f"aws ec2 create-tags --resources {instance} --tags {tags}")

    tag(HOSTILE)
    try:
        for command in ("login ws-2 true", "put ws-2 README.md", "get ws-2 notebook"):
            refused = workshop.shell(f"scripts/{command}")
            assert refused.status == 1, refused.text
            assert "ws-2: its tag admin_user" in refused.text and len(refused.text.splitlines()) == 1
        partly = workshop.shell("scripts/ssh_config")
        assert partly.status == 1 and "ws-2: its tag admin_user" in partly.text
        written = (workshop.state / "ssh_config").read_text()
        assert "Host ws-1\n" in written and "ws-2" not in written and "ProxyCommand" not in written
    finally:
        tag(before)
        workshop.succeed("scripts/ssh_config")
    assert not any((folder / "PWNED").exists() for folder in (workshop.root, workshop.root / "playbooks"))
    assert workshop.succeed("scripts/login ws-2 'test -e PWNED || echo clean'").strip() == "clean"


def test_the_old_verbs_run_their_commands(workshop: Workshop) -> None:
    done = workshop.succeed("scripts/fleet set-passwords ws 1 2")
    assert done.splitlines()[0] == "ansible-playbook -l ws-1,ws-2 set_password.yml"
    assert " 0 changed, 0 failed" in done and "2 machines" in done
    missing = workshop.shell("scripts/stack check wsx-1")
    assert missing.status != 0 and "no such machine: wsx-1" in missing.text
