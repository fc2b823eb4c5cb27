"""Files that content and installer brought: not an intruder's while unchanged."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.content import brought
from ansible_collections.probcomp.stack.plugins.module_utils.machine import left_behind
from ansible_collections.probcomp.stack.plugins.module_utils.machine.accounts import MachineError, read_note, write_note

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

    def __init__(self, folder: Path, account: str = "") -> None:
        self.notes, self.home, self.environment = folder / "notes", folder / "home", folder / "opt"
        self.account = account_with(self.home, account)
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

    def give(self) -> None:
        """Make the home and all in it the account's."""
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, self.account.pw_uid, -1, follow_symlinks=False)

    def named(self) -> list[str]:
        found = left_behind.find(self.account, str(self.environment), brought.is_known(self.notes, self.home))
        return [path.removeprefix(f"{self.notes.parent}/") for path in found]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(content_installer, "NOTES", tmp_path / "notes")
    return Machine(tmp_path)


@pytest.fixture
def hers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine whose account cannot read every file, unlike root."""
    # Other accounts cannot enter pytest's own folders.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(content_installer, "NOTES", Path(folder) / "notes")
        yield Machine(Path(folder), "nobody" if os.geteuid() == 0 else "")


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
    assert machine.named() == ["home/.ssh/authorized_keys", "home/.jupyter/y.py"]


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


def test_files_that_cannot_be_read_hide_no_others(hers: Machine) -> None:
    hers.content("echo ran\n", "1", VENDORED, f"{OURS}/kernel.json")
    for name in ("big.py", "evil.py", "x.json", "custom/a.js"):
        hers.put(f"home/.jupyter/{name}", "")
    hers.put("home/.ssh/authorized_keys", "key")
    os.truncate(hers.home / ".jupyter/big.py", 400 << 30)
    os.truncate(hers.home / VENDORED, 400 << 30)
    hers.put(f"home/{OURS}/inside/kernel.json", "{}")
    hers.give()
    (hers.home / ".jupyter/x.json").chmod(0)
    (hers.home / OURS / "inside").chmod(0)
    assert hers.named() == [
        "home/.ssh/authorized_keys",
        *("home/.jupyter/big.py", "home/.jupyter/evil.py", "home/.jupyter/x.json"),
        *("home/.jupyter/custom/a.js", f"home/{VENDORED}", f"home/{OURS}"),
    ]


def test_files_that_cannot_be_read_do_not_keep_others_from_the_record(hers: Machine) -> None:
    hers.content("cd ~/.jupyter; echo x > y.py; chmod u+rw x.json; chmod u+rwx closed_config.d\n", "1")
    for name in ("big.py", "x.json", "closed_config.d/z.py"):
        hers.put(f"home/.jupyter/{name}", "")
    os.truncate(hers.home / ".jupyter/big.py", 400 << 30)
    hers.give()
    for name in ("x.json", "closed_config.d"):
        (hers.home / ".jupyter" / name).chmod(0)
    hers.install()
    # What the installer only made readable is not what it wrote.
    assert hers.named() == [f"home/.jupyter/{name}" for name in ("big.py", "x.json", "closed_config.d/z.py")]


def test_files_of_the_content_and_its_installer_hide_no_others(machine: Machine) -> None:
    machine.content(f"mkdir -p ~/.jupyter; cd ~/.jupyter; touch $(seq -f %g.py {left_behind.MOST + 200})\n", "1")
    machine.install()
    assert machine.named() == []
    machine.put("home/.jupyter/zz.py", "intruder")
    machine.put("home/.ssh/authorized_keys", "key")
    assert machine.named() == ["home/.ssh/authorized_keys", "home/.jupyter/zz.py"]


@pytest.mark.parametrize("spoiled", ["gen/helper.sh", "gen/lib/more.sh", "notebook/shared.sh"])
def test_an_installer_beside_a_changed_file_is_believed_nothing(spoiled: str, machine: Machine) -> None:
    machine.content(WRITES, "1", "gen/helper.sh", "gen/lib/more.sh", "notebook/shared.sh", "notebook/a.ipynb")
    (machine.home / "gen/shared.sh").symlink_to("../notebook/shared.sh")
    record = read_note(machine.notes / "content.json")
    record["files"] |= {"gen/shared.sh": ["link:../notebook/shared.sh"], "gen": ["folder"], "gen/lib": ["folder"]}
    write_note(machine.notes / "content.json", record)
    machine.put("home/notebook/a.ipynb", "the user's work")
    machine.put(f"home/{spoiled}", "cp ~/evil.py ~/.jupyter")
    said = machine.install()["msg"]
    assert "home/.jupyter/y.py" in machine.named()
    shown = "gen/shared.sh" if spoiled.startswith("notebook") else spoiled
    assert f"{shown} is not as the content brought it" in said
    machine.put(f"home/{spoiled}", "of the content")
    said = machine.install(force=True)["msg"]
    assert "home/.jupyter/y.py" not in machine.named() and "not as" not in said


def test_a_link_is_known_while_it_leads_to_the_contents_own(machine: Machine) -> None:
    kernel = ".local/share/jupyter/kernels/z"
    script = "cd ~/.jupyter; ln -s ~/notebook/a.py good.py; echo x > ~/own.py; ln -s ~/own.py own.py\n"
    machine.content(script, "1", "notebook/a.py", "notebook/z/kernel.json")
    links = {".jupyter/a.py": "../notebook/a.py", kernel: "../../../../notebook/z", "notebook/z/round": "../z"}
    record = read_note(machine.notes / "content.json")
    for name, target in links.items():
        path = machine.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        record["files"][name] = [f"link:{target}"]
    write_note(machine.notes / "content.json", record)
    assert machine.named() == []
    machine.install()
    assert machine.named() == ["home/.jupyter/own.py"], "what it leads to is recorded nowhere"
    (machine.home / ".jupyter/own.py").unlink()
    machine.put("home/notebook/a.py", "changed")
    extra = machine.put("home/notebook/z/x.py", "added")
    assert machine.named() == ["home/.jupyter/a.py", "home/.jupyter/good.py", f"home/{kernel}"]
    extra.unlink()
    (machine.home / "notebook/a.py").unlink()
    assert machine.named() == ["home/.jupyter/a.py", "home/.jupyter/good.py"], "a link to nothing"


@pytest.mark.parametrize("bound", [(left_behind, "_SEARCH_SECONDS", 0), (brought, "_MOST_FILES", 1)])
def test_what_was_not_wholly_looked_at_is_not_recorded(
    bound: tuple[Any, str, int], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.content(WRITES, "1")
    before = [f"home/.jupyter/{name}.py" for name in "ab"]
    for name in before:
        machine.put(name, "")
    monkeypatch.setattr(*bound)
    machine.install()
    with brought.recorded(machine.notes / "content_install.json", machine.account, [], is_ours=True):
        # What was not seen before the run, and is seen after it, may have been there.
        monkeypatch.undo()
    assert machine.named() == ["home/.ssh/authorized_keys", *before, "home/.jupyter/y.py"]


def test_a_folder_of_too_many_files_does_not_keep_others_from_the_record(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.content(WRITES + f"rm ~/{OURS}/[4-7]\n", "1")
    for number in range(8):
        machine.put(f"home/{OURS}/{number}", "")
    monkeypatch.setattr(brought, "_MOST_FILES", 7)
    machine.install()
    assert machine.named() == ["home/.ssh/authorized_keys", f"home/{OURS}"]


def test_more_bytes_than_may_be_read_are_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.content("echo ran\n", "1", VENDORED, ".jupyter/a.py")
    assert machine.named() == []
    monkeypatch.setattr(brought, "MOST_BYTES", len("of the content") + 1)
    assert machine.named() == [f"home/{VENDORED}"]
