"""Cards that users log in with: what stands on them, where on which page, and as a table. Pure functions.

Used by the action plugins url_cards and fleet_names on the controller. Standard library only.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from ..common.names import shown

PER_PAGE = (1, 2, 3, 4, 5, 6, 8, 10)
"""How many cards a page may carry: those that divide it into equal parts of a usable shape."""
PAPERS = {"a4": "a4", "us-letter": "us-letter", "letter": "us-letter"}
"""What people say, and what typst calls it."""
ORDERS = ("stack", "page")
"""`stack`: the piles of a cut pack, one laid on the next, are in order; `page`: each page is in order."""
LOGO_FORMATS = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")
"""What typst can show, by the ending of the file's name."""
TITLE_LIMIT, TEXT_LIMIT = 80, 600
"""Characters; what fits a card depends on its size, and is found out when it is set."""

# A spreadsheet takes these for the beginning of a formula, or what follows for a number, and shows something else.
_FORMULA_OR_NUMBER = re.compile(r"[=+\-@].*|[0-9.,]+(?:[eE][0-9]+)?", re.DOTALL)


@dataclass(frozen=True)
class Card:
    """One user's card; `phrase` is a secret, which repr() does not show."""

    user: str
    url: str
    phrase: str

    def __repr__(self) -> str:
        return f"Card({self.user!r}, {self.url!r})"


def pages(count: int, per_page: int, order: str = "stack") -> list[list[int | None]]:
    """Return for each page which of `count` cards, counted from 0, lies in which of its `per_page` places.

    In the order `stack`, place s of page p carries card s * (number of pages) + p. Cut through the whole pack, each
    place becomes a pile, and the piles, one laid under the other, are in order; None, an empty place, comes only at
    the very end of them.
    """
    number = -(-count // per_page)

    def card(page: int, place: int) -> int | None:
        index = place * number + page if order == "stack" else page * per_page + place
        return index if index < count else None

    return [[card(page, place) for place in range(per_page)] for page in range(number)]


def table(cards: list[Card]) -> str:
    """Return the cards as CSV: user, url and pass phrase, each exactly as it is.

    What begins like a formula is not changed: the phrases are the administrator's own, and a changed one opens nothing.
    spreadsheet_notes names the cards concerned.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["user", "url", "pass phrase"])
    writer.writerows([card.user, card.url, card.phrase] for card in cards)
    return stream.getvalue()


def spreadsheet_notes(cards: list[Card]) -> list[str]:
    """Return at most one line: whose phrases a spreadsheet would not take for text."""
    users = [card.user for card in cards if _FORMULA_OR_NUMBER.fullmatch(card.phrase)]
    if not users:
        return []
    return [
        f"a spreadsheet would take the pass phrase of {', '.join(users)} for a formula or number: "
        "import that column of the CSV as text"
    ]


def summary(count: int, per_page: int, order: str, files: list[str]) -> list[str]:
    """Return lines for people: how many cards on how many pages, in which `files`, and how to print and cut them."""
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
    """Return what is wrong with the setting `name`, one of SETTINGS, in a line, or None."""
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
    return None if all(line.isprintable() for line in lines) else "has characters that cannot be printed"


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
    valid = not isinstance(value, bool) and str(value) in [str(number) for number in PER_PAGE]
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
"""The settings of cards: each with what says what is wrong with a value, or None."""
