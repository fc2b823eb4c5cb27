"""Test promise 19: content arrives whole or not at all.

Files that the user changed are kept.
"""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.content_world import account_with, load_module, member, serving, tar

content_deploy = load_module("content_deploy")
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import one_at_a_time

from tests.support.workshop import Workshop

# The web server is a thread of this process, and holds no lock that the module's child would wait for.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
FILES = 120
MINE = "notebook/7"
ROUNDS = 12


def version(number: int) -> bytes:
    """Return an archive of many files whose text names its version throughout."""
    files = [member(f"notebook/{name}", f"{number} {name}\n".encode() * 500) for name in range(FILES)]
    return tar(*files, member(f"gen/only-in-{number}", b"x"), mode="w")


def texts(home: Path) -> dict[str, str]:
    """Return the text of every file that a user sees in her home."""
    return {
        str(path.relative_to(home)): path.read_text()
        for path in home.rglob("*")
        if path.is_file() and not path.relative_to(home).parts[0].startswith(content_deploy.STAGING_PREFIX)
    }


def in_a_process(work: Callable[[], object], after: float | None, group: bool) -> None:
    """Run `work` in a process and kill it `after` so many seconds.

    Kills the process alone, or its group with all that it started.
    """
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if after is None:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        return
    time.sleep(after)
    (os.killpg if group else os.kill)(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_killed_at_any_moment(tmp_path: Path) -> None:
    home, notes = tmp_path / "home", tmp_path / "notes"
    home.mkdir()
    account = account_with(home)
    chance = random.Random(19)
    with serving(version(0)) as server:
        options: dict[str, Any] = {"checksum": "", "max_size": 10, "max_unpacked_size": 10, "timeout": 60}
        wish = content_deploy.Wish(url=server.url, **options)

        def lay_down() -> None:
            with one_at_a_time(notes / "lock", 60, "the test"):
                content_deploy.lay_down(home, wish, account, notes / "content.json")

        began = time.monotonic()
        in_a_process(lay_down, None, group=True)
        undisturbed = time.monotonic() - began
        (home / MINE).write_text("my own")
        for number in range(1, ROUNDS + 1):
            server.body, server.etag = version(number), f'"v{number}"'
            group = number % 2 == 0
            in_a_process(lay_down, chance.uniform(0, 1.1 * undisturbed), group)
            if group:  # Otherwise its children may still work; the next run waits for them.
                for path, text in texts(home).items():
                    parts = set(text.splitlines())
                    assert path == MINE or len(parts) == 1, f"{path} is half one version and half another"
            in_a_process(lay_down, None, group=True)
            found = texts(home)
            assert found.pop(MINE) == "my own"
            expected = {f"notebook/{name}": f"{number} {name}\n" * 500 for name in range(FILES)}
            expected[f"gen/only-in-{number}"] = "x"
            expected.pop(MINE)
            assert found == expected
    assert not list(home.glob(f"{content_deploy.STAGING_PREFIX}*"))


def test_on_a_machine_its_user_keeps_what_she_changed(workshop: Workshop) -> None:
    """The user's own text survives a grab, and a deleted file comes back.

    Nothing else is touched.
    """
    mine = "/home/jupyter/notebook/satellites.csv"
    before = workshop.on_machine("ws-3", f"sha256sum {mine}")
    workshop.on_machine("ws-3", f"runuser -u jupyter -- sh -c 'echo mine >> {mine}; rm /home/jupyter/gen/version'")
    try:
        workshop.succeed("ansible-playbook -l ws-3 grab_content.yml")
        assert "mine" in workshop.on_machine(
            "ws-3", f"tail -n 1 {mine}; test -s /home/jupyter/gen/version && echo back"
        )
        assert "back" in workshop.on_machine("ws-3", "test -s /home/jupyter/gen/version && echo back")
    finally:
        workshop.on_machine("ws-3", f"rm {mine}")
        workshop.succeed("ansible-playbook -l ws-3 grab_content.yml")
    assert before.split()[-2:] == workshop.on_machine("ws-3", f"sha256sum {mine}").split()[-2:]
