"""The ansible-playbook of .venv.

Values after -e need no quotes, and all else is as in Ansible.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest
from ansible.cli.playbook import PlaybookCLI
from ansible.parsing.dataloader import DataLoader
from ansible_playbook import joined, share_service_models

pytestmark = pytest.mark.slow

from tests.support import ROOT

PROGRAMS = Path(sys.executable).parent
LOW, HIGH = """-e '{"low": "1"}'""", """-e '{"high": "3"}'"""
TAKEN = [
    ("x.yml -e base=ws low=1 high=3", f"x.yml -e base=ws {LOW} {HIGH}"),
    ("-e base=ws low=1 high=3 x.yml", f"-e base=ws {LOW} {HIGH} x.yml"),
    ("x.yml --extra-vars base=ws low=1", f"x.yml --extra-vars base=ws {LOW}"),
    ("x.yml --extra-vars=base=ws low=1", f"x.yml --extra-vars=base=ws {LOW}"),
    ("x.yml --extra base=ws low=1", f"x.yml --extra base=ws {LOW}"),
    ("x.yml --e=base=ws low=1", f"x.yml --e=base=ws {LOW}"),
    ("x.yml -ebase=ws low=1", f"x.yml -ebase=ws {LOW}"),
    ("x.yml -e=base=ws low=1", f"x.yml -e=base=ws {LOW}"),
    ("x.yml -vCe base=ws low=1", f"x.yml -vCe base=ws {LOW}"),
    ("x.yml -vvebase=ws low=1", f"x.yml -vvebase=ws {LOW}"),
    ("x.yml '-e base=ws' low=1", f"x.yml '-e base=ws' {LOW}"),
    ("x.yml -e @some.yml low=1", f"x.yml -e @some.yml {LOW}"),
    ("""x.yml -e '{"a": 1}' low=1""", f"""x.yml -e '{{"a": 1}}' {LOW}"""),
    ("x.yml -e 'base=ws low=1' high=3", f"x.yml -e 'base=ws low=1' {HIGH}"),
    ("x.yml -e '' low=1", f"x.yml -e '' {LOW}"),
    ("x.yml -e base=ws low=1 -e x=1 y=2", f"""x.yml -e base=ws {LOW} -e x=1 -e '{{"y": "2"}}'"""),
    ("x.yml -e a=1 a=2 -e a=3", """x.yml -e a=1 -e '{"a": "2"}' -e a=3"""),
    ("x.yml -e a=1 b=2 -v", """x.yml -e a=1 -e '{"b": "2"}' -v"""),
    ("-e a=1 b=2 -l b=c x.yml", """-e a=1 -e '{"b": "2"}' -l b=c x.yml"""),
    ("-e a=1 b=c.yml x.yml", """-e a=1 -e '{"b": "c.yml"}' x.yml"""),
    ("-e a=1 b=2 -- c=3", """-e a=1 -e '{"b": "2"}' -- c=3"""),
    ("x.yml -e a=1 b=", """x.yml -e a=1 -e '{"b": ""}'"""),
    ("x.yml -e a=1 b=c=d", """x.yml -e a=1 -e '{"b": "c=d"}'"""),
    ("x.yml -e a=1 _B2=@x", """x.yml -e a=1 -e '{"_B2": "@x"}'"""),
]
AS_ANSIBLE_HAS_IT = [
    "",
    "low=1",
    "x.yml low=1",
    "low=1 x.yml -e base=ws",
    "-e base=ws x.yml low=1",
    "x.yml -e base=ws -v low=1",
    "x.yml -l a=b c=d",
    "x.yml -e a=1 -l a=b c=d",
    "x.yml -t e a=b",
    "x.yml -te a=b",
    "x.yml -t -e a=b",
    "x.yml -le low=1",
    "x.yml --extra-vars-x a=b c=d",
    "x.yml --become a=b c=d",
    "x.yml -- a=b c=d",
    "x.yml -- -e a=b c=d",
    "x.yml -e -- a=b c=d",
    "-e a=b -- c=d",
    "x.yml -e",
    "x.yml -e a=1 b",
    "x.yml -e a=1 =b",
    "x.yml -e a=1 1b=2",
    "x.yml -e a=1 b-c=2",
    "x.yml -e a=1 b.c=2",
    "x.yml -e a=1 'b c=2'",
    "x.yml -e a=1 ' b=2'",
    "x.yml -e a=1 @b=2",
    """x.yml -e a=1 '{"b": "c=d"}'""",
]
ODD = ["Alice B.", " b ", "", "it's", '"q"', "'q'", "a\\nb", "a\nb", "\ttab", "{{ 1", "{% x", "{# x", "c=d e=f", "#x",
       "@x", "$(id)", "ünï \U0001f600", "\u2028", "yes", "007", "null", "[1]", '{"a": 1}']  # fmt: skip


def run(*words: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=cwd, env={**os.environ, "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("typed", "taken"), TAKEN)
def test_what_follows_the_value_of_an_e_belongs_to_it(typed: str, taken: str) -> None:
    words = joined(shlex.split(typed))
    assert words == shlex.split(taken)
    cli = PlaybookCLI(["ansible-playbook", "x.yml"])
    cli.init_parser()
    parsed = cli.parser.parse_args(words)
    json_words = [word for word in shlex.split(taken) if word.startswith("{")]
    assert set(json_words) <= set(parsed.extra_vars), "Ansible's parser takes each for a value of -e"
    assert parsed.args in (["x.yml"], ["c=3"])


@pytest.mark.parametrize("typed", AS_ANSIBLE_HAS_IT)
def test_all_else_is_as_ansible_has_it(typed: str) -> None:
    assert joined(shlex.split(typed)) == shlex.split(typed)


def test_the_letters_before_an_e_are_those_of_ansible() -> None:
    cli = PlaybookCLI(["ansible-playbook", "x.yml"])
    cli.init_parser()
    for option in cli.parser._option_string_actions:
        if len(option) == 2 and option not in ("-e", "-h"):
            words = ["x.yml", f"{option}e", "a=1", "b=2"]
            # An option with a value takes the e for its value.
            takes_none = cli.parser._option_string_actions[option].nargs == 0
            assert (joined(words) != words) == takes_none, option


@pytest.mark.parametrize("value", ODD)
def test_a_value_arrives_as_it_is(value: str) -> None:
    *_, given = joined(["x.yml", "-e", "a=1", f"b={value}"])
    assert DataLoader().load(given) == {"b": value}


def test_a_command_of_the_manual_without_quotes(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_text("all: {children: {users: {}}}\n")
    (tmp_path / "inventory/group_vars").symlink_to(ROOT / "group_vars")
    state = tmp_path / "with a blank"
    given = ["-e", "zone=example.org", f"state_dir={state}", "-e", "base=ws", "low=1", "high=3"]
    done = run(PROGRAMS / "ansible-playbook", "-i", tmp_path / "inventory", "create_passwords.yml", *given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((state / "jupyter-passwords").glob("ws-[123].passwd"))) == 3


def test_values_are_strings_templated_as_ever_and_the_last_one_counts(tmp_path: Path) -> None:
    task = {"ansible.builtin.copy": {"content": "{{ [a, b, c, d] | to_json }}", "dest": str(tmp_path / "out")}}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    (tmp_path / "x.yml").write_text(json.dumps([play]))
    given = ["-e", "a={{1+1}}", "b={{ 1+1 }}", "c=1", "d=x", "-e", "d=y", "c=007"]
    done = run(PROGRAMS / "ansible-playbook", "x.yml", *given, cwd=tmp_path, ANSIBLE_PYTHON_INTERPRETER=sys.executable)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "out").read_text()) == [2, 2, "007", "y"]


def test_our_playbooks_run_from_any_folder_and_in_any_locale(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_text("all: {children: {users: {}}}\n")
    (tmp_path / "inventory/group_vars").symlink_to(ROOT / "group_vars")
    given: list[str | Path] = [
        "-i",
        "inventory",
        ROOT / "create_passwords.yml",
        "-e",
        "zone=example.org",
        f"state_dir={tmp_path}",
    ]
    for user, name in (("ws-1", "C"), ("ws-2", "xx_YY.UTF-8"), ("ws-3", "C.UTF-8")):
        done = run(PROGRAMS / "ansible-playbook", *given, f"user={user}", cwd=tmp_path, LC_ALL=name)
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((tmp_path / "jupyter-passwords").glob("ws-[123].passwd"))) == 3


@pytest.mark.parametrize("typed", ["low=1", "x.yml low=1", "-e base=ws x.yml low=1", "x.yml -e base=ws -v low=1"])
def test_mistakes_are_answered_as_by_ansible(tmp_path: Path, typed: str) -> None:
    (tmp_path / "x.yml").write_text("[]")
    ours = run(PROGRAMS / "ansible-playbook", *shlex.split(typed), cwd=tmp_path)
    ansible = run(sys.executable, "-m", "ansible", "playbook", *shlex.split(typed), cwd=tmp_path)
    assert ours.returncode != 0 and "low=1" in ours.stderr
    assert (ours.returncode, ours.stdout, ours.stderr) == (ansible.returncode, ansible.stdout, ansible.stderr)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a fake ansible-core that prints its arguments.

    uv writes its ansible-playbook.
    """
    path = tmp_path_factory.mktemp("wheel") / "ansible_core-1.0-py3-none-any.whl"
    about = "ansible_core-1.0.dist-info/"
    files = {
        "ansible/__init__.py": "",
        "ansible/cli/__init__.py": "",
        "ansible/cli/playbook.py": "import json, sys\ndef main(args=None): print(json.dumps(args or sys.argv))\n",
        f"{about}METADATA": "Metadata-Version: 2.1\nName: ansible-core\nVersion: 1.0\n",
        f"{about}WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}entry_points.txt": "[console_scripts]\nansible-playbook = ansible.cli.playbook:main\n",
        f"{about}RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def checkout(folder: Path) -> Path:
    """Make `folder` a checkout with the files that scripts/setup reads.

    It has no .venv.
    """
    (folder / "scripts").mkdir(parents=True)
    for name in ("scripts/setup", "scripts/ansible_playbook.py", "requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("name", ["plain", "it's 100% mine", "long" * 40])
def test_setup_places_it_and_it_is_found_from_everywhere(tmp_path: Path, wheel: Path, name: str) -> None:
    folder = checkout(tmp_path / name)
    program = folder / ".venv/bin/ansible-playbook"
    made = run(sys.executable, "-m", "venv", "--without-pip", folder / ".venv")
    install = ["pip", "install", "--quiet", "--no-cache", "--offline", "--no-index"]
    installed = run(PROGRAMS / "uv", *install, "--python", folder / ".venv/bin/python", wheel)
    assert made.returncode == 0 and installed.returncode == 0, made.stderr + installed.stderr
    uvs = program.read_text()
    lock = run("sha256sum", "requirements.txt", cwd=folder).stdout
    # This clone was set up before ansible-playbook was ours.
    (folder / ".venv/lock-id").write_text(lock)

    def setup(at: Path) -> None:
        done = run(at / "scripts/setup", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def called(*words: str | Path, **environment: str) -> list[str]:
        done = run(*words, "-e", "a=1", "b=2", cwd=tmp_path, **environment)
        assert (done.returncode, done.stderr) == (0, "")
        named, *arguments = json.loads(done.stdout)
        assert Path(named).name == "ansible-playbook"
        return list(arguments)

    ours, plain = ["-e", "a=1", "-e", '{"b": "2"}'], ["-e", "a=1", "b=2"]
    assert called(program) == plain
    setup(folder)
    assert called(program) == ours
    before = program.stat()
    setup(folder)
    assert program.stat() == before, "nothing to do"
    program.write_text(uvs)
    setup(folder)
    assert program.read_text() != uvs, "placed again after uv wrote its own"
    assert os.access(program, os.X_OK)
    assert [path.name for path in program.parent.glob("ansible*")] == [program.name], "nothing is left beside it"

    assert called("ansible-playbook", PATH=f"{program.parent}:{os.environ['PATH']}") == ours
    assert called(program.relative_to(tmp_path)) == ours
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ansible-playbook").symlink_to(program)
    assert called(tmp_path / "bin/ansible-playbook") == ours
    other = checkout(tmp_path / "another checkout")
    (other / ".venv").symlink_to(folder / ".venv")
    setup(other)
    assert called(other / ".venv/bin/ansible-playbook") == ours
    # Now the checkout that holds .venv is an older one; the one with the link is not.
    (folder / "scripts/ansible_playbook.py").unlink()
    assert called(program) == plain
    assert called(other / ".venv/bin/ansible-playbook") == ours


def test_sessions_share_what_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.session, "create_loader", botocore.loaders.create_loader)
    before = [botocore.session.Session().get_component("data_loader") for _ in range(2)]
    assert before[0] is not before[1]
    share_service_models()
    after = [botocore.session.Session().get_component("data_loader") for _ in range(2)]
    assert after[0] is after[1]
