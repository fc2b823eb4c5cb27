"""Commands that must be refused: in a line, before anything was changed."""

from __future__ import annotations

import json
import shlex

from tests.support.living import calls_since, mark
from tests.support.workshop import Result, Workshop


def extra(**values: object) -> str:
    """-e with `values` as JSON, which carries any text unharmed."""
    return f"-e {shlex.quote(json.dumps(values))}"


def failures(result: Result) -> list[str]:
    """The lines that say what failed: of a play, and of what refuses before there is one."""
    return [line for line in result.text.splitlines() if line.startswith(("FAILED", "UNREACHABLE", "[ERROR]"))]


def contents(workshop: Workshop) -> dict[str, bytes]:
    """All per-user files and reports, and what they hold."""
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in workshop.state.rglob("*")}


def refuses(workshop: Workshop, arguments: str, words: list[str]) -> Result:
    """Run ansible-playbook: it fails with a line that holds all `words`, and leaves AWS and all files as they are."""
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
