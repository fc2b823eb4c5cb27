"""Check that commands are refused in one line, before any change."""

from __future__ import annotations

import json
import shlex

from tests.support.living import calls_since, mark
from tests.support.workshop import Result, Workshop


def extra(**values: object) -> str:
    """Return -e with `values` as JSON, which carries any text unharmed."""
    return f"-e {shlex.quote(json.dumps(values))}"


def failures(result: Result) -> list[str]:
    """Return the lines that report failures.

    They come from a play, or from a refusal before there is one.
    """
    return [line for line in result.text.splitlines() if line.startswith(("FAILED", "UNREACHABLE", "[ERROR]"))]


def contents(workshop: Workshop) -> dict[str, bytes]:
    """Return all per-user files and reports with their contents."""
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in workshop.state.rglob("*")}


def refuses(workshop: Workshop, arguments: str, words: list[str]) -> Result:
    """Run ansible-playbook and check that it is refused.

    It fails with a line that contains all `words`, and leaves AWS and all files as they are.
    """
    since = mark(workshop)
    files = contents(workshop)
    result = workshop.play(arguments)
    assert result.status != 0, result.text
    telling = [line for line in failures(result) if all(word in line for word in words)]
    assert telling, f"no line of a failure with {words} in:\n{result.text}"
    assert "Traceback" not in result.text
    assert calls_since(workshop, since) == []
    assert contents(workshop) == files
    assert not (workshop.root / "PWNED").exists()
    return result
