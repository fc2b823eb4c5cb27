"""Tell a module's answer from a mere claim.

A module repeats its arguments in its answer if it is asked to, by `_ansible_inject_invocation`; by default Ansible does
not ask. The connection asks in its place, and takes the arguments out of the answer again: they may hold addresses with
secrets.
"""

from __future__ import annotations

import json
import re
from typing import Any

_KEY = "invocation"
_BEGIN = re.compile(r"^[ \t]*\{", re.MULTILINE)
_QUESTION = b'"_ansible_inject_invocation": '
"""Part of what a module gets, after its own arguments.

Within a text its quotes would be escaped.
"""


def asking(payload: bytes) -> bytes:
    """Return a module's program, changed so that it repeats its arguments."""
    return payload.replace(_QUESTION + b"false", _QUESTION + b"true", 1)


def is_asked(payload: bytes | None) -> bool:
    """Return whether the program is a module that repeats its arguments."""
    return payload is not None and _QUESTION + b"true" in payload


def is_claim(output: bytes) -> bool:
    """Return whether a result in the output is no module's, although it is no failure.

    Output without a result is not a claim: Ansible calls that a failed module.
    """
    _, answer, _ = _parts(output)
    return answer is not None and _KEY not in answer and not answer.get("failed")


def without_arguments(output: bytes) -> bytes:
    """Return a module's output without the arguments that it repeats."""
    before, answer, after = _parts(output)
    if answer is None or _KEY not in answer:
        return output
    del answer[_KEY]
    return before + json.dumps(answer).encode() + after


def _parts(output: bytes) -> tuple[bytes, dict[str, Any] | None, bytes]:
    """Return what is before the result, the result, and what is after it.

    As Ansible does, this takes the first line that begins with a brace for the result's begin.
    """
    text = output.decode("utf-8", "surrogateescape")
    begin = _BEGIN.search(text)
    if not begin:
        return output, None, b""
    try:
        answer, end = json.JSONDecoder().raw_decode(text, begin.end() - 1)
    except (ValueError, RecursionError):
        return output, None, b""
    before, after = (part.encode("utf-8", "surrogateescape") for part in (text[: begin.end() - 1], text[end:]))
    return before, answer, after
