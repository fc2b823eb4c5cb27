"""Printed cards: all text is complete, in its card and in its place.

Errors are quiet.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.cards.layout import PER_PAGE, Card, pages, setting_problem
from ansible_collections.probcomp.stack.plugins.module_utils.cards.pdf import CardsError, Look, set_cards

from tests.support import ROOT
from tests.support.cards_pages import POINTS_PER_MM, Code, Letter, Page, read, text

TEMPLATE = ROOT / "playbooks/templates/cards.typ"
LOOK = Look("Jupyter for this course", "Open the address and enter the pass phrase.", "a4", 3, "stack", TEMPLATE)
MARGIN = 5 * POINTS_PER_MM
"""The margin that office printers leave blank."""
HOSTILE = [
    "#set page(fill: red) #x",
    "$ x^2 $ *bold* _slanted_ `raw`",
    r"back\slash \n \u{41} //c /* d */",
    "<label> @ref [x] {y} ~ = - +",
    'it\'s "quoted" -- --- ... 1/2',
    "{{ lookup('pipe', 'id') }} {% x %}",
    "zwölf Ähren Ωμέγα жук",
    "a" * 80,
    "correct horse battery staple, and once more correct horse battery staple, end",
    "x-" * 40,
    "Il1|O0 rn m cl d vv w",
    "'" * 20,
    "outfield-handshake-untoasted-grandkid-cavalier",
]


def class_of(count: int, phrase: str = "outfield-handshake-untoasted-grandkid-word{}") -> list[Card]:
    return [Card(f"ws-{n}", f"https://ws-{n}.stack.example.org", phrase.format(n)) for n in range(1, count + 1)]


def assert_printed(cards: list[Card], look: Look) -> list[Page]:
    """Check the printed cards and return the pages.

    Each card lies in its place, whole, within margins, and its code holds the address alone.
    """
    pdf, warnings = set_cards(cards, look)
    assert warnings == []
    found = read(pdf)
    places = pages(len(cards), look.per_page, look.order)
    assert len(found) == len(places)
    for page, row in zip(found, places, strict=True):
        for place, index in enumerate(row):
            cell = page.cell(place, look.per_page)
            if index is None:
                assert page.letters_in(cell) == [] and page.codes_in(cell) == []
            else:
                assert_card(page, cell, cards[index], look)
                assert text(page.letters_in(cell)).count(f"{index + 1} / {len(cards)}") == 1
    return found


def assert_card(page: Page, cell: tuple[float, float, float, float], card: Card, look: Look) -> None:
    letters = page.letters_in(cell)
    words = text(letters)
    assert card.phrase in words and card.url in words and card.user in words
    assert look.title.replace(" ", "") in words.replace(" ", "")
    [code] = page.codes_in(cell)
    assert code.text == card.url
    left, top, right, bottom = cell
    printed: list[Letter | Code] = [*letters, code]
    for one in printed:
        assert left + MARGIN <= one.left and one.right <= right - MARGIN, one
        assert top + MARGIN <= one.top and one.bottom <= bottom - MARGIN, one
    # Telephones find a code only with four white squares around it; the smallest of these codes has 29 squares.
    quiet = 4 * (code.right - code.left) / 41
    for one in letters:
        apart = one.right < code.left - quiet or one.top > code.bottom + quiet
        assert apart or one.text == " ", (card.user, one)


@pytest.mark.parametrize("paper", ["a4", "us-letter"])
@pytest.mark.parametrize("per_page", PER_PAGE)
def test_every_paper_and_number_of_cards(per_page: int, paper: str) -> None:
    look = replace(LOOK, per_page=per_page, paper=paper)
    size = assert_printed(class_of(per_page + 2), look)[0]
    wanted = (210, 297) if paper == "a4" else (215.9, 279.4)
    assert [round(side / POINTS_PER_MM, 1) for side in (size.width, size.height)] == list(wanted)


def test_thirty_nine_three_to_a_page() -> None:
    cards = class_of(39)
    found = assert_printed(cards, LOOK)
    piles = [page.codes_in(page.cell(place, 3))[0].text for place in range(3) for page in found]
    assert piles == [card.url for card in cards], "cut and stacked, they are in order"


@pytest.mark.parametrize("per_page", [1, 3, 10])
def test_hostile_phrases_come_out_letter_for_letter(per_page: int) -> None:
    cards = [replace(card, phrase=phrase) for card, phrase in zip(class_of(len(HOSTILE)), HOSTILE, strict=True)]
    hostile = "#T $y$ *b* @c \\ 'q' {{"
    assert_printed(cards, replace(LOOK, title=hostile, text=f"{hostile}\n<second> -- line", per_page=per_page))


@pytest.mark.parametrize("per_page", [2, 4, 10])
def test_long_names_are_whole_and_a_label_is_not_broken(per_page: int) -> None:
    url = f"https://{'u' * 32}.stack.laboratory.department.university.example.edu:8443"
    card = Card("u" * 32, url, "a-phrase-of-words")
    look = replace(LOOK, per_page=per_page)
    [page] = assert_printed([card], look)
    begin = text(page.letters).index(url) + len("https://")
    label = page.letters[begin : begin + 32]
    assert max(letter.bottom for letter in label) - min(letter.bottom for letter in label) < 1, "on one line"


def test_what_people_type_is_in_the_font_without_look_alikes() -> None:
    card = Card("ws-1", "https://ws-1.stack.example.org", "Il1|O0-never-printed-alike")
    [page] = read(set_cards([card], LOOK)[0])
    words = text(page.letters)
    for typed in (card.phrase, card.url):
        begin = words.index(typed)
        fonts = {letter.font.partition("+")[2] for letter in page.letters[begin : begin + len(typed)]}
        assert fonts == {"DejaVuSansMono"}


def test_type_is_as_large_as_the_card_allows() -> None:
    def height(per_page: int) -> float:
        [page] = read(set_cards(class_of(1), replace(LOOK, per_page=per_page))[0])
        return max(letter.bottom - letter.top for letter in page.letters if "Mono" in letter.font)

    heights = [height(per_page) for per_page in (1, 3, 10)]
    assert heights == sorted(heights, reverse=True) and heights[-1] > 8


def test_equal_cards_are_equal_bytes_and_other_ones_are_not() -> None:
    assert set_cards(class_of(3), LOOK)[0] == set_cards(class_of(3), LOOK)[0]
    assert set_cards(class_of(3), LOOK)[0] != set_cards(class_of(3), replace(LOOK, title="Other"))[0]
    assert set_cards(class_of(3), LOOK)[0] != set_cards(class_of(3, "another-phrase-{}"), LOOK)[0]


@pytest.mark.parametrize("shape", ["0 0 100 100", "0 0 2000 40", "0 0 40 900"])
@pytest.mark.parametrize("per_page", [3, 10])
def test_a_logo_of_any_shape_leaves_everything_in_place(tmp_path: Path, per_page: int, shape: str) -> None:
    logo = tmp_path / "Our Logo.SVG"
    logo.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{shape}"><rect width="9" height="9"/></svg>')
    assert_printed(class_of(2), replace(LOOK, logo=logo, per_page=per_page))


def test_a_logo_may_be_of_pixels(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60, 20, 8, 0, 0, 0, 0)  # width, height, 8-bit greyscale
    pixels = zlib.compress((b"\0" + b"\x40" * 60) * 20)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    logo = _bytes(tmp_path / "logo.png", png)
    assert_printed(class_of(2), replace(LOOK, logo=logo))
    assert "cards.typ" in refused(class_of(1), replace(LOOK, logo=_bytes(logo, png[:40])))
    assert "more than 3000000 bytes" in refused(class_of(1), replace(LOOK, logo=_bytes(logo, bytes(3_000_001))))


def refused(cards: list[Card], look: Look) -> str:
    with pytest.raises(CardsError) as raised:
        set_cards(cards, look)
    words = str(raised.value)
    assert not any(card.phrase in words for card in cards)
    assert 1 <= len(words.splitlines()) <= 6
    return words


def template(folder: Path, source: str) -> Look:
    path = folder / "template.typ"
    path.write_text(source, encoding="utf-8")
    return replace(LOOK, template=path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.typ"
    words = refused(class_of(1), replace(LOOK, template=missing))
    assert words == f"{missing} cannot be read: No such file or directory"
    assert "logo.png cannot be read" in refused(class_of(1), replace(LOOK, logo=tmp_path / "logo.png"))
    assert "is no folder" in refused(class_of(1), replace(LOOK, fonts=tmp_path / "fonts"))
    (tmp_path / "logo.png").write_text("no picture")
    assert "logo.png" in refused(class_of(1), replace(LOOK, logo=tmp_path / "logo.png"))
    _bytes(tmp_path / "half.png", b"\x89PNG\r\n\x1a\n\xff\xfe")
    assert "template.typ" in refused(class_of(1), template(tmp_path, '#image("half.png")'))


def test_errors_of_a_template_are_lines_of_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "template.typ"
    assert refused(class_of(2), template(tmp_path, "#let x = 1\n#undefined-name\n")) == (
        f"{path}:2:1: unknown variable: undefined-name (if you meant to use subtraction, try adding spaces around "
        "the minus sign: `undefined - name`)"
    )
    assert f"{path}:1:" in refused(class_of(2), template(tmp_path, "#let x = (\n"))
    many = refused(class_of(2), template(tmp_path, "#let = \n" * 50))
    assert many.splitlines()[-1].startswith("and ")
    assert "UTF-8" in refused(class_of(1), replace(LOOK, template=_bytes(path, b"\xff\xfe")))


def _bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "source",
    [
        "panic(data)",
        "for card in cards { if card.phrase.len() > 5 { panic(card.phrase) } }",
        "int(cards.first().phrase)",
        'assert(cards.first().phrase.first() == "x", message: cards.first().phrase)',
    ],
)
def test_no_error_of_a_template_shows_a_phrase(tmp_path: Path, source: str) -> None:
    given = '#let data = json("cards.json")\n#let cards = data.pages.flatten().filter(card => card != none)\n#'
    words = refused(class_of(2, "outfield-handshake-{}"), template(tmp_path, given + source))
    assert "outfield" not in words


def test_a_letter_that_no_font_has_is_refused_by_user(tmp_path: Path) -> None:
    cards = class_of(4)
    cards[1] = replace(cards[1], phrase="漢字 in a phrase")
    cards[3] = replace(cards[3], phrase="a 😀 in a phrase")
    words = refused(cards, LOOK)
    assert words.startswith("the pass phrase of ws-2, ws-4 has a character that no font here can show")
    assert "漢" not in words and "😀" not in words
    [line] = refused(class_of(1), replace(LOOK, title="漢字", text="字: ひ")).splitlines()
    assert "no font here shows 漢, 字, ひ: name a folder" in line and line.endswith("cards_fonts")


def test_what_does_not_fit_is_refused_by_user() -> None:
    cards = class_of(3)
    cards[1] = replace(cards[1], phrase="x" * 200)
    look = replace(LOOK, per_page=10, text="First line\n" * 9)
    assert "the card of ws-2 does not fit: fewer cards per page, or less text" in refused(cards, look)
    assert "does not fit" in refused(class_of(1), replace(look, title="W" * 80))
    cards[1] = replace(cards[1], phrase="x" * 201)
    assert refused(cards, LOOK) == "the pass phrase of ws-2 has more than 200 characters: too many"
    assert_printed([replace(cards[1], phrase="x" * 200)], LOOK)


def test_an_own_template_may_use_pictures_beside_it_and_own_words(tmp_path: Path) -> None:
    (tmp_path / "mark.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>')
    mark = '#set page(background: image("mark.svg", width: 1cm))\n#set document'
    own = TEMPLATE.read_text().replace('user: "User"', 'user: "Benutzerin"').replace("#set document", mark)
    pdf, warnings = set_cards(class_of(1), template(tmp_path, own))
    assert warnings == [] and "Benutzerin" in text(read(pdf)[0].letters)


def test_a_template_reads_nothing_above_its_folder(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "secret.txt").write_text("the secret")
    for path in ("../secret.txt", str(tmp_path / "secret.txt")):
        assert "the secret" not in refused(class_of(1), template(tmp_path / "cards", f'#read("{path}")'))


def test_warnings_of_typst_are_passed_on(tmp_path: Path) -> None:
    _pdf, warnings = set_cards(class_of(1), template(tmp_path, '#set text(font: "No Such Font")\nx'))
    assert len(warnings) == 1 and "no such font" in warnings[0].lower() and "template.typ" in warnings[0]
    assert "cards_fonts" in warnings[0]


@pytest.mark.parametrize(
    "words", ["Cours\u00a0: lundi\u202f!", "Course\u3000Monday", "a\u2009b\u2003c", "\u0645\u06cc\u200c\u062e"]
)
def test_blanks_and_joiners_of_all_scripts_are_printed(words: str) -> None:
    assert setting_problem("cards_title", words) is None and setting_problem("cards_text", f"{words}\n{words}") is None
    set_cards(class_of(1), replace(LOOK, title=words, text=f"{words}\n{words}"))


def test_arabic_words_are_set_from_right_to_left() -> None:
    [page] = read(set_cards(class_of(1), replace(LOOK, title="Course", text="\u0645\u0631\u062d\u0628\u0627."))[0])
    letters = [one for one in page.letters if "\u0600" <= one.text < "\u0700"]
    stop = next(one for one in page.letters if one.text == "." and abs(one.bottom - letters[0].bottom) < 9)
    assert stop.left < min(one.left for one in letters)
    assert max(one.right for one in letters) > page.width / 2 > page.letters[0].left
