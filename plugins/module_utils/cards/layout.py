"""Define login cards for users: their text, their place on a page, and a table.

Pure functions, standard library only. Runs on the controller.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from ..common.names import shown
from ..output.host_summary import short_names

PER_PAGE = (1, 2, 3, 4, 5, 6, 8, 10)
"""Permitted numbers of cards on a page.

They divide the page into equal parts of a usable shape.
"""
PAPERS = {"a4": "a4", "us-letter": "us-letter", "letter": "us-letter"}
"""Paper sizes by their usual names, with typst's names for them."""
ORDERS = ("stack", "page")
"""Orders of the cards.

With `stack`, the piles of a cut pack, laid on each other, are in order; with `page`, each page is in order.
"""
LOGO_FORMATS = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")
"""File name extensions of the pictures that typst can show."""
TITLE_LIMIT, TEXT_LIMIT = 80, 600
"""Maximum lengths in characters.

The room on a card depends on its size, and typesetting shows whether the text fits.
"""

# A spreadsheet takes these for the start of a formula or for a number, and shows another text.
_FORMULA_OR_NUMBER = re.compile(r"[=+\-@].*|[0-9.,]+(?:[eE][0-9]+)?", re.DOTALL)


@dataclass(frozen=True)
class Card:
    """Card of one user; `phrase` is a secret, which repr() does not show."""

    user: str
    url: str
    phrase: str

    def __repr__(self) -> str:
        return f"Card({self.user!r}, {self.url!r})"


def pages(count: int, per_page: int, order: str = "stack") -> list[list[int | None]]:
    """Return the card in each place of each page.

    The `count` cards are numbered from 0, and a page has `per_page` places.

    In the order `stack`, place s of page p carries card s * (number of pages) + p. Cut through the whole pack, each
    place becomes a pile, and the piles, one laid under the other, are in order; None, an empty place, comes only at the
    very end of them.
    """
    number = -(-count // per_page)

    def card(page: int, place: int) -> int | None:
        index = place * number + page if order == "stack" else page * per_page + place
        return index if index < count else None

    return [[card(page, place) for place in range(per_page)] for page in range(number)]


def table(cards: list[Card]) -> str:
    """Return the cards as CSV: user, url and pass phrase, each unchanged.

    A text that begins like a formula is not changed: the phrases are the administrator's own, and a changed phrase
    opens nothing. spreadsheet_notes names the cards concerned.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["user", "url", "pass phrase"])
    writer.writerows([card.user, card.url, card.phrase] for card in cards)
    return stream.getvalue()


def spreadsheet_notes(cards: list[Card]) -> list[str]:
    """Return at most one line with the users whose phrases are not text.

    A spreadsheet would take these phrases for a formula or a number.
    """
    users = [card.user for card in cards if _FORMULA_OR_NUMBER.fullmatch(card.phrase)]
    if not users:
        return []
    return [
        f"a spreadsheet would take the pass phrase of {short_names(users)} for a formula or number: "
        "import that column of the CSV as text"
    ]


def summary(count: int, per_page: int, order: str, files: list[str]) -> list[str]:
    """Return a summary of the cards, with advice on printing and cutting them.

    It has the numbers of cards and pages, and the names of the `files`.
    """
    number = -(-count // per_page)
    lines = [
        f"{count} {'card' if count == 1 else 'cards'} on {number} {'page' if number == 1 else 'pages'}",
        *files,
        "print at 100 %, one-sided" + (", and cut along the lines" if per_page > 1 else ""),
    ]
    if per_page > 1 and number > 1 and order == "stack":
        lines.append(
            "cut the pack as one, then lay pile under pile, face up, as the places follow on a page (left to right, "
            "then down): the cards are in order"
        )
    return lines


def setting_problem(name: str, value: object) -> str | None:
    """Return the problem of the setting `name` in a line, or None.

    `name` is one of SETTINGS.
    """
    problem = SETTINGS[name](value)
    return f"{name}={shown(value)}: {problem}" if problem else None


def _line_problem(value: object) -> str | None:
    return _words_problem(value, TITLE_LIMIT, line_breaks=False)


def _text_problem(value: object) -> str | None:
    return _words_problem(value, TEXT_LIMIT, line_breaks=True)


def _words_problem(value: object, limit: int, line_breaks: bool) -> str | None:
    if not isinstance(value, str):
        return "must be text: quote it"
    if len(value) > limit:
        return f"too long by {len(value) - limit} characters (at most {limit})"
    lines = value.split("\n") if line_breaks else [value]
    odd = next((sign for line in lines for sign in line if not _is_printed(sign)), None)
    return f"U+{ord(odd):04X} cannot be printed" if odd else None


def _is_printed(sign: str) -> bool:
    # Blanks of every width, and the joiners of Persian, Indian scripts and emoji.
    return sign.isprintable() or unicodedata.category(sign) == "Zs" or sign in "\u200c\u200d"


def _path_problem(value: object) -> str | None:
    return None if isinstance(value, str) and value.isprintable() else "give the name of a file"


def _logo_problem(value: object) -> str | None:
    if value == "":
        return None
    valid = isinstance(value, str) and value.isprintable() and value.lower().endswith(LOGO_FORMATS)
    return None if valid else f"give the name of a picture ({', '.join(LOGO_FORMATS)})"


def _paper_problem(value: object) -> str | None:
    return None if isinstance(value, str) and value.lower() in PAPERS else "a4 or us-letter"


def _per_page_problem(value: object) -> str | None:
    digits = shown(value) if isinstance(value, int) else value
    valid = not isinstance(value, bool) and digits in [str(number) for number in PER_PAGE]
    return None if valid else f"one of {', '.join(str(number) for number in PER_PAGE)}"


def _order_problem(value: object) -> str | None:
    return None if value in ORDERS else "stack (cut the pack, lay pile on pile) or page (page by page)"


SETTINGS: dict[str, Callable[[object], str | None]] = {
    "cards_title": _line_problem,
    "cards_text": _text_problem,
    "cards_logo": _logo_problem,
    "cards_paper": _paper_problem,
    "cards_per_page": _per_page_problem,
    "cards_order": _order_problem,
    "cards_template": _path_problem,
    "cards_fonts": _path_problem,
}
"""Settings of the cards, each with the function that checks a value."""
