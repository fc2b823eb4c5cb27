"""Read a logo, with the pictures that it links to.

typst gets the logo as bytes, without its folder, so that it could not find a picture beside it. Runs on the controller.
Standard library only.
"""

from __future__ import annotations

import base64
import html
import re
import urllib.parse
from pathlib import Path

from ..common.names import shown

LARGEST = 3_000_000
"""Maximum size of a logo in bytes, with its pictures.

A larger logo, on every page, is too much for a printer.
"""
_KINDS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp", ".svg": "svg+xml"}
_LINK = re.compile(
    rb"(?P<before><(?:\w+:)?image\b[^<>]*?\s(?:xlink:)?href\s*=\s*)(?P<quote>[\"'])(?!\s*data:)(?P<name>[^<>]*?)(?P=quote)"
)


def read_logo(path: Path) -> bytes:
    """Return the picture at `path` as bytes.

    An SVG's links to pictures in its own folder are replaced by those pictures.

    Raises OSError, and ValueError with one line.
    """
    data = path.read_bytes()
    if path.suffix.lower() == ".svg":
        data = _LINK.sub(lambda link: _embedded(path, link), data)
    if len(data) > LARGEST:
        raise ValueError(f"{path} has more than {LARGEST} bytes: make it smaller")
    return data


def _embedded(logo: Path, link: re.Match[bytes]) -> bytes:
    """Return a link to a picture with the picture itself in it."""
    name = urllib.parse.unquote(html.unescape(link["name"].decode(errors="replace"))).strip()
    kind = _KINDS.get(Path(name).suffix.lower())
    try:
        picture = (logo.parent / name).resolve()
        # A drawing from elsewhere may show what lies beside it, and nothing else of this computer.
        if kind is None or not picture.is_relative_to(logo.parent.resolve()) or picture.stat().st_size > LARGEST:
            raise ValueError
        data = picture.read_bytes()
    except (OSError, ValueError):
        raise ValueError(
            f"cards_logo {logo} shows the picture {shown(name)}, which is no picture that lies in its folder: "
            "put it there, or embed it in the SVG"
        ) from None
    address = f"data:image/{kind};base64,".encode() + base64.b64encode(data)
    return link["before"] + link["quote"] + address + link["quote"]
