"""The command url_cards.yml itself, without any cloud.

The tests check what it writes and refuses, and that no secret shows.
"""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rehearsal.account.inventories import link_ours
from tests.support.cards_pages import read, text

pytestmark = pytest.mark.slow

from tests.support import ROOT

PROGRAMS = Path(sys.executable).parent
PHRASES = {"ws-1": "canary-{{ 7*7 }}-#panic()", "ws-2": "canary-two-öl-$x$", "ws-3": 'canary-"three", =quoted'}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Make a folder of per-user files with the password files of ws-1 to ws-3."""
    folder = tmp_path / "state"
    (folder / "jupyter-passwords").mkdir(parents=True, mode=0o700)
    for user, phrase in PHRASES.items():
        write_phrase(folder, user, phrase + "\n")
    return folder


def write_phrase(state: Path, user: str, content: str) -> Path:
    path = state / "jupyter-passwords" / f"{user}.passwd"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)
    return path


def play(
    state: Path,
    *options: str,
    names: str = "base=ws low=1 high=3",
    environment: dict[str, str] | None = None,
    **settings: Any,
) -> subprocess.CompletedProcess[str]:
    """Run the command from the root with an inventory that needs no cloud.

    Fails if a phrase shows.
    """
    inventory = state.parent / "inventory"
    inventory.mkdir(exist_ok=True)
    (inventory / "hosts.yml").write_text("all: {children: {users: {}}}\n")
    link_ours(inventory, ROOT)
    given = {"state_dir": str(state), "zone": "example.org", "https_port": 443, **settings}
    command = [str(PROGRAMS / "ansible-playbook"), "-i", str(inventory), "url_cards.yml", "-e", names]
    done = subprocess.run(
        [*command, "-e", json.dumps(given), *options],
        cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1", **(environment or {})},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    shown = done.stdout + done.stderr
    assert "canary" not in shown, shown
    assert "Traceback" not in shown, shown
    return done


def written(state: Path) -> dict[str, bytes]:
    folder = state / "cards"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def failures(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 2, done.stdout + done.stderr
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("FAILED")]


def test_cards_and_table_are_private_exact_and_written_once(state: Path) -> None:
    preview = play(state, "--check")
    assert preview.returncode == 0 and "changed" in preview.stdout and written(state) == {}
    first = play(state, "-vvvvv", "--diff")
    assert first.returncode == 0, first.stdout
    assert sorted(written(state)) == ["ws.csv", "ws.pdf"]
    for path in (state / "cards", *(state / "cards").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    rows = list(csv.DictReader((state / "cards/ws.csv").open(newline="", encoding="utf-8")))
    assert {row["user"]: row["pass phrase"] for row in rows} == PHRASES
    assert rows[0]["url"] == "https://ws-1.stack.example.org"
    [page] = read((state / "cards/ws.pdf").read_bytes())
    for place, phrase in enumerate(PHRASES.values()):
        letters = page.letters_in(page.cell(place, 3))
        assert phrase in text(letters), "in the order of the names"
    assert sorted(code.text for code in page.codes) == [row["url"] for row in rows]
    before = written(state)
    again = play(state)
    assert again.returncode == 0 and again.stdout.splitlines()[-1] == "nothing was changed"
    assert "3 cards on 1 page" in again.stdout and str(state / "cards/ws.pdf") in again.stdout
    assert "  changed" not in play(state, "--check").stdout
    assert written(state) == before


def test_our_own_folders_are_mended_and_a_folder_elsewhere_is_not(state: Path) -> None:
    own, elsewhere = state / "jupyter-passwords", state.parent / "of-the-lab"
    own.chmod(0o755)
    assert play(state).returncode == 0
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    own.rename(elsewhere)
    elsewhere.chmod(0o755)
    done = play(state, password_file=f"{elsewhere}/{{{{ inventory_hostname }}}}.passwd")
    assert done.returncode == 0 and "is not ours" in " ".join((done.stdout + done.stderr).split())
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


def test_one_user_has_files_of_her_own(state: Path) -> None:
    done = play(state, names="user=ws-2", cards_per_page=1, cards_paper="letter", cards_title="Hers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(written(state)) == ["ws-2.csv", "ws-2.pdf"]
    [page] = read((state / "cards/ws-2.pdf").read_bytes())
    assert (round(page.width), round(page.height)) == (612, 792)
    assert "Hers" in text(page.letters) and PHRASES["ws-2"] in text(page.letters)


def test_every_bad_password_file_is_named_and_nothing_is_written(state: Path) -> None:
    play(state)
    before = written(state)
    missing = write_phrase(state, "ws-1", "")
    missing.unlink()
    write_phrase(state, "ws-2", "\nsecond line\n")
    write_phrase(state, "ws-3", "short\n")
    lines = failures(play(state))
    assert len(lines) == 3
    assert "ws-1.passwd: does not exist" in lines[0] and "create_passwords.yml -e user=ws-1" in lines[0]
    assert "ws-2.passwd: has a blank first line" in lines[1] and "create_passwords.yml" in lines[1]
    assert "ws-3.passwd: has a password of 5 characters, fewer than 12" in lines[2]
    assert written(state) == before
    many = failures(play(state, names="base=lab low=1 high=40"))
    assert len(many) == 22 and many[-1].endswith(
        "create_passwords.yml with the same names makes those that are missing"
    )


def test_a_vaulted_password_file_is_read(state: Path) -> None:
    vault = state.parent / "vault"
    vault.write_text("of the vault\n")
    path = state / "jupyter-passwords/ws-2.passwd"
    program = [str(PROGRAMS / "ansible-vault"), "encrypt", "--vault-password-file", str(vault), str(path)]
    subprocess.run(program, check=True, capture_output=True)
    [line] = failures(play(state))
    assert "ws-2.passwd" in line and "vault" in line and written(state) == {}
    assert play(state, "--vault-password-file", str(vault)).returncode == 0
    assert PHRASES["ws-2"] in (state / "cards/ws.csv").read_text()
    vault.write_text("another\n")
    [line] = failures(play(state, "--vault-password-file", str(vault)))
    assert "does not fit" in line


def test_an_own_template_is_used_and_its_errors_are_lines(state: Path) -> None:
    own = state / "cards/template.typ"
    own.parent.mkdir(mode=0o700)
    own.write_text(Path(ROOT / "playbooks/templates/cards.typ").read_text().replace('"Pass phrase"', '"Losung"'))
    assert play(state).returncode == 0
    assert "Losung" in text(read((state / "cards/ws.pdf").read_bytes())[0].letters)
    before = written(state)
    own.write_text('#let data = json("cards.json")\n#panic(data.pages.first().first().phrase)\n')
    [line] = failures(play(state))
    assert "template.typ:2:1: " in line
    assert "template.typ:2:1: " in play(state, "-vvvvv").stdout
    other = state.parent / "other.typ"
    other.write_text("#nothing-of-that-name\n")
    assert "other.typ:1:1: unknown variable" in failures(play(state, cards_template=str(other)))[0]
    assert "no.typ cannot be read" in failures(play(state, cards_template="no.typ"))[0]
    assert {**written(state), "template.typ": b""} == {**before, "template.typ": b""}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"zone": ""}, "zone is empty"),
        ({"cards_title": "{{ lookup('pipe', 'touch PWNED') }}"}, "templates are not allowed"),
        ({"cards_logo": "nowhere.png"}, "nowhere.png cannot be read"),
    ],
)
def test_a_bad_setting_is_one_line(state: Path, settings: dict[str, Any], says: str) -> None:
    lines = failures(play(state, **settings))
    assert len(lines) == 1 and says in lines[0]
    assert written(state) == {}
    assert not (ROOT / "PWNED").exists() and not (ROOT / "playbooks/PWNED").exists()


def test_a_python_without_typst_is_one_line(state: Path) -> None:
    hidden = state.parent / "hidden"
    hidden.mkdir()
    (hidden / "typst.py").write_text("raise ModuleNotFoundError('none here', name='typst')\n")
    [line] = failures(play(state, environment={"PYTHONPATH": str(hidden)}))
    assert "typst is not there for" in line and "make setup" in line
    assert written(state) == {}
