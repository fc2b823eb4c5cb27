"""Completion at a Tab: what is offered, in Python, a real bash and a real zsh."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import completion
import old_verbs
import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.commands import extra_vars

from tests.support import ROOT

BREAKS = " \t\n\"'@><=;|&(:"
"""COMP_WORDBREAKS as bash sets it."""
ANSWER_SECONDS = 30
SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of per-user files, and go to the root.

    An inventory like a rehearsal's names the folder.
    """
    folder = tmp_path / "the state"
    for name in ("alice", "ws-1", "ws-2", "ws-10", "$(touch run)", "`touch run`", "a;b", "-x", "users"):
        (folder / "jupyter-passwords").mkdir(parents=True, exist_ok=True)
        (folder / "jupyter-passwords" / f"{name}.passwd").write_text("a pass phrase of hers\n")
    (folder / "known_hosts").mkdir()
    for name in ("ben", "ws-1", ".ws-3.partial", "README.md"):
        (folder / "known_hosts" / name).write_text("")
    settings = tmp_path / "endpoint/group_vars/all/rehearsal.yml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"state_dir: {folder}\nsecret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132\n")
    monkeypatch.setenv("ANSIBLE_INVENTORY", f"inventory,{tmp_path}/endpoint")
    monkeypatch.chdir(ROOT)
    return folder


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("scripts/stack cre", ["create-passwords ", "create "]),
        ("scripts/stack nothing ", []),
        ("scripts/stack create a", ["alice "]),
        ("scripts/stack set-password w", ["ws-1 ", "ws-2 ", "ws-10 "]),
        ("scripts/stack list ali", []),
        ("scripts/stack update alice exp", ["expires="]),
        ("scripts/stack update alice use", []),
        ("scripts/stack delete alice confirm=", ["yes ", "no "]),
        ("scripts/stack delete alice confirm=yes --d", ["--diff "]),
        ("scripts/fleet create ", ["ws "]),
        ("scripts/fleet create ws ", ["1 "]),
        ("scripts/fleet create ws 1 ", ["10 "]),
        ("./scripts/login ", ["alice ", "ben ", "ws-1 ", "ws-2 ", "ws-10 "]),
        ("scripts/login -t b", ["ben "]),
        ("scripts/login ben up", []),
        ("ansible-playbook stack_s", ["stack_start.yml ", "stack_stop.yml "]),
        ("ansible-playbook -l ws-1,w", ["ws-1,ws-2 ", "ws-1,ws-10 ", "ws-1,ws "]),
        ("ansible-playbook -l 'ws,!ws-1", ["ws,!ws-1", "ws,!ws-10"]),
        ("ansible-playbook -l us", ["users "]),
        ("ansible-playbook fleet_create.yml -e ba", ["base=", "backup="]),
        ("ansible-playbook fleet_create.yml -e base=", ["ws "]),
        ("ansible-playbook fleet_create.yml -e base=ws low=1 hi", ["high="]),
        ("ansible-playbook fleet_create.yml -e base=ws low=1 high=", ["10 "]),
        ('ansible-playbook fleet_create.yml -e "base=ws low=1 hi', ["base=ws low=1 high=", "base=ws low=1 high= "]),
        ("ansible-playbook fleet_create.yml -e 'base=w", ["base=ws", "base=ws "]),
        ("ansible-playbook stack_create.yml -e users=ben,a", ["ben,alice "]),
        ("ansible-playbook fleet_create.yml -e cpu_credits=s", ["standard "]),
        ("ansible-playbook fleet_create.yml -e admin_", ["admin_cidr=", "admin_user="]),
        ("ansible-playbook fleet_create.yml -e jupyter_acc", ["jupyter_account="]),
        ("ansible-playbook fleet_create.yml --ex", ["--extra-vars "]),
        ("ansible-playbook /elsewhere/site.yml -e ba", []),
        ("ansible-playbook fleet_create.yml -e owner=Alice\\ B", []),
        ("ansible-playbook", []),
        ("", []),
    ],
)
def test_what_a_tab_offers(state: Path, typed: str, offered: list[str]) -> None:
    assert sorted(completion.answers(typed, BREAKS)) == sorted(offered)


def test_a_fleet_has_two_members_and_for_l_the_name_of_its_group(state: Path) -> None:
    for user in ("my-lab-1", "my-lab-2", "alice-2", "dora-2", "ben-1", "ben-2"):
        (state / "known_hosts" / user).touch()
    assert completion.answers("ansible-playbook -l my", BREAKS) == ["my-lab-1 ", "my-lab-2 ", "my_lab "]
    assert completion.answers("ansible-playbook fleet_create.yml -e base=", BREAKS) == ["ben ", "my-lab ", "ws "]
    assert completion.answers("ansible-playbook -l do", BREAKS) == ["dora-2 "], "one is no fleet"
    assert completion.answers("ansible-playbook -l ben", BREAKS) == ["ben ", "ben-1 ", "ben-2 "], "the user, once"


def test_zsh_gets_whole_words(state: Path) -> None:
    assert completion.answers("scripts/stack delete alice confirm=y", "") == ["confirm=yes "]
    assert completion.answers('ansible-playbook fleet_create.yml -e "base=ws hi', "") == ["base=ws high="]


