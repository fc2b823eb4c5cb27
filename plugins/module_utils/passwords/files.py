"""Read, check and create password files of the users on the controller.

The files are `jupyter-passwords/<user>.passwd`, and the first line of a file is the password. A problem with a file is
reported in one line, which never contains the password.

Runs on the controller. Standard library only, except for the word list, which passlib ships.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import pwd
import secrets
import stat
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

from ..common.files import fill, partial_file, set_mode
from ..common.unicode_forms import is_longer_decomposed
from .phrase import InvalidPhrase, phrase_in, vault_text

WORDS_IN_PHRASE = 5
"""Number of words in a new pass phrase.

5 of the 7,776 words of the EFF's long list are 64.6 bits. Jupyter only slows login attempts down, so the phrase must
resist guessing over the network; it is also short enough to type from a card.
"""

FOLDER = "jupyter-passwords"
"""Name of our own folder of password files, in the state folder."""

Decrypt = Callable[[bytes], bytes]
"""Function that decrypts the bytes of a file encrypted by ansible-vault.

It raises ValueError when no password fits.
"""

_run_decrypter: Decrypt | None = None
_LARGEST_FILE = 65536
"""Maximum size of a password file in bytes.

A larger file is not a password file.
"""


class PasswordFileError(ValueError):
    """Unusable password file.

    str() is one line with the file, its problem and what to do.
    """

    def __init__(self, path: Path, what: str, fix: str) -> None:
        super().__init__(f"{path}: {what}: {fix}")
        self.what = f"the password file {path} {what}"
        self.fix = fix


def password_file(directory: str | Path, user: str) -> Path:
    """Return the path of the password file of `user` in `directory`."""
    return Path(directory) / f"{user}.passwd"


def read_password(
    path: str | Path,
    minimum_length: int,
    notes: list[str] | None = None,
    mend: bool = True,
    decrypt: Decrypt | None = None,
    own: str | Path | None = None,
) -> str:
    """Return the password in the file `path`.

    `minimum_length` counts characters of the composed phrase. A file that others can read is given mode 0600, unless
    `mend` is false; so is its folder mode 0700 if it is `own`, the state folder's own one. `notes` gets a line in any
    case. Nothing is changed through a link. `decrypt` (see vault_decrypter) is used for files that ansible-vault
    encrypted. A phrase in decomposed Unicode is returned composed, as keyboards type it.

    Raises PasswordFileError.
    """
    path = Path(path)
    make = f"make it with: ansible-playbook create_passwords.yml -e user={path.stem}"
    write = f"write another, or remove it and {make}"
    notes = [] if notes is None else notes
    data = _content(path, make, notes, mend)
    keep_folder_private(path.parent, is_own(path.parent, own), notes, mend)
    try:
        if encrypted := vault_text(data):
            data = _decrypted(path, encrypted, decrypt)
        phrase = phrase_in(data)
    except InvalidPhrase as error:
        raise PasswordFileError(path, str(error), write) from None
    if len(phrase) < minimum_length:
        how = " (composed, as keyboards type them)" if is_longer_decomposed(phrase) else ""
        what = f"has a password of {len(phrase)} characters{how}, fewer than {minimum_length}"
        raise PasswordFileError(path, what, write)
    return phrase


def new_phrase(minimum_length: int = 0) -> str:
    """Return a new pass phrase of WORDS_IN_PHRASE or more random words.

    Words are added until it has `minimum_length` characters.

    passlib.pwd.genphrase does the same, but that module cannot be imported where setuptools no longer includes
    pkg_resources; its word list can be read without it.
    """
    words = phrase_words()
    chosen = [secrets.choice(words) for _ in range(WORDS_IN_PHRASE)]
    while len("-".join(chosen)) < minimum_length:
        chosen.append(secrets.choice(words))
    return "-".join(chosen)


def phrase_words() -> list[str]:
    """Return the word list for pass phrases, without duplicates.

    A word has lower-case letters, and four words have a hyphen.
    """
    text = resources.files("passlib").joinpath("_data/wordsets/eff_long.txt").read_text(encoding="ascii")
    words = sorted(set(text.split()))
    if math.log2(len(words)) * WORDS_IN_PHRASE < 60:
        raise RuntimeError(f"passlib's word list has only {len(words)} words: too few for a strong phrase")
    return words


def write_new_password(path: Path, password: str) -> bool:
    """Write `password` to a new file `path` of mode 0600.

    If the file exists already, the function writes nothing and returns False.

    The file appears under its name only when complete: an interrupted run leaves no partial password. Raises OSError.
    """
    with partial_file(path) as (partial, stream):
        fill(stream, f"{password}\n".encode(), 0o600)
        try:
            # A link fails when the name exists, even if another run created it just now; a rename would replace it.
            os.link(partial, path)
        except FileExistsError:
            return False
    return True


def is_own(folder: Path, own: str | Path | None) -> bool:
    """Return whether `folder` is `own`, and that by its name a folder of passwords."""
    return own is not None and folder.name == FOLDER and Path(own).absolute() == folder.absolute()


def keep_folder_private(folder: Path, is_ours: bool, notes: list[str], mend: bool = True) -> None:
    """Remove others' access to `folder`, and add a line to `notes` if they had any.

    Without `mend`, and where the folder is not ours or a link, only the line is added. Raises PasswordFileError when
    the mode cannot be changed.
    """
    found = folder.stat()
    # "." is the folder in which a person works, so its mode stays unchanged.
    if not found.st_mode & 0o077 or folder.resolve() == Path.cwd():
        return
    if folder.is_symlink() or not is_ours:
        _note(notes, _not_ours(f"the folder {folder}", folder, found, "keep secrets in a folder that is yours alone"))
        return
    if mend:
        _set_mode(folder, lambda: set_mode(folder, 0o700), 0o700)
    _note_mended(notes, folder, found, 0o700, mend)


def _keep_file_private(handle: int, path: Path, is_link: bool, notes: list[str], mend: bool) -> None:
    """Do the same for the password file `path`, open as `handle`."""
    found = os.fstat(handle)
    if not found.st_mode & 0o077:
        return
    if is_link:
        _note(notes, _not_ours(str(path), path, found, f"chmod 0600 {path.resolve()}, or put the file itself there"))
        return
    if mend:
        _set_mode(path, lambda: os.fchmod(handle, 0o600), 0o600)
    _note_mended(notes, path, found, 0o600, mend)


def _set_mode(item: Path, change: Callable[[], None], mode: int) -> None:
    try:
        change()
    except OSError as error:
        raise PasswordFileError(item, f"can be read by others ({error.strerror})", f"chmod {mode:04o}") from None


def _note_mended(notes: list[str], item: Path, found: os.stat_result, mode: int, mend: bool) -> None:
    mended = f"{'' if mend else 'it would be '}set to {mode:04o}"
    _note(notes, f"{item} could be read by others (mode {stat.S_IMODE(found.st_mode):04o}): {mended}")


def _note(notes: list[str], line: str) -> None:
    # The files of a class are in one folder, about which one line is enough.
    if line not in notes:
        notes.append(line)


def _not_ours(name: str, item: Path, found: os.stat_result, fix: str) -> str:
    """Return the line about a file or folder whose mode is not ours to change."""
    try:
        owner = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        owner = f"user number {found.st_uid}"
    what = f"is a link to {item.resolve()} of {owner}" if item.is_symlink() else f"of {owner} is not ours"
    return f"{name} {what} and can be read by others (mode {stat.S_IMODE(found.st_mode):04o}), left as it is: {fix}"


@contextlib.contextmanager
def vault_passwords(decrypt: Decrypt | None) -> Iterator[None]:
    """Have vault_decrypter return `decrypt` in the block.

    The block runs a module in Ansible's own process.
    """
    global _run_decrypter
    before, _run_decrypter = _run_decrypter, decrypt
    try:
        yield
    finally:
        _run_decrypter = before


def vault_decrypter() -> Decrypt | None:
    """Return what decrypts with the vault passwords of the run, None without one."""
    return _run_decrypter


def _content(path: Path, make: str, notes: list[str], mend: bool) -> bytes:
    """Return the file's bytes, after its mode was looked at on the same descriptor."""
    try:
        handle, is_link = _open(path)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise PasswordFileError(path, "is no regular file", f"move it away and {make}")
            _keep_file_private(handle, path, is_link, notes, mend)
            return stream.read(_LARGEST_FILE)
    except FileNotFoundError:
        raise PasswordFileError(path, "does not exist", make) from None
    except IsADirectoryError:
        raise PasswordFileError(path, "is no regular file", f"move it away and {make}") from None
    except OSError as error:
        raise PasswordFileError(path, f"cannot be read ({error.strerror})", "give it to your account") from None


def _open(path: Path) -> tuple[int, bool]:
    """Return a descriptor of the file, and whether `path` is a link to it."""
    flags = os.O_RDONLY | os.O_NONBLOCK
    try:
        return os.open(path, flags | os.O_NOFOLLOW), False
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    return os.open(path, flags), True


def _decrypted(path: Path, data: bytes, decrypt: Decrypt | None) -> bytes:
    ways = "--vault-password-file, --ask-vault-pass, --vault-id or ANSIBLE_VAULT_PASSWORD_FILE"
    if decrypt is None:
        what = "is encrypted with ansible-vault and no vault password is at hand"
        raise PasswordFileError(path, what, f"give it by {ways}")
    try:
        return decrypt(data)
    except ValueError:
        what = "is encrypted with ansible-vault and the vault password does not fit"
        raise PasswordFileError(path, what, f"give the one that it was encrypted with, by {ways}") from None
