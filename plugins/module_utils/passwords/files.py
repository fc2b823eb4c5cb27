"""Password files of the users on the controller, `jupyter-passwords/<user>.passwd`: read, checked and made.

The first line of a file is the password. What is wrong with a file is told in one line; the password never is.
Used by modules and plugins that run on the controller. Standard library only, but for the words, which passlib ships.
"""

from __future__ import annotations

import math
import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from ..common.files import write_beside

WORDS_IN_PHRASE = 5
"""Words in a pass phrase that we make: 5 of the 7,776 of the EFF's long list are 64.6 bits. Jupyter does not limit the
attempts at a login, so this must hold against a guesser on the network; it is also short enough to type from a card."""

Decrypt = Callable[[bytes], bytes]
"""From the bytes of a file that ansible-vault encrypted to the plain ones; ValueError when the password is wrong."""

_VAULT_MARK = b"$ANSIBLE_VAULT;"
_VAULT_SECONDS = 60
_LARGEST_FILE = 65536
"""Bytes; a password file that is larger is some other file."""


class PasswordFileError(ValueError):
    """A password file that cannot be used; str() is one line of which file, what is wrong with it and what to do."""

    def __init__(self, path: Path, what: str, fix: str) -> None:
        super().__init__(f"{path}: {what}: {fix}")
        self.what = f"the password file {path} {what}"
        self.fix = fix


def password_file(directory: str | Path, user: str) -> Path:
    """Return where the password of `user` is kept in `directory`."""
    return Path(directory) / f"{user}.passwd"


def read_password(
    path: str | Path,
    minimum_length: int,
    notes: list[str] | None = None,
    mend: bool = True,
    decrypt: Decrypt | None = None,
) -> str:
    """Return the password in the file `path`.

    `minimum_length` counts characters. A file or folder that others can read is given mode 0600 or 0700, unless
    `mend` is false; either is said in `notes`. `decrypt` (see vault_decrypter) is used for
    files that ansible-vault encrypted.
    Raises PasswordFileError.
    """
    path = Path(path)
    make = f"make it with: ansible-playbook create_passwords.yml -e user={path.stem}"
    write = f"write another, or remove it and {make}"
    data = _content(path, make)
    for item, mode in ((path.parent, 0o700), (path, 0o600)):
        keep_private(item, mode, [] if notes is None else notes, mend)
    if data.startswith(_VAULT_MARK):
        data = _decrypted(path, data, decrypt)
    if not data:
        raise PasswordFileError(path, "is empty", write)
    try:
        first_line = data.decode("utf-8").split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise PasswordFileError(path, "is not UTF-8 text", write) from None
    if not first_line.strip():
        raise PasswordFileError(path, "has a blank first line", f"put the password on the first line; {write}")
    if not first_line.isprintable() or first_line != first_line.strip():
        what = "has characters in its first line that cannot be seen (control characters, blanks at an end)"
        raise PasswordFileError(path, what, write)
    if len(first_line) < minimum_length:
        what = f"has a password of {len(first_line)} characters, fewer than {minimum_length}"
        raise PasswordFileError(path, what, write)
    return first_line


def new_phrase(minimum_length: int = 0) -> str:
    """Return a new pass phrase of WORDS_IN_PHRASE random words, or of more until it has `minimum_length` characters.

    passlib.pwd.genphrase does the same, but that module cannot be imported where setuptools no longer brings
    pkg_resources; its word list can be read without it.
    """
    words = phrase_words()
    chosen = [secrets.choice(words) for _ in range(WORDS_IN_PHRASE)]
    while len("-".join(chosen)) < minimum_length:
        chosen.append(secrets.choice(words))
    return "-".join(chosen)


def phrase_words() -> list[str]:
    """Return the words of which phrases are made: lower-case letters (and four times a hyphen), no two alike."""
    text = resources.files("passlib").joinpath("_data/wordsets/eff_long.txt").read_text(encoding="ascii")
    words = sorted(set(text.split()))
    if math.log2(len(words)) * WORDS_IN_PHRASE < 60:
        raise RuntimeError(f"passlib's word list has only {len(words)} words: too few for a strong phrase")
    return words


def write_new_password(path: Path, password: str) -> bool:
    """Write `password` to a new file `path` of mode 0600; return False, and write nothing, when there is one already.

    The file appears under its name only when whole: an interrupted run leaves no half a password. Raises OSError.
    """
    partial = write_beside(path, f"{password}\n".encode(), 0o600)
    try:
        # A link fails when the name is taken, also by a run at the same moment; a rename would replace that file.
        os.link(partial, path)
    except FileExistsError:
        return False
    finally:
        partial.unlink()
    return True


def keep_private(item: Path, mode: int, notes: list[str], mend: bool = True) -> None:
    """Take from others what access they have to `item` by giving it `mode`, and say so in `notes`.

    Without `mend` it is only said. Raises PasswordFileError when the mode cannot be changed.
    """
    found = stat.S_IMODE(item.stat().st_mode)
    # "." is the folder that somebody works in: its mode is not ours to change.
    if not found & 0o077 or item.resolve() == Path.cwd():
        return
    note = f"{item} could be read by others (mode {found:04o})"
    if not mend:
        notes.append(f"{note}: it would be set to {mode:04o}")
        return
    try:
        item.chmod(mode)
    except OSError as error:
        raise PasswordFileError(item, f"can be read by others ({error.strerror})", f"chmod {mode:04o}") from None
    notes.append(f"{note}: set to {mode:04o}")


def vault_decrypter(vault_password_file: str | None) -> Decrypt | None:
    """Return what decrypts files of ansible-vault with the password in a file (or said by a script), None without one.

    The program ansible-vault does the work: a module cannot import Ansible's own library, of which it sees a part only.
    The returned function raises ValueError when the password cannot be had or does not fit.
    """
    if not vault_password_file:
        return None
    program = Path(sys.executable).with_name("ansible-vault")
    command = [str(program), "decrypt", "--vault-password-file", str(vault_password_file), "--output", "-"]

    def decrypt(data: bytes) -> bytes:
        try:
            done = subprocess.run(command, input=data, capture_output=True, timeout=_VAULT_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ValueError("ansible-vault does not run") from error
        if done.returncode != 0:
            raise ValueError("the vault password does not fit")
        return done.stdout

    return decrypt


def _content(path: Path, make: str) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PasswordFileError(path, "is no regular file", f"move it away and {make}")
        with path.open("rb") as stream:
            return stream.read(_LARGEST_FILE)
    except FileNotFoundError:
        raise PasswordFileError(path, "does not exist", make) from None
    except OSError as error:
        raise PasswordFileError(path, f"cannot be read ({error.strerror})", "give it to your account") from None


def _decrypted(path: Path, data: bytes, decrypt: Decrypt | None) -> bytes:
    if decrypt is None:
        fix = "set ANSIBLE_VAULT_PASSWORD_FILE to the file with the vault password, or run: ansible-vault decrypt"
        raise PasswordFileError(path, "is encrypted with ansible-vault and no vault password is at hand", fix)
    try:
        return decrypt(data)
    except ValueError:
        what = "is encrypted with ansible-vault and the vault password does not fit"
        raise PasswordFileError(path, what, "give the vault password that it was encrypted with") from None
