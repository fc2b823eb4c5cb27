"""Compose letters and their marks.

Standard library only.
"""

from __future__ import annotations

import itertools
import unicodedata


def composed(text: str) -> str:
    """Return `text` with base letters and marks composed as keyboards type them.

    So e and an accent become é. Unlike NFC alone this leaves characters that NFC itself takes apart or replaces, as
    U+0958 and U+FA19: keyboards type them, people log in with them, and AWS's tags admit the first, but not its two
    parts.
    """
    pieces = itertools.groupby(text, key=lambda character: unicodedata.is_normalized("NFC", character))
    return "".join(
        unicodedata.normalize("NFC", "".join(piece)) if is_stable else "".join(piece) for is_stable, piece in pieces
    )


def is_longer_decomposed(text: str) -> bool:
    """Return whether `text` has more characters in its decomposed form.

    Letters and their marks are characters of their own there.
    """
    return len(unicodedata.normalize("NFD", text)) > len(text)
