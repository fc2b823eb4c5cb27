"""Problems that block a command, and notes for the user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from ..aws.errors import explain
from ..output.host_summary import people

with suppress(ImportError):  # AnsibleAWSModule reports it.
    from botocore.exceptions import BotoCoreError, ClientError


@dataclass(frozen=True)
class Problem:
    """A problem that blocks the command, with its remedy; `user` "" means all."""

    what: str
    fix: str
    user: str = ""

    @property
    def text(self) -> str:
        """The problem in one line."""
        return f"{self.user}: {self.what}: {self.fix}" if self.user else f"{self.what}: {self.fix}"

    def as_data(self) -> dict[str, str]:
        """Return the problem as plain data."""
        return {"what": self.what, "user": self.user, "fix": self.fix, "text": self.text}


@dataclass
class Findings:
    """Problems and notes found so far; notes are risks and skipped or failed checks."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped_users: list[str] = field(default_factory=list)
    """Users whose machines are stopped, so that a create leaves them alone."""

    def problem(self, what: str, fix: str, users: str | Iterable[str] = "") -> None:
        """Add a problem; of many users, name only the first."""
        self.problems.append(Problem(what, fix, users if isinstance(users, str) else people(users)))

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    @contextmanager
    def checking(self, subject: str) -> Iterator[None]:
        """Report an AWS error in the context as a problem: `subject` cannot be checked."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            self.problem(f"{subject} cannot be checked", explain(error))

    @contextmanager
    def looking(self, subject: str) -> Iterator[None]:
        """Make a note of an AWS error in the block.

        This is for what may only delay machines: a create goes on without having read it.
        """
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            self.note(f"{subject} cannot be looked at ({explain(error)})")
