"""The connection plugin as core uses it.

The tests check its use of variables, task after task, and what no setting undoes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.connection import ssh as core_ssh
from ansible_collections.probcomp.stack.plugins.plugin_utils import bounded_ssh

from rehearsal.account.inventories import link_ours

pytestmark = pytest.mark.slow

from tests.support import ROOT

PIN = "ssh.alice.stack.example.org ssh-ed25519 AAAA i-1\n"
# This fake ssh records its arguments and answers as a machine on which nothing is done.
_SSH = """\
#!/usr/bin/env python3
import json, os, sys, time
with open(os.environ["SSH_CALLS"], "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
behaviour = os.environ.get("SSH_BEHAVIOUR", "")
if not behaviour:
    sys.exit()
if behaviour == "runs":
    os.execvp("sh", ["sh", "-c", sys.argv[-1]])
with open(os.environ["SSH_CALLS"] + ".pid", "w") as file:
    file.write(str(os.getpid()))
if behaviour == "hangs":
    time.sleep(600)  # It does not even take its input.
sys.stdin.buffer.read()
if behaviour == "closes":
    os.close(1), os.close(2)
    time.sleep(600)
elif behaviour == "ended":
    sys.exit(124)
elif behaviour == "claims":
    print('{"changed": true, "msg": "done"}')
elif behaviour == "values":
    sys.stdout.buffer.write(b'{"changed": false, "x": [' + b"{}," * 2_600_000 + b"{}]}")
elif behaviour:
    stream = getattr(sys, behaviour).buffer
    while True:
        stream.write(bytes(1 << 20))
"""
_RAW = {"ansible.builtin.raw": "true", "changed_when": False}


class World:
    """A folder with an inventory and a fake ssh.

    `alice` has a machine and a pin, `bob` no address.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pin = folder / "state dir/known_hosts/alice"
        self.pin.parent.mkdir(parents=True)
        self.pin.write_text(PIN)
        (folder / "bin").mkdir()
        (folder / "bin/ssh").write_text(_SSH)
        (folder / "bin/ssh").chmod(0o755)
        link_ours(folder, ROOT)
        self.variables: dict[str, dict[str, Any]] = {
            "alice": {"probcomp_user": "alice", "probcomp_address": "192.0.2.7", "ansible_host": "192.0.2.7"},
            "bob": {"probcomp_user": "bob", "probcomp_address": "", "ansible_host": ""},
        }

    def play(self, *words: str, tasks: list[dict[str, Any]], **environment: str) -> subprocess.CompletedProcess[str]:
        settings = {"zone": "example.org.", "state_dir": str(self.folder / "state dir"), "private_key_file": "/keys/a"}
        hosts = {name: {**settings, **variables} for name, variables in self.variables.items()}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"users": {"hosts": hosts}}))
        play = [{"name": "Play", "hosts": "alice", "tasks": [{"name": "Task", **task} for task in tasks]}]
        (self.folder / "play.yml").write_text(yaml.safe_dump(play))
        program = Path(sys.executable).parent / "ansible-playbook"
        return subprocess.run(
            [program, "-i", self.folder / "hosts.yml", self.folder / "play.yml", *words],
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE", "PROBCOMP"))},
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "SSH_CALLS": str(self.folder / "calls"),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def calls(self, *words: str, tasks: Sequence[dict[str, Any]] = (_RAW,), **environment: str) -> list[list[str]]:
        """Run a play that connects, and return the arguments of each call of ssh."""
        (self.folder / "calls").unlink(missing_ok=True)
        done = self.play(*words, tasks=list(tasks), **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


def heard(arguments: list[str]) -> dict[str, str]:
    """Return the real ssh's reading of `arguments`, up to the command."""
    said = subprocess.run(["/usr/bin/ssh", "-G", *arguments[:-1]], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_connects_to_the_address_with_the_pinned_key(world: World) -> None:
    (call,) = world.calls()
    options = heard(call)
    assert (options["hostname"], options["port"], options["user"]) == ("192.0.2.7", "22", "ubuntu")
    assert options["hostkeyalias"] == "ssh.alice.stack.example.org"
    assert options["userknownhostsfile"] == str(world.pin)
    assert options["stricthostkeychecking"] == "true"
    assert (options["identityfile"], options["identitiesonly"]) == ("/keys/a", "yes")
    assert options["forwardagent"] == "no"
    assert len(options["controlpath"]) < 104


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        ((), {"ANSIBLE_HOST_KEY_CHECKING": "False"}),
        ((), {"ANSIBLE_SSH_HOST_KEY_CHECKING": "False"}),
        (("-e", "ansible_host_key_checking=false"), {}),
        ((), {"ANSIBLE_SSH_ARGS": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"}),
        (("--ssh-common-args", "-o StrictHostKeyChecking=no"), {}),
        (("-e", "{ansible_ssh_common_args: '-o HostKeyAlias=x'}"), {}),
    ],
)
def test_nothing_undoes_the_pin(world: World, words: tuple[str, ...], environment: dict[str, str]) -> None:
    (call,) = world.calls(*words, tasks=[_RAW], **environment)
    options = heard(call)
    assert options["stricthostkeychecking"] == "true"
    assert options["userknownhostsfile"] == str(world.pin)
    assert options["hostkeyalias"] == "ssh.alice.stack.example.org"


@pytest.mark.parametrize(
    ("words", "variables", "name", "value"),
    [
        (("-e", "private_key_file=/keys/b"), {}, "identityfile", "/keys/b"),
        (("-e", """{"private_key_file": "/it's 100% mine/b"}"""), {}, "identityfile", "/it's 100%% mine/b"),
        pytest.param(("-e", "admin_user=admin"), {}, "user", "admin", marks=pytest.mark.long),
        pytest.param((), {"probcomp_admin_user": "admin"}, "user", "admin", marks=pytest.mark.long),
        (("-e", "ansible_user=root"), {"probcomp_admin_user": "admin"}, "user", "root"),
        pytest.param(("-u", "root"), {}, "user", "ubuntu", marks=pytest.mark.long),
        ((), {"ansible_port": 2222}, "port", "2222"),
        pytest.param(("-e", "ssh_port=2200"), {}, "port", "2200", marks=pytest.mark.long),
        pytest.param((), {"ansible_host": "10.0.0.7"}, "hostname", "10.0.0.7", marks=pytest.mark.long),
        (("--ssh-common-args", "-o ProxyJump=gate"), {}, "proxyjump", "gate"),
        pytest.param((), {"ansible_ssh_common_args": "-o ProxyJump=gate"}, "proxyjump", "gate", marks=pytest.mark.long),
        (("-e", "zone=example.com"), {}, "hostkeyalias", "ssh.alice.stack.example.com"),
    ],
)
def test_settings_are_obeyed(
    world: World, words: tuple[str, ...], variables: dict[str, Any], name: str, value: str
) -> None:
    world.variables["alice"] |= variables
    (call,) = world.calls(*words)
    assert heard(call)[name] == value


def test_what_changes_in_the_middle_of_a_run_is_used(world: World) -> None:
    """Changes in the middle of a run take effect.

    A stop and start changes the address, a new pin the key; neither may use the connection kept for the old one.
    """
    inventory = world.folder / "hosts.yml"
    replace = {"path": str(inventory), "regexp": r"192\.0\.2\.7", "replace": "192.0.2.8"}
    pin = {"content": PIN.replace("AAAA", "BBBB"), "dest": str(world.pin), "mode": "0600"}
    here = {"delegate_to": "localhost"}
    before, address, key = world.calls(
        tasks=[
            _RAW,
            {"ansible.builtin.replace": replace, **here},
            {"ansible.builtin.meta": "refresh_inventory"},
            _RAW,
            {"ansible.builtin.copy": pin, **here},
            _RAW,
        ]
    )
    assert [heard(call)["hostname"] for call in (before, address, key)] == ["192.0.2.7", "192.0.2.8", "192.0.2.8"]
    assert len({heard(call)["controlpath"] for call in (before, address, key)}) == 3


def test_no_connection_is_kept_for_other_settings(world: World) -> None:
    others = [("-e", word) for word in ("private_key_file=/keys/b", "admin_user=admin", "ssh_port=2200")]
    paths = [heard(call)["controlpath"] for words in [(), *others, ()] for call in world.calls(*words)]
    assert paths[0] == paths[-1] and len(set(paths)) == 1 + len(others)


def test_a_task_delegated_to_another_machine_goes_there_with_its_key(world: World) -> None:
    world.variables["cleo"] = {"probcomp_user": "cleo", "probcomp_address": "192.0.2.9", "ansible_host": "192.0.2.9"}
    (call,) = world.calls(tasks=[{**_RAW, "delegate_to": "cleo"}])
    assert heard(call)["hostname"] == "192.0.2.9"
    assert heard(call)["hostkeyalias"] == "ssh.cleo.stack.example.org"
    assert heard(call)["userknownhostsfile"].endswith("known_hosts/cleo")


@pytest.mark.parametrize("variables", [{}, {"ansible_host": "bob"}])
def test_a_machine_without_an_address_is_not_looked_for_by_its_name(world: World, variables: dict[str, str]) -> None:
    world.variables["bob"] |= variables
    done = world.play(tasks=[{**_RAW, "delegate_to": "bob"}])
    assert done.returncode != 0
    assert "bob has no public address" in done.stdout + done.stderr
    assert not (world.folder / "calls").exists()


def test_reset_connection_ends_the_kept_one(world: World) -> None:
    raw, check, stop = world.calls(tasks=[_RAW, {"ansible.builtin.meta": "reset_connection"}])
    assert check[-3:] == ["-O", "check", "192.0.2.7"] and stop[-3:] == ["-O", "stop", "192.0.2.7"]
    paths = {heard([*call, "x"] if call is not raw else call)["controlpath"] for call in (raw, check, stop)}
    assert len(paths) == 1


def test_tasks_that_connect_to_nothing_need_no_machine(world: World) -> None:
    world.variables["alice"] |= {"probcomp_address": "", "ansible_host": ""}
    done = world.play(tasks=[{"ansible.builtin.debug": {"msg": "here"}}])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "here" in done.stdout


_MODULE: dict[str, Any] = {"ansible.builtin.ping": {}}


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("hangs", "no answer within 1 s"),
        ("stdout", "it sent more than 8 MiB"),
        ("values", "it sent more than 400,000 values"),
        ("claims", "its python3 answered, but not as a module of Ansible"),
        pytest.param("closes", "no answer within 1 s", marks=pytest.mark.long),
        pytest.param("ended", "no answer within 1 s", marks=pytest.mark.long),
        pytest.param("stderr", "it sent more than 1 MiB", marks=pytest.mark.long),
    ],
)
def test_a_machine_that_hangs_or_floods_is_given_up(world: World, behaviour: str, says: str) -> None:
    started = time.monotonic()
    done = world.play("-e", "probcomp_answer_timeout=1", tasks=[_MODULE], SSH_BEHAVIOUR=behaviour, ANSIBLE_TIMEOUT="1")
    assert done.returncode == 4, done.stdout + done.stderr
    assert says in done.stdout and "alice" in done.stdout
    assert time.monotonic() - started < 60
    process = int((world.folder / "calls.pid").read_text())
    assert not Path(f"/proc/{process}").exists(), "ssh is left behind"


def test_modules_are_asked_for_their_arguments_and_files_stay_as_they_are(world: World) -> None:
    here, there = world.folder / "here", world.folder / "there"
    here.write_text('"_ansible_inject_invocation": false')
    tasks = [{"ansible.builtin.copy": {"src": str(here), "dest": str(there)}}, _MODULE]
    done = world.play("-vvv", tasks=tasks, SSH_BEHAVIOUR="runs", ANSIBLE_SSH_TRANSFER_METHOD="piped")
    assert done.returncode == 0, done.stdout + done.stderr
    assert there.read_text() == here.read_text()
    assert '"ping": "pong"' in done.stdout and '"invocation"' not in done.stdout


def test_a_process_that_core_gave_up_on_is_ended() -> None:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with pytest.raises(LookupError), bounded_ssh.bounded(bounded_ssh.Limits(600)):
        process = core_ssh.subprocess.Popen(["sleep", "600"], **pipes)
        raise LookupError
    assert process.returncode == -signal.SIGKILL


def test_a_machine_ends_what_took_too_long_itself(world: World) -> None:
    (call,) = world.calls("-e", "probcomp_answer_timeout=77", "--become", tasks=[{**_MODULE, "failed_when": False}])
    assert "timeout -k 5 77 /bin/sh -c " in call[-1] and call[-1].count("timeout -k") == 1
    assert call[-1].index("sudo") < call[-1].index("timeout -k 5"), "only root may end what root runs"
