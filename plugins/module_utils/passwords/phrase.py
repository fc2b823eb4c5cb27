"""Find the pass phrase in the bytes of a password file.

Runs on the controller. Standard library only. No text of an error has the phrase in it.
"""

from __future__ import annotations

import codecs
import re

from ..common.unicode_forms import composed

_VAULT_MARK = b"$ANSIBLE_VAULT;"
# What ansible-vault encrypt writes, or encrypt_string: a name and a tag before, and all lines indented.
_VAULT_BLOCK = re.compile(
    rb"\s*(?:[^\s:#]+:[ \t]*)?(?:!vault(?:-encrypted)?[ \t]*\|[-+0-9]*[ \t]*\r?\n)?[ \t]*"
    rb"(?P<header>\$ANSIBLE_VAULT;[^\s]+)[ \t]*\r?\n(?P<lines>(?:[ \t]*[0-9A-Fa-f]+[ \t]*(?:\r?\n|\Z))+)\s*"
)
_VAULT_TAG = re.compile(rb"!vault(-encrypted)?[ \t]*\|[-+0-9]*[ \t]*\r?(\n|\Z)")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class InvalidPhrase(ValueError):
    """Error for bytes without a usable pass phrase.

    str() is what is wrong, the end of a sentence that begins with the file.
    """


def vault_text(data: bytes) -> bytes | None:
    """Return the part of a file for ansible-vault, None for an unencrypted file.

    Raises InvalidPhrase for one that has such a part and more, or a part of it.
    """
    if match := _VAULT_BLOCK.fullmatch(data):
        return b"\n".join([match["header"], *match["lines"].split(), b""])
    if _VAULT_MARK in data or _VAULT_TAG.search(data):
        raise InvalidPhrase("has text of ansible-vault that is not whole, or not alone in it")
    return None


def phrase_in(data: bytes) -> str:
    """Return the first line of a file that is not encrypted, in composed form.

    Raises InvalidPhrase.
    """
    if not data:
        raise InvalidPhrase("is empty")
    if data.startswith(_UTF16_MARKS):
        raise InvalidPhrase("is UTF-16 text, by its byte-order mark: save it as UTF-8 without one")
    if data.startswith(codecs.BOM_UTF8):
        raise InvalidPhrase("begins with a byte-order mark (BOM), as some editors write: save it as UTF-8 without one")
    try:
        first_line = data.decode("utf-8").split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidPhrase("is not UTF-8 text") from None
    if not first_line.strip():
        raise InvalidPhrase("has a blank first line")
    if not first_line.isprintable() or first_line != first_line.strip():
        raise InvalidPhrase(
            "has characters in its first line that cannot be seen (control characters, blanks at an end)"
        )
    return composed(first_line)
