"""Cards of the workshop: a login with what the PDF shows.

The cards exist before the machines do.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import manual
from tests.support.cards_pages import read, text
from tests.support.workshop import OUTPUT, Workshop

CLASS = 39
CARDS = f'url_cards.yml -e "base=desk low=1 high={CLASS}"'


@pytest.fixture(scope="module")
def desks(workshop: Workshop) -> Iterator[list[str]]:
    """Make pass phrases, and no machines, for a class of 39."""
    users = [f"desk-{number}" for number in range(1, CLASS + 1)]
    workshop.succeed(f'ansible-playbook create_passwords.yml -e "base=desk low=1 high={CLASS}"')
    yield users
    for user in users:
        workshop.password_file(user).unlink(missing_ok=True)


def test_a_printed_card_logs_in(workshop: Workshop, tmp_path: Path) -> None:
    printed = workshop.succeed(manual.of_class("url_cards.yml", 3))
    pdf = workshop.state / "cards/ws.pdf"
    assert str(pdf) in printed and workshop.password("ws-2") not in printed
    [page] = read(pdf.read_bytes())
    cell = page.cell(1, 3)
    [code] = page.codes_in(cell)
    words = text(page.letters_in(cell))
    assert workshop.password("ws-2") in words and code.text in words
    assert code.text == workshop.url("ws-2", "")
    table = csv.DictReader((workshop.state / "cards/ws.csv").open(newline="", encoding="utf-8"))
    phrases = {row["user"]: row["pass phrase"] for row in table}
    assert phrases == {user: workshop.password(user) for user in ("ws-1", "ws-2", "ws-3")}
    with workshop.browser(tmp_path) as browser:
        tab = browser.new_page()
        tab.goto(code.text)
        tab.fill("#password_input", phrases["ws-2"])
        tab.click("#login_submit")
        tab.wait_for_url("**/lab**")


def test_a_class_without_machines_gets_its_cards_in_order(workshop: Workshop, desks: list[str]) -> None:
    mark = workshop.control("counts")["mark"]
    before = workshop.machines()
    shown = workshop.succeed(f"ansible-playbook {CARDS}")
    assert f"{CLASS} cards on 13 pages" in shown
    pages = read((workshop.state / "cards/desk.pdf").read_bytes())
    piles = [page.codes_in(page.cell(place, 3))[0].text for place in range(3) for page in pages]
    assert piles == [workshop.url(user, "") for user in desks], "cut and stacked, desk-9 comes before desk-10"
    for index, user in enumerate(desks):
        page = pages[index % 13]
        assert workshop.password(user) in text(page.letters_in(page.cell(index // 13, 3)))
    again = workshop.succeed(f"ansible-playbook {CARDS}")
    assert again.splitlines()[-1] == "nothing was changed", again
    assert workshop.control(f"calls?since={mark}") == [] and workshop.machines() == before
    (OUTPUT / "cards.txt").write_text(shown)


def test_people_change_settings_until_they_like_it(workshop: Workshop, desks: list[str]) -> None:
    settings = json.dumps({"cards_title": "Statistik für #alle", "cards_per_page": "8", "cards_paper": "us-letter"})
    workshop.succeed(f"ansible-playbook {CARDS} -e '{settings}'")
    pages = read((workshop.state / "cards/desk.pdf").read_bytes())
    assert len(pages) == 5 and (round(pages[0].width), round(pages[0].height)) == (612, 792)
    piles = [page.codes_in(page.cell(place, 8)) for place in range(8) for page in pages]
    assert [codes[0].text for codes in piles[:CLASS]] == [workshop.url(user, "") for user in desks]
    assert piles[CLASS:] == [[]]
    assert "Statistikfür#alle" in text(pages[4].letters).replace(" ", "")


def test_a_missing_phrase_stops_the_printing(workshop: Workshop, desks: list[str]) -> None:
    workshop.succeed(f"ansible-playbook {CARDS}")
    folder = workshop.state / "cards"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    workshop.password_file("desk-7").unlink()
    workshop.password_file("desk-8").write_text("short\n")
    refused = workshop.play(CARDS)
    lines = [line for line in refused.text.splitlines() if line.startswith("FAILED")]
    assert refused.status != 0 and len(lines) == 2, refused.text
    assert "desk-7.passwd: does not exist" in lines[0] and "create_passwords.yml -e user=desk-7" in lines[0]
    assert "desk-8.passwd: has a password of 5 characters, fewer than 12" in lines[1]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
