"""Password files: refusals with their messages, and repairs.

A phrase is never shown or replaced.
"""

import math
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.passwords import files

from tests.support import ROOT, ad_hoc

REMEDY = "ansible-playbook create_passwords.yml -e user=alice"


def written(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    """Write a password file of alice with `content`, in a private folder.

    Returns the file.
    """
    folder.chmod(0o700)
    path = folder / "alice.passwd"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b"\nsecond line\n"])
def test_the_first_line_is_the_password(tmp_path: Path, ending: bytes) -> None:
    path = written(tmp_path, "zwölf kleine Ähren".encode() + ending)
    assert files.read_password(path, 12) == "zwölf kleine Ähren"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\nlong-enough-second-line\n", "blank first line"),
        (b"   \t  \n", "blank first line"),
        (b"elevenchars\n", "has a password of 11 characters, fewer than 12"),
        (b"not utf-8 \xff\xfe long enough", "is not UTF-8"),
        (b"long enough but\x1b[31m red", "cannot be seen"),
        (b"long enough but a bell\x07", "cannot be seen"),
        (b"ends in a blank, too \n", "cannot be seen"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n6162\n", "encrypted with ansible-vault"),
    ],
)
def test_a_faulty_file_is_named_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(files.PasswordFileError) as raised:
        files.read_password(path, 12)
    line = str(raised.value)
    assert words in line and str(path) in line and "\n" not in line and "\x1b" not in line
    assert "elevenchars" not in line


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(files.PasswordFileError, match="does not exist.*" + REMEDY):
        files.read_password(tmp_path / "alice.passwd", 12)
    (tmp_path / "alice.passwd").mkdir()
    with pytest.raises(files.PasswordFileError, match="no regular file"):
        files.read_password(tmp_path / "alice.passwd", 12)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def ours(state: Path) -> Path:
    """Make the state folder's own password folder, with alice's password file.

    Others can read both.
    """
    folder = state / "jupyter-passwords"
    folder.mkdir(parents=True)
    written(folder, b"correct-horse-battery\n", 0o644)
    folder.chmod(0o755)
    return folder / "alice.passwd"


def test_what_others_can_read_is_mended_and_said(tmp_path: Path) -> None:
    path = ours(tmp_path)
    notes: list[str] = []
    files.read_password(path, 12, notes, mend=False, own=path.parent)
    assert (mode(path), mode(path.parent)) == (0o644, 0o755) and len(notes) == 2 and "would be" in notes[0]
    notes.clear()
    files.read_password(path, 12, notes, own=path.parent)
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert len(notes) == 2
    assert not any("correct-horse" in note for note in notes)
    notes.clear()
    files.read_password(path, 12, notes, own=path.parent)
    assert notes == []


@pytest.mark.parametrize("own", [None, "elsewhere/jupyter-passwords", "shared"])
def test_a_folder_that_is_not_ours_is_named_and_left_as_it_is(tmp_path: Path, own: str | None) -> None:
    path = ours(tmp_path)
    shared = tmp_path / "shared"
    path.parent.rename(shared)
    notes: list[str] = []
    for user in ("alice", "bob"):
        (shared / f"{user}.passwd").write_bytes(b"correct-horse-battery\n")
        files.read_password(shared / f"{user}.passwd", 12, notes, own=own and tmp_path / own)
    assert (mode(shared), mode(shared / "alice.passwd")) == (0o755, 0o600)
    [note] = [note for note in notes if str(shared) + " " in note]
    assert "is not ours" in note and "left as it is: keep secrets in a folder that is yours alone" in note


def test_another_folder_of_the_same_name_is_left_as_it_is(tmp_path: Path) -> None:
    path = ours(tmp_path / "of-the-lab")
    files.read_password(path, 12, [], own=tmp_path / "jupyter-passwords")
    assert mode(path.parent) == 0o755


def test_nothing_is_changed_through_a_link(tmp_path: Path) -> None:
    path = ours(tmp_path / "there")
    folder = tmp_path / "jupyter-passwords"
    folder.symlink_to(path.parent)
    notes: list[str] = []
    assert files.read_password(folder / "alice.passwd", 12, notes, own=folder) == "correct-horse-battery"
    assert mode(path.parent) == 0o755 and any(f"is a link to {path.parent} of " in note for note in notes)
    folder.unlink()
    folder.mkdir(mode=0o700)
    path.chmod(0o644)
    (folder / "alice.passwd").symlink_to(path)
    notes.clear()
    assert files.read_password(folder / "alice.passwd", 12, notes, own=folder) == "correct-horse-battery"
    [note] = notes
    assert mode(path) == 0o644 and f"is a link to {path} of " in note and f"chmod 0600 {path}" in note


