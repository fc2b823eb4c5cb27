"""Test promise 28: nothing that was fetched acts on the administrator's computer.

Not when it is written, and not when somebody looks at it with a shell, git or an editor. ws-3 is hostile.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile import raw_control_characters
from tests.support.workshop import Workshop

SESSIONS, COURSE = "/home/jupyter/.iventure_logs", "/home/jupyter/course"
SHARED = "/tmp/shared-logs"
# Each of these runs something for a program of today; written down here apart from the list that leaves them out.
ACTING = {
    *(".git", ".GIT", "HEAD", ".hg", ".envrc", ".env", ".direnv", ".vscode", ".idea", ".dir-locals.el", ".exrc"),
    *(".vimrc", ".lvimrc", ".htaccess", ".directory", "desktop.ini", "autorun.inf", ".tool-versions", ".autoenv"),
}
TREE = r"""
mkdir -p {folder}; cd {folder}; act='touch {mark}'
git_folder() {{
  mkdir -p "$1/objects" "$1/refs"; echo 'ref: refs/heads/main' > "$1/HEAD"
  printf '[core]\n\tbare = false\n\tworktree = %s\n\tfsmonitor = "%s"\n' "$2" "$act" > "$1/config"
}}
git_folder .git ..; git_folder own/.GIT ..; git_folder bare .; git_folder deep/in/it .
mkdir -p pointed; echo 'gitdir: ../bare' > pointed/.git
for name in .envrc .env .autoenv .tool-versions; do echo "$act" > $name; done
for name in .exrc .vimrc .lvimrc; do printf 'silent !%s\n' "$act" > $name; done
echo "((nil . ((eval . (shell-command \"$act\")))))" > .dir-locals.el
for name in .vscode .idea .direnv .hg; do mkdir $name; echo x > $name/tasks.json; done
for name in .htaccess .directory desktop.ini autorun.inf; do echo "$act" > $name; done
printf 'text\n# vim: set foldmethod=expr foldexpr=system("%s") :\n' "$act" > notes.txt
printf '[Desktop Entry]\nType=Application\nExec=%s\n' "$act" > run.desktop
for name in ls git vim status; do printf '#!/bin/sh\n%s\n' "$act" > $name; done
chmod 755 run.desktop; chmod 6777 ls git vim status
ln -s /etc/passwd out; ln -s ../../../../.. up; mkfifo pipe; mknod disk b 8 0
echo x > "$(printf '\033]0;owned\007')"; echo x > "$(printf 'two\nlines')"; echo x > "$(printf 'right\342\200\256left')"
echo x > '$({mark_command})'; echo x > '{{{{ 7*7 }}}}'; echo honest > honest.json
chown -Rh jupyter: {folder}; chmod 6777 ls git vim status
"""


@pytest.fixture
def mark(workshop: Workshop, tmp_path: Path) -> Iterator[Path]:
    """Make the hostile files on ws-3; yield the path that they would create here.

    It is on this computer.
    """
    mark = tmp_path / "acted"
    # A name has no slash, and a program that looks at it is in its folder.
    script = "".join(TREE.format(folder=folder, mark=mark, mark_command="touch acted") for folder in (SESSIONS, COURSE))
    shutil.rmtree(workshop.state / "logs", ignore_errors=True)
    workshop.on_machine("ws-3", f"rm -rf {SESSIONS} {COURSE}\n{script}")
    yield mark
    workshop.on_machine("ws-3", f"rm -rf {SESSIONS} {COURSE}")
    shutil.rmtree(workshop.state / "logs", ignore_errors=True)


def look_at(root: Path, tmp_path: Path) -> str:
    """Look at each folder below `root` as people do, and return the screen.

    A prompt that calls git is shown there, the folder is listed, and its files are opened in vim. The working directory
    comes first on the search path, as some people have it.
    """
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    (home / ".vimrc").write_text("set exrc modeline modelines=5\n")
    environment = {"HOME": str(home), "PATH": f".:{os.environ['PATH']}", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    environment |= {"GIT_CEILING_DIRECTORIES": str(root.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {"PS1": "$(git status --short 2>/dev/null | head -c 200)$ "}
    folders = [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]
    seen = ""
    for folder in folders:
        files = [path.name for path in folder.iterdir() if path.is_file() and path.name.isprintable()]
        (tmp_path / "files").write_text("".join(f"./{name}\0" for name in files))
        # A real terminal, for ls writes names another way to a pipe.
        commands = "ls -la --color=always\ngit status --short\nexit\n"
        shell = ["script", "--quiet", "--return", "--command", "bash --noprofile --norc -i", "/dev/null"]
        seen += _run(shell, folder, environment, commands)
        if files and shutil.which("vim"):
            _run(
                ["xargs", "-0", "-a", str(tmp_path / "files"), shutil.which("vim") or "vim", *_VIM],
                folder,
                environment,
                "",
            )
    return seen


_VIM = ["--not-a-term", "-n", "-i", "NONE", "-c", "silent! argdo silent! %foldclosed", "-c", "qall!", "--"]


def _run(command: list[str], folder: Path, environment: dict[str, str], text: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, input=text.encode(), capture_output=True, timeout=60, check=False
    )
    return done.stdout.decode("utf-8", "replace")


def assert_inert(folder: Path) -> None:
    """Fail unless `folder` has only plain files without permission to run.

    Programs act on none of them.
    """
    paths = list(folder.rglob("*"))
    assert "honest.json" in {path.name for path in paths}
    assert not {path.name for path in paths} & ACTING
    for path in paths:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            assert stat.S_ISREG(status.st_mode) and not status.st_mode & 0o7111, path
    for name in ("ls", "run.desktop", "notes.txt", "bare/config"):
        assert (folder / name).is_file(), f"{name} was to come, as the plain file that it is here"


def assert_nothing_ran(mark: Path, folder: Path, screen: str) -> None:
    """Fail if something ran, or if a terminal was told to do something by a name."""
    assert not mark.exists() and not list(folder.rglob("acted"))
    assert "honest.json" in screen and "\x1b]0;" not in screen


def test_looking_at_all_of_it_would_act(workshop: Workshop, mark: Path, tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    workshop.succeed(f"root=$PWD; cd {tmp_path}/all && $root/scripts/get --with-tool-files ws-3 course")
    assert not mark.exists(), "writing it runs nothing"
    look_at(tmp_path / "all/course", tmp_path)
    assert mark.exists(), "the test's own way of looking is one that these files abuse"


def test_logs(workshop: Workshop, mark: Path, tmp_path: Path) -> None:
    done = workshop.play("-l ws-3 fetch_logs.yml")
    assert done.status == 0 and "programs act on it unasked" in done.text, done.text
    assert raw_control_characters(done) == set()
    logs = workshop.state / "logs/ws-3"
    assert_inert(logs / "sessions")
    assert not [path for path in logs.rglob("*") if not path.name.isprintable()]
    assert_nothing_ran(mark, logs, look_at(logs, tmp_path))
    # Even what somebody put there by hand, or an older version of this command, is not shared.
    for name in (".envrc", ".git"):
        (logs / "sessions" / name).write_text("x")
    workshop.succeed("scripts/ssh_config")
    try:
        shared = workshop.succeed(
            f"ansible-playbook share_logs.yml -e logs_share_destination=ws-1:{SHARED} "
            f"-e logs_share_ssh_config={workshop.state}/ssh_config"
        )
        assert "copied to" in shared
        there = set(workshop.on_machine("ws-1", f"find {SHARED} -printf '%f\\n'").splitlines())
    finally:
        (workshop.state / "ssh_config").unlink()
        workshop.on_machine("ws-1", f"rm -rf {SHARED}")
    assert {"honest.json", "notes.txt"} <= there and not there & ACTING


def test_files_that_were_got(workshop: Workshop, mark: Path, tmp_path: Path) -> None:
    (tmp_path / "got").mkdir()
    done = workshop.shell(
        f"root=$PWD; cd {tmp_path}/got && $root/scripts/get ws-3 course -- --verbose --links --perms --devices"
    )
    assert done.status == 0, done.text
    assert raw_control_characters(done) == set(), "rsync itself lists what comes"
    assert_inert(tmp_path / "got/course")
    assert_nothing_ran(mark, tmp_path / "got", look_at(tmp_path / "got/course", tmp_path))
    refused = workshop.shell(f"root=$PWD; cd {tmp_path}/got && $root/scripts/get ws-3 course/.envrc")
    assert refused.status == 1 and "--with-tool-files" in refused.text and len(refused.text.splitlines()) == 1
