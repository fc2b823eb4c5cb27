"""Typeset cards as a PDF with typst in this process.

No secret is written to a file, and no program is started. Runs on the controller.

The template gets the data, cards.json and the QR codes, as files in memory; none of them becomes part of its source. It
may use pictures in its own folder. Fonts come from typst and from a given folder, never from the system, so that the
same input gives the same bytes everywhere.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import segno
import typst

from ..output.host_summary import listed, short_names
from . import layout
from .logo import read_logo

_STANDARD = "a-2u"
"""PDF standard of the output, PDF/A-2u.

With it typst refuses text that no font can show, instead of printing an empty box, and all text can be searched.
"""
_TIMESTAMP = datetime(2000, 1, 1, tzinfo=UTC)
"""Fixed timestamp that makes equal cards equal files."""
_MAIN = "main.typ"
"""Name that typst expects for the main file in memory."""
_ERROR = re.compile(
    r"^error: (?P<message>.+?)$(?:\n +┌─ (?P<place>[^\n]+))?(?P<rest>(?:\n(?!error: ).*)*)", re.MULTILINE
)
_STANDARD_PREFIX = re.compile(r"^PDF/A-\w+ error: |^panicked with: ")
_NO_FONT = re.compile(r'the text "(.+)" could not be displayed')
_HINT = re.compile(r"^ *= hint: (.+)$", re.MULTILINE)
_MOST_ERRORS = 5
_MOST_SIGNS = 10
_LONGEST_PHRASE = 200
"""Maximum length of a pass phrase in characters.

