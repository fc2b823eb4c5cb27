"""login, put and get as people run them, with a fake ssh on this computer."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import machine_files
import pytest
from machine_access import Refused

from tests.support.script_world import ADDRESS, ScriptWorld

pytestmark = pytest.mark.slow

ODD = ["a b.txt", "-dash", "st*r[1].txt", 'it\'s "q" $(id).txt', "host:x", "back\\slash", "ünï", "{{ 7*7 }}"]


def names_in(folder: Path) -> list[str]:
    """Return the names of the entries in `folder`."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def world(tmp_path: Path) -> ScriptWorld:
    made = ScriptWorld(tmp_path)
    made.prepare()
    return made


DISK = """
import pathlib, shutil, types
def usage(folder):
    taken = sum(path.lstat().st_size for path in pathlib.Path({folder!r}).rglob("*") if path.is_file())
    return types.SimpleNamespace(free=(1 << 30) + {free} - taken)
shutil.disk_usage = usage
"""
"""A disk on which so many bytes may still be written, for a script's own process."""


def test_login_hands_on_command_input_and_exit_status(world: ScriptWorld) -> None:
    done = world.run("login", "alice", 'cat; echo "$((6*7))"; exit 3', stdin="typed\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "typed\n42\n", "")
    (call,) = world.calls()
    assert call[-3:] == ["--", ADDRESS, 'cat; echo "$((6*7))"; exit 3']
    said = dict(word.split("=", 1) for word in call[1:-3:2])
    assert said["UserKnownHostsFile"] == f'"{world.folder}/state/known_hosts/alice"'
    assert said["HostKeyAlias"] == "ssh.alice.stack.example.org"
    assert said["StrictHostKeyChecking"] == "yes"
    assert (said["User"], said["Port"], said["IdentityFile"]) == ("admin", "22", f'"{world.folder}/key"')


def test_login_ignores_another_projects_settings_and_the_locale_c(world: ScriptWorld) -> None:
    foreign = {
        "ANSIBLE_CONFIG": "/elsewhere/ansible.cfg",
        "ANSIBLE_FILTER_PLUGINS": "/elsewhere",
        "LC_ALL": "C",
    }
    done = world.run("login", "alice", "exit 3", **foreign, ANSIBLE_INVENTORY_PLUGINS="/elsewhere", ANSIBLE_LIBRARY="")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_login_takes_the_zone_with_its_dot_and_in_upper_case(world: ScriptWorld) -> None:
    world.hosts["alice"]["zone"] = "Example.ORG."
    assert world.run("login", "alice", "exit 0").returncode == 0
    assert "HostKeyAlias=ssh.alice.stack.example.org" in world.calls()[0]


@pytest.mark.parametrize(
    "words", [("login", "alice", "id"), ("put", "alice", "."), ("get", "alice", "x"), ("ssh_config",)]
)
def test_a_wrong_zone_is_one_line(world: ScriptWorld, words: tuple[str, ...]) -> None:
    world.hosts["alice"]["zone"] = world.hosts["bob"]["zone"] = "https://example.org/"
    done = world.run(*words)
    assert done.returncode == 1 and done.stdout == "" and world.calls() == []
    assert done.stderr == (
        f"{words[0]}: zone 'https://example.org/' is no domain name: "
        "write it like example.org in group_vars/all/local.yml; did you mean example.org?\n"
    )


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ("alcie", "no such machine: alcie; nearest: alice"),
        ("bob", "bob is stopped: ansible-playbook -l bob stack_start.yml starts it"),
        ("users", "reserved"),
        ("../alice", "not valid"),
        ("x;touch PWNED", "not valid"),
    ],
)
def test_who_cannot_be_reached_is_said_in_one_line(world: ScriptWorld, user: str, says: str) -> None:
    done = world.run("login", user)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert world.calls() == []


@pytest.mark.parametrize(("command", "words"), [("login", []), ("put", ["data"]), ("get", ["data"])])
def test_none_connects_without_a_pin(world: ScriptWorld, command: str, words: list[str]) -> None:
    (world.folder / "state/known_hosts/alice").unlink()
    (world.caller / "data").write_text("x")
    done = world.run(command, "alice", *words)
    assert done.returncode == 1
    assert "no pinned host key" in done.stderr and "stack_create.yml -e user=alice" in done.stderr
    assert world.calls() == []


