"""Logos that link to pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.probcomp.stack.plugins.module_utils.cards.layout import Card
from ansible_collections.probcomp.stack.plugins.module_utils.cards.logo import read_logo
from ansible_collections.probcomp.stack.plugins.module_utils.cards.pdf import CardsError, Look, set_cards

from tests.support import ROOT

CARDS = [Card("ws-1", "https://ws-1.stack.example.org", "correct-horse-battery")]
SPACE = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"'
PICTURE = f'<svg {SPACE}><rect width="9" height="9"/></svg>'


def drawing(folder: Path, link: str) -> Path:
    """Write a logo with a picture in it."""
    logo = folder / "logo.svg"
    logo.write_text(f'<svg {SPACE}><image {link} height="9"/></svg>')
    return logo


def printed(logo: Path) -> bytes:
    look = Look("Course", "Welcome", "a4", 3, "stack", ROOT / "playbooks/templates/cards.typ", logo)
    return set_cards(CARDS, look)[0]


@pytest.mark.parametrize(
    "link",
    [
        'href="photo.svg"',
        "xlink:href='my%20photo.svg'",
        'width="9" href="./a/b.svg"',
        'href="R&amp;D.SVG"',
        'width="9"\n  href = " photo.svg "',
    ],
)
def test_a_logo_shows_the_pictures_beside_it(tmp_path: Path, link: str) -> None:
    (tmp_path / "a").mkdir()
    for name in ("photo.svg", "my photo.svg", "R&D.SVG", "a/b.svg"):
        (tmp_path / name).write_text(PICTURE)
    logo = drawing(tmp_path, link)
    data = read_logo(logo)
    assert data.count(b"data:image/svg+xml;base64,") == 1 and b"height=" in data
    logo_without = tmp_path / "plain.svg"
    logo_without.write_text(f"<svg {SPACE}></svg>")
    assert printed(logo) != printed(logo_without)


@pytest.mark.parametrize(
    "name",
    ["nope.png", "../secret.svg", "/etc/passwd", "http://127.0.0.1:9/x.png", "file:///x.png", "x.txt", "", "a.png"],
)
def test_a_logo_shows_nothing_from_elsewhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.svg").write_text(PICTURE)
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").symlink_to("../secret.svg")
    logo = drawing(tmp_path / "in", f'href="{name}"')
    with pytest.raises(CardsError) as refused:
        printed(logo)
    line = str(refused.value)
    assert "\n" not in line and f"{logo} shows the picture" in line and "put it there, or embed it in the SVG" in line


def test_what_is_embedded_already_stays_as_it_is(tmp_path: Path) -> None:
    logo = drawing(tmp_path, 'href="data:image/svg+xml;base64,AAAA"')
    assert read_logo(logo) == logo.read_bytes()


def test_a_logo_is_bounded_with_its_pictures(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(2_500_000))
    with pytest.raises(ValueError, match="more than 3000000 bytes: make it smaller"):
        read_logo(drawing(tmp_path, 'href="large.png"'))
