"""Download the content archive with limits on size and time.

Failed attempts are repeated when another attempt can succeed, and certificates are checked. Runs on the machine, as the
user's account. Standard library only, Python 3.10.
"""

from __future__ import annotations

import hashlib
import http.client
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..machine.accounts import MachineError
from ..output.text import redact_url

_SILENCE = 30
"""Seconds without data after which an attempt has failed."""
_PAUSES = (1, 3, 9)
"""Seconds to wait before each further attempt."""
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_PART = 1 << 20


@dataclass(frozen=True)
class Download:
    """Downloaded archive with the server's identifiers of this version."""

    sha256: str
    etag: str
    last_modified: str


class _TryAgain(Exception):
    """Failure that another attempt may avoid; str() is the reason."""


def download(
    url: str, target: Path, known: tuple[str, str], largest: int, seconds: float, name: str = ""
) -> Download | None:
    """Download `url` to the file `target`, or return None for a known version.

    `known` is etag and date of the installed version, empty to download in any case; None means that the server still
    has that version. `largest` is in bytes. `name` stands for the URL in messages. Raises MachineError.
    """
    name = name or redact_url(url)
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise MachineError(f"content: {name} is no http or https address")
    request = urllib.request.Request(url, headers=_conditions(known))  # noqa: S310 (the scheme was checked)
    deadline = time.monotonic() + seconds
    for pause in (*_PAUSES, None):
        try:
            return _fetch(request, target, largest, deadline, name)
        except _TryAgain as failure:
            if pause is None or time.monotonic() + pause > deadline:
                raise MachineError(f"content: {name}: {failure}") from None
            time.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _conditions(known: tuple[str, str]) -> dict[str, str]:
    etag, last_modified = known
    # The date tells two versions of one second not apart, so it is for servers without an etag.
    headers = {
        "User-Agent": "probcomp-stack",
        "If-None-Match": etag,
        "If-Modified-Since": "" if etag else last_modified,
    }
    return {name: value for name, value in headers.items() if value}


def _fetch(request: urllib.request.Request, target: Path, largest: int, deadline: float, name: str) -> Download | None:
    try:
        with urllib.request.urlopen(request, timeout=_SILENCE) as response:  # noqa: S310 (the scheme was checked)
            if request.type == "https" and not response.geturl().startswith("https:"):
                raise MachineError(f"content: {name} leads on to an address without https")
            sha256 = _save(response, target, largest, deadline, name)
            return Download(sha256, response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))
    except urllib.error.HTTPError as error:
        if error.code == http.client.NOT_MODIFIED:
            return None
        answer = f"the server answers {error.code} {http.client.responses.get(error.code, '')}".rstrip()
        if error.code in _WORTH_ANOTHER_TRY:
            raise _TryAgain(answer) from None
        # A presigned address reads with the rights of whoever gave the command.
        who = "your credentials" if name.startswith("s3:") else "machines"
        raise MachineError(f"content: {name}: {answer}: is content_url right, and may {who} read it?") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise MachineError(f"content: {name}: its certificate is refused: {error.reason.verify_message}") from None
        raise _TryAgain(f"no connection: {error.reason}") from None
    except (TimeoutError, ConnectionError, http.client.HTTPException, ssl.SSLError) as error:
        raise _TryAgain(f"the connection broke off: {error or type(error).__name__}") from None


def _save(response: http.client.HTTPResponse, target: Path, largest: int, deadline: float, name: str) -> str:
    """Write the body to `target` and return its sha256."""
    expected = int(response.headers.get("Content-Length") or -1)
    too_large = MachineError(f"content: {name} is larger than {largest >> 20} MiB (content_max_size)")
    if expected > largest:
        raise too_large
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as stream:
        while part := response.read(_PART):
            size += len(part)
            if size > largest:
                raise too_large
            if time.monotonic() > deadline:
                raise MachineError(f"content: {name} takes too long: {size >> 20} MiB came in time (content_timeout)")
            digest.update(part)
            stream.write(part)
    if expected not in (-1, size):
        raise _TryAgain(f"the connection broke off after {size} of {expected} bytes")
    return digest.hexdigest()


def looks_like_a_page(stream: BinaryIO) -> bool:
    """Return whether a file begins like an HTML page.

    Servers send such a page for a login or a wrong URL.
    """
    start = stream.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html"))