def test_there_and_back_with_odd_names(world: ScriptWorld) -> None:
    folder = world.caller / "my data/deep er"
    folder.mkdir(parents=True)
    for name in ODD:
        (folder / name).write_text(name)
    put = world.run("put", "alice", "my data")
    assert (put.returncode, put.stdout, put.stderr) == (0, "", "")
    assert names_in(world.home / "my data/deep er") == sorted(ODD)
    got = world.run("get", "alice", *[f"my data/deep er/{name}" for name in ODD], "back again/")
    assert (got.returncode, got.stdout, got.stderr) == (0, "", "")
    assert {path.name: path.read_text() for path in (world.caller / "back again").iterdir()} == {n: n for n in ODD}
    there = " ".join(world.calls()[0])
    assert "sudo -n -u jupyter -- env -C" in there and "my data" not in there, "no shell there sees a file's name"
    one = world.run("put", "alice", *[f"./my data/deep er/{name}" for name in ODD], "flat/")
    assert (one.returncode, names_in(world.home / "flat")) == (0, sorted(ODD))
    renamed = world.run("get", "alice", "flat/a b.txt", "new name")
    assert (renamed.returncode, (world.caller / "new name").read_text()) == (0, "a b.txt")
    globbed = world.run("get", "alice", "flat/st*", "globbed/")
    assert (globbed.returncode, names_in(world.caller / "globbed")) == (0, ["st*r[1].txt"])


def test_only_files_and_folders_of_ours_come_from_a_hostile_machine(
    world: ScriptWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = world.home / "evil"
    (evil / "open").mkdir(parents=True)
    (evil / "open").chmod(0o2777)
    (evil / "link").symlink_to("/etc/passwd")
    (evil / "open/up").symlink_to("/etc")
    os.mkfifo(evil / "pipe")
    # A socket's path may have at most 107 characters.
    with socket.socket(socket.AF_UNIX) as listener, monkeypatch.context() as at:
        at.chdir(evil)
        listener.bind("socket")
    (evil / "suid").write_text("x")
    (evil / "suid").chmod(0o6777)
    (evil / "\x1b]0;owned\x07").write_text("x")
    os.link(evil / "suid", evil / "hard")
    # Options that an administrator types without thinking must not undo the protection.
    done = world.run("get", "alice", "evil", "--", "-avH", "--links", "--devices", "--perms")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    found = {path.relative_to(world.caller): path.lstat() for path in (world.caller / "evil").rglob("*")}
    assert set(map(str, found)) == {"evil/\x1b]0;owned\x07", "evil/hard", "evil/open", "evil/suid"}
    for path, about in found.items():
        assert stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode), path
        assert not about.st_mode & 0o7022, path
        assert stat.S_ISDIR(about.st_mode) or not about.st_mode & 0o111, path
        assert about.st_uid == os.getuid()


def test_get_stops_before_the_disk_is_full(world: ScriptWorld) -> None:
    programs = world.folder / "python"
    programs.mkdir()
    for free, stops_at_once in (("300_000", False), ("-1", True)):
        (programs / "sitecustomize.py").write_text(DISK.format(folder=str(world.caller), free=free))
        (world.home / "data").mkdir(exist_ok=True)
        (world.home / "data/a").write_text("whole")
        (world.home / "data/b").write_bytes(bytes(5_000_000))
        done = world.run("get", "alice", "data", "--", "--bwlimit=500", PYTHONPATH=str(programs))
        assert done.returncode != 0
        assert "get: alice: " in done.stderr and "is nearly full (less than 1 GiB free)" in done.stderr
        assert names_in(world.caller / "data") == ["a"], "the file that was being written is gone"
        assert len(world.calls()) == 1, stops_at_once


def test_what_a_machine_says_is_made_fit_for_a_terminal(world: ScriptWorld) -> None:
    done = world.run("get", "alice", "x", SSH_SAYS="\x1b]0;owned\x07hello\r\n" + "y" * 9000, SSH_STATUS="7")
    assert "hello" in done.stderr
    assert "\x1b" not in done.stderr and "\r" not in done.stderr and "\x07" not in done.stderr
    assert done.returncode not in (0, 1)


def test_another_key_is_one_line_and_ssh_s_own_words_when_it_is_not(world: ScriptWorld) -> None:
    banner = "@" * 59 + "\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nremove with:\n"
    changed = world.run("get", "alice", "x", SSH_SAYS=banner + "Host key verification failed.\n", SSH_STATUS="255")
    # The status is rsync's for a lost connection, or ssh's, whichever learns of it first.
    assert changed.returncode in (12, 255)
    assert changed.stderr == (
        f"alice: another host key than the one in {world.folder}/state/known_hosts/alice answers at {ADDRESS}\n"
    )
    other = world.run("get", "alice", "x", SSH_SAYS=banner, SSH_STATUS="255")
    assert "remove with:" in other.stderr


