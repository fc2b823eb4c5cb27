"""Pass phrases in the bytes of files as people make them."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.probcomp.stack.plugins.module_utils.passwords import files
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.endpoints import check_passwords
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.findings import Findings
from ansible_collections.probcomp.stack.plugins.module_utils.preflight.request import Settings
from ansible_collections.probcomp.stack.plugins.modules import create_passwords, fleet_check
from ansible_collections.probcomp.stack.plugins.plugin_utils.vault import decrypter

VAULT = VaultLib([("default", VaultSecret(b"of the vault"))])
PHRASE = "correct-horse-battery"


def pasted(text: str, before: str = "jupyter_password: ") -> bytes:
    """Return what `ansible-vault encrypt_string` writes."""
    lines = VAULT.encrypt(text).decode().splitlines()
    return "\n".join([f"{before}!vault |", *(f"          {line}" for line in lines), ""]).encode()


def block() -> bytes:
    encrypted: bytes = VAULT.encrypt(PHRASE)
    return encrypted


@pytest.mark.parametrize(
    "data",
    [
        block(),
        b"\n" + block(),
        block().replace(b"\n", b"\r\n"),
        block().rstrip(),
        pasted(PHRASE),
        pasted(PHRASE + "\n"),
        pasted(PHRASE, ""),
        pasted(PHRASE, "ws-1: ").replace(b"\n", b"\r\n"),
        pasted(PHRASE).rstrip(),
        pasted(PHRASE) + b"\n\n",
    ],
)
def test_what_ansible_vault_writes_is_decrypted(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "alice.passwd"
    path.write_bytes(data)
    assert files.read_password(path, 12, decrypt=VAULT.decrypt) == PHRASE
    with pytest.raises(files.PasswordFileError, match="encrypted with ansible-vault and no vault password is at hand"):
        files.read_password(path, 12)


@pytest.mark.parametrize(
    "data",
    [
        b"# the phrase of alice\n" + block(),
        b"---\n" + pasted(PHRASE),
        pasted(PHRASE) + b"another_name: value\n",
        pasted(PHRASE) + pasted(PHRASE),
        b"jupyter_password: !vault |\n",
        b"$ANSIBLE_VAULT;1.1;AES256\n",
        b'jupyter_password: "$ANSIBLE_VAULT;1.1;AES256"\n',
        b"jupyter_password: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n          not hexadecimal\n",
    ],
)
def test_a_part_of_ansible_vaults_text_is_no_phrase(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "alice.passwd"
    path.write_bytes(data)
    with pytest.raises(files.PasswordFileError, match="has text of ansible-vault that is not whole, or not alone"):
        files.read_password(path, 12, decrypt=VAULT.decrypt)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xef\xbb\xbf" + PHRASE.encode(), "begins with a byte-order mark (BOM)"),
        (b"\xef\xbb\xbf" + block(), "ansible-vault"),
        (PHRASE.encode("utf-16"), "is UTF-16 text, by its byte-order mark"),
        (VAULT.encrypt(b"\xef\xbb\xbf" + PHRASE.encode()), "begins with a byte-order mark (BOM)"),
        (VAULT.encrypt("short"), "has a password of 5 characters"),
        (VAULT.encrypt("a no-break\u00a0blank, unseen"), "cannot be seen"),
    ],
)
def test_marks_of_editors_are_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "alice.passwd"
    path.write_bytes(data)
    with pytest.raises(files.PasswordFileError) as raised:
        files.read_password(path, 12, decrypt=VAULT.decrypt)
    assert words in str(raised.value) and "\n" not in str(raised.value) and PHRASE not in str(raised.value)


@pytest.mark.parametrize(
    "typed",
    [
        "café-correct-horse",
        "Ährenfeld über Köln",
        "ガギグゲゴ-パピプペポ",
        "한국어 암호 문장",
        "mật khẩu rất dài",
        "آذار-طويلة-كلمة",
    ],
)
def test_a_decomposed_phrase_is_the_one_that_a_keyboard_types(tmp_path: Path, typed: str) -> None:
    path = tmp_path / "alice.passwd"
    decomposed = unicodedata.normalize("NFD", typed)
    assert decomposed != typed
    for data in (decomposed.encode(), VAULT.encrypt(decomposed)):
        path.write_bytes(data)
        assert files.read_password(path, 5, decrypt=VAULT.decrypt) == typed


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_length_is_that_of_what_is_typed(form: Any, tmp_path: Path) -> None:
    path = tmp_path / "alice.passwd"
    path.write_text(unicodedata.normalize(form, "äöüéèêñçåøß"))
    with pytest.raises(files.PasswordFileError) as raised:
        files.read_password(path, 12)
    assert "has a password of 11 characters (composed, as keyboards type them), fewer than 12" in str(raised.value)
    path.write_text(unicodedata.normalize(form, "äöüéèêñçåøß+"))
    assert files.read_password(path, 12) == "äöüéèêñçåøß+"


def test_every_module_decrypts_with_the_vault_passwords_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "alice.passwd"
    path.write_bytes(pasted(PHRASE))
    settings = Settings("r", "example.org", "", "", "", "", str(tmp_path), 12, "")
    machine = {"user": "alice", "url": "https://alice.stack.example.org", "password_file": path}
    checked = {"minimum_length": 12, "password_directory": tmp_path, "machines": [machine], "last_step": "login"}

    def problems() -> list[list[str]]:
        findings = Findings()
        check_passwords(findings, settings, ["alice"])
        made = create_passwords.faults(["alice"], tmp_path, 12, [], decrypt=files.vault_decrypter())
        unreadable = fleet_check.readable(checked, [])[1]
        return [
            [problem.text for problem in findings.problems],
            made,
            [result.reason for result in unreadable.values()],
        ]

    for password, words in (
        (b"of the vault", ""),
        (b"another", "does not fit"),
        (None, "is at hand: give it by --vault"),
    ):
        loader = DataLoader()
        loader.set_vault_secrets([("default", VaultSecret(password))] if password else [])
        with files.vault_passwords(decrypter(loader)):
            assert [len(lines) for lines in problems()] == ([1, 1, 1] if words else [0, 0, 0])
            assert all(words in line for lines in problems() for line in lines)
    assert files.vault_decrypter() is None
