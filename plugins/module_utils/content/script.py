"""Tell how a script is run, and what keeps it from running.

Pure functions. Runs on the machine too. Standard library only, Python 3.10.
"""

from __future__ import annotations

import codecs

_SHELL = "/bin/bash"
"""Interpreter of a script that names none."""
_PROGRAM = b"\x7fELF"
"""Start of a program, which needs no interpreter."""


def problem(script: bytes, name: str) -> str:
    """Return what is wrong with the script called `name`, and how to mend it, or ""."""
    if script.startswith(_PROGRAM):
        return ""
    if script.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return f"{name} is UTF-16: save it as UTF-8 without a BOM, with Unix line endings (LF)"
    bare = script.removeprefix(codecs.BOM_UTF8)
    if not bare.strip():
        return f"{name} is empty: write it, or leave it out of the archive"
    problems, remedies = [], []
    if bare != script:
        problems.append("begins with a byte-order mark (BOM)")
        remedies.append("tail -c +4")
    if _has_carriage_returns(bare):
        problems.append("has Windows line endings (CRLF)" if b"\n" in bare else "has old Mac line endings (CR)")
        remedies.append("tr -d '\\r'" if b"\n" in bare else "tr '\\r' '\\n'")
    if not problems:
        return ""
    command = f"{remedies[0]} < {name}" + "".join(f" | {remedy}" for remedy in remedies[1:])
    return f"{name} {' and '.join(problems)}: {command} > new.sh makes it right"


def _has_carriage_returns(script: bytes) -> bool:
    """Return whether carriage returns spoil the script.

    A shell takes them for a part of each command, other interpreters only mind the first line.
    """
    first = script.partition(b"\n")[0]
    is_shell = not script.startswith(b"#!") or b"sh" in first
    return b"\r" in first or (is_shell and 2 * script.count(b"\r\n") >= script.count(b"\n") > 0)


def interpreter(script: bytes) -> list[str]:
    """Return the command that runs the script, up to the script's name.

    It is the interpreter and its argument, and empty for a compiled program. The script's own file need not be
    executable with an interpreter.
    """
    if script.startswith(_PROGRAM):
        return []
    first = script.partition(b"\n")[0]
    words = first[2:].decode(errors="replace").split(None, 1) if first.startswith(b"#!") else []
    return [word.strip() for word in words] or [_SHELL]
