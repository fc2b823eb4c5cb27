"""Read a PDF of cards as a reader and a telephone would.

It gives text with its places, QR codes, and cells of the page.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium
import zxingcpp

POINTS_PER_MM = 72 / 25.4
_SCALE = 3
_HYPHEN_AT_LINE_END = "\x02"  # pdfium's character for it


@dataclass(frozen=True)
class Letter:
    """A letter, its font, and its box in points from the top left of the page."""

    text: str
    font: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Code:
    """A QR code's text, and its box in points from the top left of the page."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def columns(per_page: int) -> int:
    """Return the number of columns in the template for that many cards."""
    return 2 if per_page in (4, 6, 8, 10) else 1


class Page:
    """One page of a PDF."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self.width, self.height = page.get_size()
        self.letters = list(_letters(page, self.height))
        self.codes = list(_codes(page))

    def cell(self, place: int, per_page: int) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of a card's place."""
        across = columns(per_page)
        wide, high = self.width / across, self.height / (per_page // across)
        left, top = place % across * wide, place // across * high
        return left, top, left + wide, top + high

    def letters_in(self, cell: tuple[float, float, float, float]) -> list[Letter]:
        """Return the letters that begin in `cell`."""
        left, top, right, bottom = cell
        return [one for one in self.letters if left <= one.left < right and top <= one.top < bottom]

    def codes_in(self, cell: tuple[float, float, float, float]) -> list[Code]:
        """Return the QR codes that begin in `cell`."""
        left, top, right, bottom = cell
        return [one for one in self.codes if left <= one.left < right and top <= one.top < bottom]


def read(pdf: bytes) -> list[Page]:
    """Return the pages of `pdf`."""
    return [Page(page) for page in pypdfium2.PdfDocument(pdf)]


def text(letters: list[Letter]) -> str:
    """Return the letters in content order, without breaks between lines."""
    return "".join(letter.text for letter in letters)


def _letters(page: pypdfium2.PdfPage, height: float) -> Iterator[Letter]:
    words = page.get_textpage()
    for index in range(words.count_chars()):
        # Generated characters are breaks and blanks that pdfium guesses from distances.
        if pdfium.FPDFText_IsGenerated(words, index) == 1:
            continue
        letter = chr(pdfium.FPDFText_GetUnicode(words, index)).replace(_HYPHEN_AT_LINE_END, "-")
        left, bottom, right, top = words.get_charbox(index, loose=letter == " ")
        name = ctypes.create_string_buffer(200)
        pdfium.FPDFText_GetFontInfo(words, index, name, 200, None)
        yield Letter(letter, name.value.decode(), left, height - top, right, height - bottom)


def _codes(page: pypdfium2.PdfPage) -> Iterator[Code]:
    picture = page.render(scale=_SCALE, grayscale=True)
    lines = memoryview(bytes(picture.buffer))
    pixels = b"".join(lines[row * picture.stride :][: picture.width] for row in range(picture.height))
    for found in zxingcpp.read_barcodes(memoryview(pixels).cast("B", shape=[picture.height, picture.width])):
        corners = [
            getattr(found.position, corner) for corner in ("top_left", "top_right", "bottom_left", "bottom_right")
        ]
        across, down = ([getattr(corner, axis) / _SCALE for corner in corners] for axis in "xy")
        yield Code(found.text, min(across), min(down), max(across), max(down))
