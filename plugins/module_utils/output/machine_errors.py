"""Turn any error that a machine's answer causes into that machine's failure.

A command that asks many machines at once must not end because of one. Whatever a machine sends, its handling is inside
of `one_machine`; the caller makes the result of a failed machine from UnexpectedAnswer and goes on with the others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import TracebackType

_OURS = "/probcomp/stack/plugins/"


class UnexpectedAnswer(Exception):
    """Error while handling a machine's answer; str() is the reason in one line."""


@contextlib.contextmanager
def one_machine(*expected: type[Exception]) -> Iterator[None]:
    """Raise UnexpectedAnswer in place of any error that the caller does not expect.

    The reason names the kind of error and the line of ours, so that a mistake of our own can be found. It does not have
    the error's text, which may quote the machine, or a password.
    """
    try:
        yield
    except expected:
        raise
    except Exception as error:
        raise UnexpectedAnswer(_reason(error)) from error


def _reason(error: Exception) -> str:
    kind = type(error).__name__
    # The system's own text for an error number, such as "No space left on device".
    detail = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return f"what it answered could not be handled: {kind}{detail}{_place(error.__traceback__)}"


def _place(trace: TracebackType | None) -> str:
    """Return the innermost line of our code in the traceback."""
    place = ""
    while trace is not None:
        folder, _, file = trace.tb_frame.f_code.co_filename.rpartition("/")
        if _OURS in f"{folder}/" and not file.startswith("machine_errors"):
            place = f" in {file}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