def test_without_venv_a_new_shell_hears_it_only_on_a_terminal(tmp_path: Path) -> None:
    for name in ("completion", "venv_python"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / name)
    command = [str(tmp_path / "completion"), "bash"]
    elsewhere = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (elsewhere.returncode, elsewhere.stdout, elsewhere.stderr) == (1, "", "")
    ours, terminal = pty.openpty()
    there = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, text=True, timeout=60, check=False)
    assert (there.returncode, there.stdout) == (1, "")
    assert os.read(ours, 1024) == b"completion: .venv is missing: run make setup\r\n"
    os.close(ours)
    os.close(terminal)


def test_another_folder_and_another_projects_playbooks_are_left_to_the_shell(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert completion.answers("ansible-playbook ", BREAKS) == []
    assert completion.answers("ansible-playbook site.yml -l a", BREAKS) == []
    assert completion.answers(f"ansible-playbook {ROOT}/stack_stop.yml -l a", BREAKS) == ["alice "]


def test_what_is_offered_for_e_is_what_the_commands_accept(state: Path) -> None:
    typed = [f"ansible-playbook stack_create.yml -e {start}" for start in ("", "z", "ad", "ap", "jup", "cont", "mach")]
    offered = {word.removesuffix("=") for line in typed for word in completion.answers(line, BREAKS)}
    assert set(extra_vars.SETTINGS) <= offered and len(offered) > 50
    lab = {name for file in ROOT.glob("group_vars/all/*.yml") for name in completion.settings_in(file)}
    assert extra_vars.unknown_variable(offered, ROOT, lambda: lab) is None
    for name, values in extra_vars.CHOICES.items():
        assert [extra_vars.setting_problem(name, value) for value in values] == [None] * len(values), name


def test_every_verb_is_offered(state: Path) -> None:
    for script in old_verbs.SCRIPTS:
        assert completion.answers(f"scripts/{script} ", BREAKS) == [f"{verb} " for verb in old_verbs.VERBS]


def test_a_tab_loads_no_client_of_aws_and_no_ansible() -> None:
    code = "import completion, sys; print(sorted({'boto3', 'botocore', 'ansible', 'passlib'} & sys.modules.keys()))"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}/scripts:{ROOT}/collections"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def test_the_function_of_bash_fills_compreply(state: Path) -> None:
    script = (
        'eval "$(scripts/completion bash)"; complete -p scripts/fleet ./scripts/login ansible-playbook\n'
        "COMP_LINE='scripts/stack create alice ow and more' COMP_POINT=29; COMP_WORDS=(scripts/stack create alice ow)\n"
        'COMP_CWORD=3; _probcomp_stack scripts/stack ow alice; printf "<%s>\\n" "${COMPREPLY[@]}"\n'
        'COMP_LINE=\'scripts/stack cre\' COMP_POINT=17; _probcomp_stack; printf "<%s>\\n" "${COMPREPLY[@]}"\n'
        "! complete -p stack"
    )
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    *registered, owner, one, two = done.stdout.splitlines()
    assert [line.rpartition(" ")[0] for line in registered] == [
        "complete -o bashdefault -o default -o nospace -F _probcomp_stack"
    ] * 3
    assert (owner, one, two) == ("<owner=>", "<create-passwords >", "<create >")


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("scripts/stack restart-j\tal\tconf\ty\t.", "scripts/stack|restart-jupyter|alice|confirm=yes|.|"),
        ("ansible-playbook fleet_pl\t-e base=w\tins\t.", "ansible-playbook|fleet_plan.yml|-e|base=ws|instance=.|"),
        # An open quote stays open.
        (
            'ansible-playbook fleet_plan.yml -e "base=w\t low=1 hi\t9" .',
            "ansible-playbook|fleet_plan.yml|-e|base=ws low=1 high=9|.|",
        ),
        # What is no name of ours is the shell's to complete.
        ("scripts/put al\tCHANGEL\t", "scripts/put|alice|CHANGELOG.md|"),
    ],
)
def test_keys_in_a_terminal(state: Path, shell: str, keys: str, words: str) -> None:
    """Type the keys, and show what the shell made of them.

    A command that is typed in front of them shows it.
    """
    if not shutil.which(shell):
        pytest.skip(f"no {shell} on this computer")
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb", COLUMNS="200", HISTFILE="/dev/null")
        os.execvp(SHELLS[shell][0], SHELLS[shell])  # noqa: S606
    try:
        # The quotes tell what the shell prints from its echo of what is typed.
        emacs = "bindkey -e; " if shell == "zsh" else ""
        _type(terminal, f'{emacs}eval "$(scripts/completion {shell})"; echo rea""dy\n', "ready")
        _type(terminal, f"{keys}\x01printf '%s|' \n", words)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    assert not (ROOT / "run").exists()


def _type(terminal: int, keys: str, expected: str) -> None:
    os.write(terminal, keys.encode())
    seen, deadline = "", time.monotonic() + ANSWER_SECONDS
    while expected not in seen:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], seen
        seen += os.read(terminal, 65536).decode()
