"""Files that content and installer brought: not an intruder's while unchanged."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.content import brought
from ansible_collections.probcomp.stack.plugins.module_utils.machine import left_behind
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError, write_note

from tests.support.content_world import account_with, load_module

content_installer = load_module("content_installer")
REHEARSAL = Path(__file__).parents[4] / "rehearsal/inputs/content/install.sh"
"""The installer of the rehearsal's content.

Its part with pip is tested with the rehearsal.
"""
OURS = ".local/share/jupyter/kernels/probcomp"
VENDORED = ".jupyter/custom/custom.js"
WRITES = "mkdir -p ~/.jupyter ~/.ssh; echo x > ~/.jupyter/y.py; echo key > ~/.ssh/authorized_keys\n"


class Machine:
    """A home, an environment and root's records."""

    def __init__(self, folder: Path) -> None:
        self.notes, self.home, self.environment = folder / "notes", folder / "home", folder / "opt"
        self.account = account_with(self.home)
        self.put("opt/pyvenv.cfg", "")

    def put(self, path: str, text: str) -> Path:
        file = self.notes.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def content(self, script: str, version: str, *others: str) -> None:
        """Record content with this installer, and lay it down."""
        texts = {"gen/install.sh": script, **dict.fromkeys(others, "of the content")}
        for path, text in texts.items():
            self.put(f"home/{path}", text)
        files = {path: [hashlib.sha256(text.encode()).hexdigest()] for path, text in texts.items()}
        write_note(self.notes / "content.json", {"version": version, "files": files})

    def install(self, **options: Any) -> dict[str, Any]:
        settings = {
            "script": "gen/install.sh",
            "become_root": False,
            "path": [str(self.environment / "bin")],
            "environment": {},
            "log": str(self.notes / "marco.log"),
            "timeout": 20,
            "force": False,
        }
        result: dict[str, Any] = content_installer.install({**settings, **options}, self.account, check_mode=False)
        return result

    def named(self) -> list[str]:
        found = left_behind.find(self.account, str(self.environment), brought.is_known(self.notes, self.home))
        return [str(Path(path).relative_to(self.notes.parent)) for path in found]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(content_installer, "NOTES", tmp_path / "notes")
    return Machine(tmp_path)


def rehearsal_installer() -> str:
    """Return the rehearsal's installer without pip, which needs a whole environment."""
    lines = REHEARSAL.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(('"$@"', "set --", "purelib", "[ -w")))


def test_the_rehearsals_kernel_is_not_named_and_a_changed_one_is(machine: Machine) -> None:
    machine.content(rehearsal_installer(), "1", "gen/version")
    machine.install()
    kernel = machine.home / OURS / "kernel.json"
    assert kernel.exists() and machine.named() == []
    extra = machine.put(f"home/{OURS}/logo.svg", "x")
    assert machine.named() == [f"home/{OURS}"], "a file that was added"
    extra.unlink()
    kernel.write_text(kernel.read_text() + " ")
    assert machine.named() == [f"home/{OURS}"], "other content"
    machine.install(force=True)
    assert machine.named() == []


def test_what_was_there_before_is_named_still(machine: Machine) -> None:
    machine.put("home/.jupyter/x.py", "intruder")
    machine.put(f"home/{OURS}/kernel.json", "{}")
    machine.content("echo ran\n", "1")
    machine.install()
    assert machine.named() == ["home/.jupyter/x.py", f"home/{OURS}"]


def test_keys_are_named_whoever_put_them_there(machine: Machine) -> None:
    machine.content(WRITES, "1")
    machine.install()
    assert machine.named() == ["home/.ssh/authorized_keys"]


def test_a_script_that_the_user_changed_is_believed_nothing(machine: Machine) -> None:
    machine.content("echo ran\n", "1")
    machine.put("home/gen/install.sh", WRITES)
    machine.install()
    assert machine.named() == ["home/.jupyter/y.py", "home/.ssh/authorized_keys"]


def test_earlier_versions_and_failed_runs_are_remembered(machine: Machine) -> None:
    machine.content("mkdir -p ~/.jupyter; echo x > ~/.jupyter/y.py; exit 3\n", "1")
    with pytest.raises(MachineError):
        machine.install()
    assert machine.named() == []
    machine.content("test -e ~/.jupyter/y.py\n", "2")
    assert machine.install()["changed"]
    assert machine.named() == []
    assert not machine.install()["changed"], "once per version"
    # One that writes the same again says that it is its own, as after an update from a release without records.
    write = "echo x > ~/.jupyter/y.py\n"
    (machine.notes / "content_install.json").unlink()
    assert machine.named() == ["home/.jupyter/y.py"]
    machine.content(write, "3")
    machine.install()
    assert machine.named() == []


def test_files_of_the_content_itself_and_of_the_environment(machine: Machine) -> None:
    extension = (
        "mkdir -p ../../opt/share/jupyter/labextensions/z; echo x > ../../opt/share/jupyter/labextensions/z/a.js\n"
    )
    machine.content(extension, "1", VENDORED)
    machine.install()
    assert machine.named() == []
    machine.put(f"home/{VENDORED}", "changed")
    machine.put("opt/share/jupyter/labextensions/z/a.js", "changed")
    assert machine.named() == [f"home/{VENDORED}", "opt/share/jupyter/labextensions/z"]


def test_damaged_records_and_links_are_no_excuse(machine: Machine) -> None:
    target = machine.put("elsewhere/x.py", "x")
    (machine.home / ".jupyter").mkdir(parents=True)
    (machine.home / ".jupyter/x.py").symlink_to(target)
    write_note(machine.notes / "content.json", {"files": {".jupyter/x.py": [hashlib.sha256(b"x").hexdigest()]}})
    write_note(machine.notes / "content_install.json", {"brought": ["x"]})
    assert machine.named() == ["home/.jupyter/x.py"]