def test_exit_status_and_options_are_rsync_s(world: ScriptWorld) -> None:
    missing = world.run("get", "alice", "nothing")
    assert missing.returncode == 23
    assert "nothing" in missing.stderr
    (world.home / "kept").write_text("x")
    (world.caller / "folder").mkdir()
    (world.caller / "folder/new").write_text("x")
    dry = world.run("put", "alice", "folder/", "--", "--dry-run", "--itemize-changes")
    assert (dry.returncode, names_in(world.home)) == (0, ["kept"])
    assert "new" in dry.stdout
    swept = world.run("put", "alice", "folder/", "--", "--delete", RSYNC_OLD_ARGS="1", RSYNC_RSH="false")
    assert (swept.returncode, names_in(world.home)) == (0, ["new"])


@pytest.mark.parametrize("verb", ["login", "put", "get"])
def test_help_needs_no_account(world: ScriptWorld, verb: str) -> None:
    helped = world.run(verb, "--help", ANSIBLE_INVENTORY="/nonexistent")
    assert helped.returncode == 0 and f"usage: scripts/{verb}" in helped.stdout
    bare = world.run(verb)
    assert bare.returncode == 2 and f"usage: scripts/{verb}" in bare.stderr


HERE = {"one": "file", "two": "file", "data": "folder"}


@pytest.mark.parametrize(
    ("verb", "words", "sources", "target"),
    [
        ("put", ["alice", "one"], ("one",), ""),
        ("put", ["alice", "data/"], ("data/",), ""),
        ("put", ["alice", "one", "two", "there/"], ("one", "two"), "there/"),
        ("put", ["alice", "one", "two", "."], ("one", "two"), "."),
        ("put", ["alice", "one", "new"], ("one",), "new"),
        ("put", ["alice", "data", "data/"], ("data",), "data/"),
        ("get", ["alice", "x"], ("x",), ""),
        ("get", ["alice", "x", "y", "data"], ("x", "y"), "data"),
        ("get", ["alice", "x", "new"], ("x",), "new"),
    ],
)
def test_the_last_of_several_paths_is_the_target(
    verb: str, words: list[str], sources: tuple[str, ...], target: str
) -> None:
    given = machine_files.arguments(verb, [*words, "--", "-v"], lambda path: HERE.get(path.rstrip("/"), "nothing"))
    assert given == machine_files.Transfer("alice", sources, target, ("-v",))


@pytest.mark.parametrize(
    ("verb", "words", "says"),
    [
        ("put", [], "whose machine"),
        ("put", ["-v", "alice", "one"], "after --"),
        ("put", ["alice"], "which files"),
        ("put", ["alice", ""], "which files"),
        ("put", ["alice", "one", "two"], "'two' is also here"),
        ("put", ["alice", "one", "data"], "write its slash"),
        ("put", ["alice", "one", "two", "three"], "folder at the end"),
        ("put", ["alice", "none"], "no such file or folder here: 'none'"),
        ("get", ["alice", "x", "one"], "'one' is also here"),
        ("get", ["alice", "x", "y", "one"], "folder at the end"),
    ],
)
def test_a_forgotten_target_is_not_guessed(verb: str, words: list[str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        machine_files.arguments(verb, words, lambda path: HERE.get(path.rstrip("/"), "nothing"))


def test_ssh_config_names_what_it_leaves_out_and_writes_nothing_empty(world: ScriptWorld) -> None:
    written = world.folder / "state/ssh_config"
    world.hosts["alice"]["probcomp_admin_user"] = "root -x"
    partly = world.run("ssh_config")
    assert partly.returncode == 1 and "alice: its tag admin_user" in partly.stderr
    assert "Host bob\n" in written.read_text() and "alice" not in written.read_text()
    written.unlink()
    world.hosts = {f"u-{number}": dict(world.hosts["alice"]) for number in range(30)}
    none = world.run("ssh_config")
    assert none.returncode == 1 and not written.exists()
    lines = none.stderr.splitlines()
    assert "and 21 more like these" in lines[-2] and "nothing was written" in lines[-1], none.stderr