def test_a_link_that_appears_in_between_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ours(tmp_path)
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    is_symlink = Path.is_symlink

    def swapped(self: Path) -> bool:
        """Answer as the file system does, and put a link there right after it."""
        found = is_symlink(self)
        if self == path.parent and not found:
            path.parent.rename(tmp_path / "moved")
            path.parent.symlink_to(victim)
        return found

    monkeypatch.setattr(Path, "is_symlink", swapped)
    with pytest.raises(files.PasswordFileError, match="can be read by others"):
        files.read_password(path, 12, [], own=path.parent)
    assert mode(victim) == 0o755


@pytest.mark.slow
def test_an_encrypted_file_is_read_with_the_vault_password(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    vault.write_text("of the vault\n")
    path = written(tmp_path, b"correct-horse-battery\n")
    program = str(Path(sys.executable).with_name("ansible-vault"))
    command = [program, "encrypt", "--vault-password-file", str(vault), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    assert run_module(tmp_path, ["alice"], vault=str(vault))["existing"] == ["alice"]
    assert "no vault password is at hand" in str(run_module(tmp_path, ["alice"])["msg"])
    vault.write_text("another\n")
    assert "does not fit" in str(run_module(tmp_path, ["alice"], vault=str(vault))["msg"])


def test_phrases_are_strong_and_differ() -> None:
    words = files.phrase_words()
    phrases = {files.new_phrase() for _ in range(200)}
    assert len(phrases) == 200
    assert math.log2(len(words)) * files.WORDS_IN_PHRASE >= 60
    assert all(word.isascii() and word == word.lower() and len(word) >= 3 for word in words)
    assert len(files.new_phrase(80)) >= 80


def test_a_file_is_never_replaced_even_by_two_runs_at_once(tmp_path: Path) -> None:
    path = tmp_path / "alice.passwd"
    won: list[str] = []

    def write(phrase: str) -> None:
        if files.write_new_password(path, phrase):
            won.append(phrase)

    threads = [threading.Thread(target=write, args=(f"phrase-number-{number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and path.read_text() == won[0] + "\n"
    assert [item.name for item in tmp_path.iterdir()] == ["alice.passwd"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def run_module(folder: Path, users: list[str], check: bool = False, vault: str = "") -> dict[str, object]:
    """Return the module's answer for `folder`.

    Ansible runs it as from a playbook, with the highest verbosity.
    """
    options = ["-vvvvv", *(["--check"] if check else [])]
    settings = {"ANSIBLE_ACTION_PLUGINS": str(ROOT / "plugins/action")}
    if vault:
        settings["ANSIBLE_VAULT_PASSWORD_FILE"] = vault
    arguments = {"users": users, "directory": str(folder)}
    answer, everything = ad_hoc.run(folder.parent, "create_passwords", arguments, *options, **settings)
    return {**answer, "everything": everything}


@pytest.mark.slow
def test_the_module_makes_missing_files_and_shows_no_phrase(tmp_path: Path) -> None:
    folder = tmp_path / "passwords"
    users = ["alice", "bob"]
    assert run_module(folder, users, check=True)["created"] == users
    assert not folder.exists()
    first = run_module(folder, users)
    assert first["created"] == users and first["changed"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    phrases = [files.read_password(folder / f"{user}.passwd", 12) for user in users]
    assert not any(phrase in str(first["everything"]) for phrase in phrases)
    (folder / ".bob.passwd.partial").write_text("left by a killed run")
    again = run_module(folder, users)
    assert sorted(item.name for item in folder.iterdir()) == ["alice.passwd", "bob.passwd"]
    assert again["created"] == [] and not again["changed"] and again["existing"] == users
    assert [files.read_password(folder / f"{user}.passwd", 12) for user in users] == phrases


@pytest.mark.slow
def test_the_module_leaves_a_shared_folder_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    answer = run_module(folder, ["alice"])
    assert answer["created"] == ["alice"] and mode(folder) == 0o777 and mode(folder / "alice.passwd") == 0o600
    assert "is not ours" in str(answer["notes"])


@pytest.mark.slow
def test_the_module_refuses_hostile_names_and_faulty_files(tmp_path: Path) -> None:
    folder = tmp_path / "passwords"
    assert "user name '../x'" in str(run_module(folder, ["../x"])["msg"])
    assert not folder.exists() and not (tmp_path / "x.passwd").exists()
    folder.mkdir(mode=0o700)
    written(folder, b"short\n")
    answer = run_module(folder, ["alice", "bob"])
    assert answer["problems"] and "fewer than 12" in str(answer["msg"])
    assert not (folder / "bob.passwd").exists()