Nobody types more from a card, and typst's time grows with the square of the length.
"""


class CardsError(ValueError):
    """Error in typesetting cards.

    str() has one line for each problem with its place.
    """


@dataclass(frozen=True)
class Look:
    """Appearance of the cards.

    `fonts` is a folder of more fonts, `logo` a picture, either may be None.
    """

    title: str
    text: str
    paper: str
    per_page: int
    order: str
    template: Path
    logo: Path | None = None
    fonts: Path | None = None


@dataclass(frozen=True)
class _Files:
    template: bytes
    logo: list[int] | None
    """Bytes of the logo as numbers: in memory, typst takes only text for a file."""


def set_cards(cards: list[layout.Card], look: Look) -> tuple[bytes, list[str]]:
    """Return the PDF of `cards`, and typst's warnings, a line each.

    Raises CardsError, whose text holds no pass phrase, whatever the template does.
    """
    fixed = _read(look)
    if long := [card.user for card in cards if len(card.phrase) > _LONGEST_PHRASE]:
        raise CardsError(f"the pass phrase of {short_names(long)} has more than {_LONGEST_PHRASE} characters: too many")
    try:
        pdf, warnings = _compiled(cards, look, fixed)
    except typst.TypstError as error:
        raise CardsError(_explanation(cards, look, fixed, error)) from None
    return pdf, [f"{look.template}: {_masked(_warning(str(warning)), cards)}" for warning in warnings]


def _warning(text: str) -> str:
    """Return a warning of typst, with the setting that helps where a font is missing."""
    return f"{text}: name a folder with it in cards_fonts" if text.startswith("unknown font") else text


def qr_code(url: str) -> bytes:
    """Return the QR code of `url` as SVG without a margin.

    The template must leave the margin (four squares of the code).
    """
    stream = io.BytesIO()
    # Level M corrects a smudge of 15 %.
    segno.make(url, error="m", micro=False, boost_error=False).save(
        stream, kind="svg", border=0, xmldecl=False, omitsize=True
    )
    return stream.getvalue()


def _read(look: Look) -> _Files:
    """Return the files of `look`.

    Raises CardsError.
    """
    if look.fonts and not look.fonts.is_dir():
        raise CardsError(f"cards_fonts {look.fonts} is no folder")
    try:
        template = look.template.read_bytes()
        template.decode()
        logo = read_logo(look.logo) if look.logo else None
    except OSError as error:
        raise CardsError(f"{error.filename} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise CardsError(f"{look.template} is not UTF-8 text") from None
    except ValueError as error:
        raise CardsError(str(error)) from None
    return _Files(template, None if logo is None else list(logo))


def _compiled(cards: list[layout.Card], look: Look, fixed: _Files) -> tuple[bytes, list[Any]]:
    entries = [
        {"number": number, "user": card.user, "url": card.url, "phrase": card.phrase, "qr": f"qr-{number}.svg"}
        for number, card in enumerate(cards, 1)
    ]
    data = {
        "title": look.title,
        "text": look.text,
        "paper": look.paper,
        "per_page": look.per_page,
        "logo": fixed.logo,
        "count": len(cards),
        "pages": [
            [None if index is None else entries[index] for index in page]
            for page in layout.pages(len(cards), look.per_page, look.order)
        ],
    }
    codes = {f"qr-{number}.svg": qr_code(card.url) for number, card in enumerate(cards, 1)}
    try:
        pdf, warnings = typst.compile_with_warnings(  # type: ignore[call-overload]  # its stub knows no files in memory
            {_MAIN: fixed.template, "cards.json": json.dumps(data).encode(), **codes},
            root=str(look.template.parent),
            font_paths=[str(look.fonts)] if look.fonts else [],
            ignore_system_fonts=True,
            timestamp=_TIMESTAMP,
            pdf_standards=_STANDARD,
        )
    except typst.TypstError:
        raise
    except RuntimeError as error:
        # typst fails to format its error about a damaged file beside the template, because it would show a line of that
        # file.
        raise CardsError(f"{look.template}, or a file that it uses: {_masked(str(error), cards)}") from None
    if not isinstance(pdf, bytes):
        raise CardsError(f"{look.template}: makes no pages")
    return pdf, list(warnings)


def _explanation(cards: list[layout.Card], look: Look, fixed: _Files, error: typst.TypstError) -> str:
    """Return why `cards` could not be typeset.

    A second run has letters in the place of every pass phrase, so neither typst's messages nor the template's output
    can contain one.
    """
    try:
        _compiled([_harmless(card) for card in cards], look, fixed)
    except typst.TypstError as harmless:
        lines = _lines(harmless, look.template)
        about_logo = f" (cards_logo is {look.logo})" if look.logo else ""
        return "\n".join(line + about_logo if re.search("image|SVG", line) else line for line in lines)
    users = [card.user for card in cards if not _can_be_set(card, look, fixed)]
    whose = f"the pass phrase of {short_names(users)}" if users else "a pass phrase"
    where = next((_place(found["place"], look.template) for found in _ERROR.finditer(error.diagnostic)), look.template)
    return (
        f"{whose} has a character that no font here can show, or that {where} cannot take: "
        "choose another, or name a folder with a font for it in cards_fonts"
    )


def _can_be_set(card: layout.Card, look: Look, fixed: _Files) -> bool:
    try:
        _compiled([card], look, fixed)
    except typst.TypstError:
        return False
    return True


def _harmless(card: layout.Card) -> layout.Card:
    return layout.Card(card.user, card.url, "x" * len(card.phrase))


def _masked(text: str, cards: list[layout.Card]) -> str:
    for card in cards:
        text = text.replace(card.phrase, "(a pass phrase)")
    return text


def _lines(error: typst.TypstError, template: Path) -> list[str]:
    """Return typst's errors as lines with place, problem and hints.

    The place is file, line and column.
    """
    lines, unshown = [], []
    for found in _ERROR.finditer(error.diagnostic):
        if character := _NO_FONT.match(_STANDARD_PREFIX.sub("", found["message"]).replace("`", "")):
            unshown.append(character[1])
            continue
        message = _STANDARD_PREFIX.sub("", found["message"])
        hints = "".join(f" ({hint})" for hint in _HINT.findall(found["rest"]))
        lines.append(f"{_place(found['place'], template)}: {message}{hints}")
    if unshown:
        signs = listed(list(dict.fromkeys(unshown)), _MOST_SIGNS)
        lines.append(f"{template}: no font here shows {signs}: name a folder with a font that does in cards_fonts")
    lines = list(dict.fromkeys(lines)) or [f"{template}: {error.message}"]
    rest = len(lines) - _MOST_ERRORS
    return [*lines[:_MOST_ERRORS], f"and {rest} more errors"] if rest > 0 else lines


def _place(location: str | None, template: Path) -> str:
    """Return a place as <file>:<line>:<column>, typst's form.

    The path of the file is the one that people know.
    """
    if not location:
        return str(template)
    name, colon, position = location.partition(":")
    return f"{template if Path(name).name == _MAIN else name}{colon}{position}"
