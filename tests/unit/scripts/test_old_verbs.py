"""The old verbs: each becomes a command that exists.

It takes names in the old form, and means exactly the machines named.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import old_verbs
import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.commands import command_line
from old_verbs import ROOT, SCRIPTS, VERBS, Refused, Script, translate

FORTY = ",".join(f"ws-{number}" for number in range(1, 41))


@pytest.mark.parametrize(
    ("script", "typed", "command"),
    [
        ("stack", "create alice", "stack_create.yml -e user=alice"),
        ("stack", "create alice t3.micro", "stack_create.yml -e user=alice -e instance=t3.micro"),
        ("stack", "update alice c5.4xlarge", "-l alice stack_update.yml -e instance=c5.4xlarge"),
        ("stack", "update alice expires=2030-12-01", "-l alice stack_update.yml -e expires=2030-12-01"),
        ("stack", "delete alice", "stack_delete.yml -e user=alice"),
        ("stack", "delete alice confirm=yes", "stack_delete.yml -e user=alice -e confirm=yes"),
        ("stack", "set-password alice --check", "-l alice set_password.yml --check"),
        ("stack", "list -v", "stack_list.yml -v"),
        ("fleet", "create ws 1 40", "fleet_create.yml -e 'base=ws low=1 high=40'"),
        (
            "fleet",
            "create ws 1 40 t3.large ami-0123456789abcdef0",
            "fleet_create.yml -e 'base=ws low=1 high=40' -e instance=t3.large -e ami=ami-0123456789abcdef0",
        ),
        ("fleet", "deb-upgrade ws 1 40", f"-l {FORTY} deb_upgrade.yml"),
        ("fleet", "grab-content ws 3 3", "-l ws-3 grab_content.yml"),
        ("fleet", "update ws 1 2 t3.large", "-l ws-1,ws-2 stack_update.yml -e instance=t3.large"),
        ("fleet", "fetch-logs ws 1 2 x=1 --forks 5", "-l ws-1,ws-2 fetch_logs.yml -e x=1 --forks 5"),
        (
            "fleet",
            "delete ws 1 2 confirm=yes backup=false",
            "fleet_delete.yml -e 'base=ws low=1 high=2' -e confirm=yes -e backup=false",
        ),
        ("fleet", "plan ws 1 2 --check owner='Alice B.'", "fleet_plan.yml -e 'base=ws low=1 high=2' --check -e "
         """'{"owner": "Alice B."}'"""),
        ("fleet", "cards ws 1 2", "url_cards.yml -e 'base=ws low=1 high=2'"),
    ],
)  # fmt: skip
def test_a_verb_becomes_its_command(script: Script, typed: str, command: str) -> None:
    assert shlex.join(translate(script, shlex.split(typed))) == f"ansible-playbook {command}"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_command_exists_and_takes_names_that_way(script: Script, verb: str) -> None:
    playbook = ROOT / VERBS[verb].playbook.format(script=script)
    assert playbook.is_file()
    wanted = "users" if VERBS[verb].names == "-l" else "localhost"
    assert command_line.first_hosts(playbook) == wanted


@pytest.mark.parametrize(
    ("script", "typed", "says"),
    [
        ("stack", "crate alice", "no such verb: 'crate'; nearest: create; there are plan, "),
        ("stack", "create", r"it is: scripts/stack create USER \[TYPE\] \[AMI\]"),
        ("stack", "start alice t3.micro", "it is: scripts/stack start USER"),
        ("stack", "create Alice", "did you mean alice"),
        ("stack", "create 'x;touch PWNED'", "not valid"),
        ("stack", "check users", "reserved"),
        ("stack", "create alice '{{ 7*7 }}'", "templates are not allowed"),
        ("stack", "create alice t3.micro ubuntu", "ami-0123456789abcdef0"),
        ("stack", "create ws 1 40", "scripts/fleet create ws 1 40"),
        ("stack", "delete alice confirm=perhaps", "yes or no"),
        ("stack", "delete alice user=bob", "leave it out"),
        ("stack", "delete alice -e user=bob", "without -e"),
        ("stack", "delete alice -vvve user=bob", "without -e"),
        ("stack", "delete alice --extra-vars=user=bob", "without -e"),
        ("stack", "check alice -l bob", "leave it out"),
        ("stack", "check alice -vl bob", "leave it out"),
        ("stack", "check alice --lim=bob", "leave it out"),
        ("stack", "check alice --start-at-task it", "--option=value"),
        ("stack", "list alice", "it is: scripts/stack list"),
        ("fleet", "create ws 1", r"it is: scripts/fleet create BASE LOW HIGH"),
        ("fleet", "create ws 5 2", "means 0 machines"),
        ("fleet", "check ws 01 2", "without leading zeros"),
        ("fleet", "check ws 1 101", "101 machines"),
        ("fleet", "check ws/ 1 2", "not valid"),
    ],
)
def test_a_wrong_line_is_answered_and_not_run(script: Script, typed: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        translate(script, shlex.split(typed))
    assert "\n" not in str(refusal.value)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` with no virtual environment and no account."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "NO_COLOR": "1", "AWS_CONFIG_FILE": "/dev/null"}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_prints_what_it_runs_so_that_it_can_be_typed(tmp_path: Path) -> None:
    script = str(ROOT / "scripts/fleet")
    done = run(tmp_path, script, "create", "ws", "1", "40", "note=two words", "--syntax-check")
    assert done.returncode == 0, done.stderr
    assert "playbook: fleet_create.yml" in done.stdout
    printed = done.stderr.splitlines()[0]
    again = run(tmp_path, "sh", "-c", printed)
    assert (again.returncode, again.stdout) == (0, done.stdout)


def test_many_names_are_printed_folded_and_mean_the_same(tmp_path: Path) -> None:
    done = run(tmp_path, str(ROOT / "scripts/fleet"), "check", "ws", "1", "40", "--syntax-check")
    assert done.returncode == 0, done.stderr
    printed = done.stderr.splitlines()[0]
    assert printed.endswith('-l "$(seq -s, -f ws-%.0f 1 40)" fleet_check.yml --syntax-check)')
    words = run(tmp_path, "sh", "-c", f"set -- {printed[printed.index('-l') : -1]}; printf %s $2").stdout
    assert words == FORTY
    assert old_verbs.as_typed(["ansible-playbook", "-l", "ws-1,ws-2", "x.yml"], ROOT, True).endswith(
        "-l ws-1,ws-2 x.yml"
    )


def test_the_exit_status_is_the_command_s(tmp_path: Path) -> None:
    script = str(ROOT / "scripts/stack")
    done = run(tmp_path, script, "check", "alice", "--no-such-option")
    assert done.returncode not in (0, 1)
    assert "--no-such-option" in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_shows_every_verb(tmp_path: Path, script: Script) -> None:
    helped = run(tmp_path, str(ROOT / "scripts" / script), "--help")
    assert helped.returncode == 0
    assert all(f"  {verb} " in helped.stdout for verb in VERBS)
    assert all(translate(script, shlex.split(line)) for line in old_verbs._EXAMPLES[script])
    bare = run(tmp_path, str(ROOT / "scripts" / script))
    assert (bare.returncode, bare.stderr) == (2, helped.stdout)
