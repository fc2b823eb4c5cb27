"""Cards as data: their order, the table, and the settings.

Files are private and written whole.
"""

from __future__ import annotations

import csv
import io
import stat
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.cards import layout as cards
from ansible_collections.probcomp.stack.plugins.module_utils.cards.files import write_private
from ansible_collections.probcomp.stack.plugins.module_utils.commands import extra_vars


def piles(pages: list[list[int | None]], per_page: int) -> list[int | None]:
    """Return the cards in the reading order of the cut and piled pack.

    The pack is cut with the first page on top, which makes a pile for each place. Each pile is laid under the one
    before, and the whole is read downwards.
    """
    return [page[place] for place in range(per_page) for page in pages]


@pytest.mark.parametrize("per_page", [1, 2, 3, 4, 5, 6, 7, 8, 10])
def test_the_piles_of_a_cut_pack_are_in_order(per_page: int) -> None:
    for count in range(1, 131):
        pages = cards.pages(count, per_page)
        assert all(len(page) == per_page for page in pages)
        empty = len(pages) * per_page - count
        assert 0 <= empty < per_page, "no page too many"
        assert piles(pages, per_page) == [*range(count), *[None] * empty]


def test_thirty_nine_three_to_a_page() -> None:
    pages = cards.pages(39, 3)
    assert (pages[0], pages[6], pages[12]) == ([0, 13, 26], [6, 19, 32], [12, 25, 38])
    assert cards.pages(4, 3) == [[0, 2, None], [1, 3, None]]


@pytest.mark.parametrize("per_page", [1, 3, 8])
def test_page_by_page(per_page: int) -> None:
    for count in range(1, 50):
        flat = [card for page in cards.pages(count, per_page, "page") for card in page]
        assert flat[:count] == list(range(count)) and set(flat[count:]) <= {None}


PHRASES = [
    'a "quoted", one',
    "two; three, four",
    "zwölf Ähren, ja",
    "=1+1 is a formula",
    "-minus-first-word",
    "{{ x }}",
]


def test_the_table_gives_every_phrase_back() -> None:
    given = [cards.Card(f"ws-{n}", f"https://ws-{n}.stack.example.org", phrase) for n, phrase in enumerate(PHRASES)]
    rows = list(csv.reader(io.StringIO(cards.table(given), newline="")))
    assert rows == [["user", "url", "pass phrase"], *([card.user, card.url, card.phrase] for card in given)]


def test_what_a_spreadsheet_would_change_is_said_by_user() -> None:
    odd = ["=1+1 is a formula", "-minus-first-word", "+plus-first-word", "@home-sweet-home", "123456789012", "1.5e10"]
    fine = ["a-plain-phrase", "1-starts-with-a-digit", "12 monkeys, 3 cats"]
    given = [cards.Card(f"ws-{n}", "u", phrase) for n, phrase in enumerate([*odd, *fine])]
    [note] = cards.spreadsheet_notes(given)
    assert "ws-0 to ws-5 for" in note
    assert not any(phrase in note for phrase in odd)
    assert cards.spreadsheet_notes(given[6:]) == []


def test_a_card_does_not_show_its_phrase() -> None:
    assert "secret" not in repr(cards.Card("ws-1", "https://x", "secret-phrase"))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("cards_title", "Monday", None),
        ("cards_title", "#let $x$ *b* \\ 'q' \"", None),
        ("cards_title", "x" * 81, "too long by 1"),
        ("cards_title", "two\nlines", "cannot be printed"),
        ("cards_title", 7, "quote it"),
        ("cards_title", "{{ lookup('pipe', 'id') }}", "templates are not allowed"),
        ("cards_text", "two\nlines", None),
        ("cards_text", "bell\a", "cannot be printed"),
        ("cards_text", "x" * 601, "too long by 1"),
        ("cards_logo", "", None),
        ("cards_logo", "~/Logo.SVG", None),
        ("cards_logo", "logo.pdf", "a picture (.svg"),
        ("cards_paper", "A4", None),
        ("cards_paper", "letter", None),
        ("cards_paper", "a5", "a4 or us-letter"),
        ("cards_per_page", "10", None),
        ("cards_per_page", 3, None),
        ("cards_per_page", "7", "one of 1, 2, 3"),
        ("cards_per_page", "03", "one of 1, 2, 3"),
        ("cards_per_page", True, "one of 1, 2, 3"),
        ("cards_order", "page", None),
        ("cards_order", "pile", "stack (cut"),
        ("cards_template", "a\0b", "name of a file"),
        ("cards_fonts", "{{ x }}", "templates are not allowed"),
    ],
)
def test_settings_given_by_e(name: str, value: object, says: str | None) -> None:
    problem = extra_vars.setting_problem(name, value)
    assert (problem is None) if says is None else (says in str(problem) and str(problem).isprintable())


def test_people_are_told_how_to_cut() -> None:
    lines = cards.summary(39, 3, "stack", ["cards/ws.pdf", "cards/ws.csv"])
    assert lines[:3] == ["39 cards on 13 pages", "cards/ws.pdf", "cards/ws.csv"]
    assert "pile under pile" in lines[-1]
    assert cards.summary(1, 1, "stack", [])[0] == "1 card on 1 page"
    assert not any("pile" in line for line in cards.summary(3, 3, "stack", []) + cards.summary(9, 3, "page", []))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private_and_written_only_when_they_differ(tmp_path: Path) -> None:
    folder = tmp_path / "cards"
    contents = {folder / "ws.pdf": b"one", folder / "ws.csv": b"two"}
    notes: list[str] = []
    assert write_private(contents, notes, check_mode=True) and not folder.exists()
    assert write_private(contents, notes)
    assert (mode(folder), mode(folder / "ws.pdf"), mode(folder / "ws.csv")) == (0o700, 0o600, 0o600)
    inode = (folder / "ws.pdf").stat().st_ino
    assert not write_private(contents, notes)
    assert not write_private(contents, notes, check_mode=True)
    assert write_private({**contents, folder / "ws.csv": b"three"}, notes)
    assert (folder / "ws.pdf").stat().st_ino == inode, "the equal one is not touched"
    assert sorted(path.name for path in folder.iterdir()) == ["ws.csv", "ws.pdf"]
    assert notes == []


def test_what_others_can_read_is_mended_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "cards"
    contents = {folder / "ws.pdf": b"one", folder / "ws.csv": b"two"}
    write_private(contents, [])
    folder.chmod(0o755)
    (folder / "ws.pdf").chmod(0o644)
    notes: list[str] = []
    assert write_private(contents, notes)
    assert (mode(folder), mode(folder / "ws.pdf")) == (0o700, 0o600)
    assert len(notes) == 1 and str(folder) in notes[0]


@pytest.mark.parametrize("is_link", [False, True])
def test_a_folder_that_is_not_ours_is_named_and_left_as_it_is(tmp_path: Path, is_link: bool) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    folder = tmp_path / "cards" if is_link else shared
    if is_link:
        folder.symlink_to(shared)
    notes: list[str] = []
    write_private({folder / "ws.pdf": b"one"}, notes)
    assert (mode(shared), mode(shared / "ws.pdf")) == (0o755, 0o600)
    assert len(notes) == 1 and str(folder) in notes[0] and "left as it is" in notes[0]


def test_nothing_is_written_when_one_cannot_be(tmp_path: Path) -> None:
    folder = tmp_path / "cards"
    (folder / "ws.csv").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"cards cannot be written here"):
        write_private({folder / "ws.pdf": b"one", folder / "ws.csv": b"two"}, [])
    assert [path.name for path in folder.iterdir()] == ["ws.csv"]
